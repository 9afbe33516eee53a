"""Entry point; imports no more than it needs."""

from __future__ import annotations


def main() -> int:
    """Run the command line; returns the exit code."""
    from stead.cli.main import main as run

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
