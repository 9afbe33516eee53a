"""Entry point; imports no more than it needs."""

from __future__ import annotations


def main() -> int:
    """Run the command line, and end the process as soon as that is done.

    To take an interpreter apart piece by piece takes a twentieth of a run, and py-rattler's
    runtime can crash there. Returns the exit code only where something is still at work.
    """
    import atexit
    import os
    import sys

    code = _run()
    threading = sys.modules.get("threading")
    if threading and not all(one.daemon for one in threading.enumerate()[1:]):
        return code
    try:
        getattr(atexit, "_run_exitfuncs")()  # noqa: B009 (what others asked for at the end)
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # a stream is closed: the interpreter knows what to say of it
    else:
        os._exit(code)
    return code


def _run() -> int:
    import gc

    try:
        # Hardly anything that a start makes is garbage; looking for it takes a twentieth of it.
        gc.set_threshold(100_000, 20, 20)
        from stead.cli.main import main as run

        return run()
    except KeyboardInterrupt:  # before or after the part that could say so better
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
