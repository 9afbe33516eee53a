"""Making modules ready to run, several at a time: each by a process of Stead's own.

Environments are locked one after the other and built side by side, as when people do so at once;
other languages' own commands run in the modules' directories.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stead.modules.own import Module
    from stead.values.context import Completed, Context

_SHOWN = 12
"""So many lines of what failed are shown."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What became of one module."""

    module: Module
    code: int = 0
    seconds: float = 0.0
    said: tuple[str, ...] = ()
    """The last lines of one that failed."""
    nothing: bool = False
    """Whether there was nothing to be done."""


def install(
    modules: Sequence[Module],
    command: Callable[[Module], list[str]],
    context: Context,
    *,
    parallel: int = 0,
) -> Iterator[Installed]:
    """Install modules, and give what became of each as it ends.

    ``command`` gives the argument list that installs one; empty where nothing is to be done.
    """
    from concurrent.futures import as_completed

    bound = parallel or max(2, os.cpu_count() or 1)
    with ThreadPoolExecutor(max_workers=bound) as pool:
        waiting = [pool.submit(_one, module, command(module), context) for module in modules]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            for one in waiting:
                one.cancel()


def _one(module: Module, argv: list[str], context: Context) -> Installed:
    if not argv:
        return Installed(module, nothing=True)
    begun = context.now()
    done: Completed = context.run(argv, cwd=module.directory)
    seconds = max(0.0, context.now() - begun)
    if not done.returncode:
        return Installed(module, 0, seconds)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return Installed(module, done.returncode, seconds, tuple(lines[-_SHOWN:]))
