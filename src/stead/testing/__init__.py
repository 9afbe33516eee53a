"""Channels and indexes made on the spot, for tests."""
