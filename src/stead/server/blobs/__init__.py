"""Files that builds leave, wherever they are kept."""
