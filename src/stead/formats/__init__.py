"""One file per file format: text to values, values to text."""
