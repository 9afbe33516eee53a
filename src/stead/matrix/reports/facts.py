"""What reports are told besides results: where they are shown, and what they are about."""

from __future__ import annotations

import time

from stead.values.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from stead.values.origin import Origin

    Style = Literal["board", "plain", "github", "gitlab"]


def _unknown_size() -> tuple[int, int]:
    return (80, 24)


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where a report is shown.

    ``size`` gives columns and rows, and is asked anew for each picture. ``symbols``
    says whether more than ASCII can be shown. ``parallel`` says whether several jobs
    may write at once; ``cells`` is how many there are.
    """

    terminal: bool = False
    colour: bool = False
    symbols: bool = True
    parallel: bool = False
    cells: int = 0
    size: Callable[[], tuple[int, int]] = _unknown_size
    now: Callable[[], float] = time.time

    def extent(self) -> tuple[int, int]:
        """Give columns and rows; those usual where a terminal does not know its own."""
        columns, rows = self.size()
        return columns or 80, rows or 24


@dataclass(frozen=True, slots=True)
class About:
    """What the results are of.

    ``file`` describes the suite, in ``root``. ``origins`` says of an environment's
    name where it is written; ``started`` is in seconds since the epoch.
    """

    root: str = ""
    file: str = ""
    name: str = ""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    started: float = 0
    seconds: float = 0
    """How long all of it took."""
    machine: str = ""
    version: str = ""
    """Stead's."""


def outlet(
    environ: Mapping[str, str],
    *,
    terminal: bool,
    encoding: str = "utf-8",
    parallel: bool = False,
    cells: int = 0,
    size: Callable[[], tuple[int, int]] = _unknown_size,
) -> tuple[Style, Outlet]:
    """Choose how to report, from the caller's variables and whether a terminal is written to.

    A CI service that folds logs is known by its variable. ``NO_COLOR`` (if not empty)
    takes colours away, ``FORCE_COLOR`` and ``CLICOLOR_FORCE`` give them elsewhere.
    ``TERM=dumb`` is no terminal that a picture can be drawn on. One cell alone is
    shown as it runs: its output is what there is to see.
    """
    able = terminal and environ.get("TERM", "dumb") != "dumb"
    forced = any(environ.get(n, "0") not in ("", "0") for n in ("FORCE_COLOR", "CLICOLOR_FORCE"))
    colour = (able or forced) and not environ.get("NO_COLOR")
    style: Style = "plain"
    if environ.get("GITHUB_ACTIONS") == "true":
        style = "github"
    elif environ.get("GITLAB_CI") == "true":
        style = "gitlab"
    elif able and cells > 1:
        style = "board"
    return style, Outlet(
        terminal=able,
        colour=colour,
        symbols=encoding.lower().replace("-", "").startswith("utf"),
        parallel=parallel,
        cells=cells,
        size=size,
    )
