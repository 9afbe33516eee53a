"""Stead makes a project's working state a value."""

__version__ = "0.1.0"
