"""One file per shell: activation to text. No decision lives here."""
