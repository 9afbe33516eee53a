"""One file per command: parse, construct, call, render."""
