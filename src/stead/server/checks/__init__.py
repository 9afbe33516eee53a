"""What ``stead serve --check`` looks at, one file per kind."""
