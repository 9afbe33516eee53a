"""Runs programs from within a step's child, in the child's own process group.

So whatever ends the child ends them too; that is why the command line's runner, which
gives each program a session of its own, is not used here.
"""

from __future__ import annotations

import os
import subprocess
import threading
from typing import TYPE_CHECKING

from stead.server.engine.nursery import end_with_parent
from stead.values.context import Completed
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def run(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    on_line: Callable[[str], None] | None = None,
    timeout: float | None = None,
    most_output: int | None = None,
) -> Completed:
    """Run ``argv`` to its end; a :class:`~stead.values.context.Runner`."""
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            preexec_fn=end_with_parent,  # noqa: PLW1509 (few threads, and nothing but a call)
        )
    except (OSError, ValueError) as exc:
        raise SteadError(f"{os.path.basename(argv[0])} could not be run: {exc}") from exc
    said: list[str] = []
    with child:
        follower = None
        if on_line is not None and timeout is None and most_output is None:
            follower = threading.Thread(target=_follow, args=(child, said, on_line))
            follower.start()
            if child.stdin is not None:
                child.stdin.write(stdin or "")
                child.stdin.close()
            assert child.stdout is not None
            stdout = child.stdout.read()
            follower.join()
            child.wait()
            return Completed(child.returncode, stdout, "".join(said))
        try:
            stdout, stderr = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired as exc:
            child.kill()
            raise TimeoutError from exc
    if most_output is not None:
        stdout, stderr = stdout[: most_output + 1], stderr[: most_output + 1]
    return Completed(child.returncode, stdout, stderr)


def _follow(child: subprocess.Popen[str], said: list[str], on_line: Callable[[str], None]) -> None:
    assert child.stderr is not None
    for line in child.stderr:
        said.append(line)
        on_line(line.rstrip("\r\n"))
