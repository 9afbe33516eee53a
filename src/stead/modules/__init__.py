"""Modules that a project owns: registries, adding, records, updates, the book."""
