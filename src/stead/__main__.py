"""Entry point; imports no more than it needs."""

from __future__ import annotations


def main() -> int:
    """Run the command line; returns the exit code."""
    import gc

    try:
        # Hardly anything that a start makes is garbage; looking for it takes a twentieth of it.
        gc.set_threshold(100_000, 20, 20)
        from stead.cli.main import main as run

        return run()
    except KeyboardInterrupt:  # before or after the part that could say so better
        return 130
    finally:
        # What is left goes with the process; to look through it once more takes a tenth of a run.
        gc.freeze()


if __name__ == "__main__":
    raise SystemExit(main())
