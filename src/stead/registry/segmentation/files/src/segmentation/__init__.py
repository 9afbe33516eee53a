"""Segments of things with measures: find them, describe them, and tell where a new one belongs."""

from segmentation.main import Profile, Segmentation, assign, profile, segment
from segmentation.utils import InputError, Table, example, read

__all__ = [
    "InputError",
    "Profile",
    "Segmentation",
    "Table",
    "assign",
    "example",
    "profile",
    "read",
    "segment",
]
