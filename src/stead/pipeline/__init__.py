"""The steps from a directory to a running command."""
