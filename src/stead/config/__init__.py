"""Variables: expansion, and what of the caller must not leak in."""
