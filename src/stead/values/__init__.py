"""Frozen values; pure, no input or output; imports no other room."""
