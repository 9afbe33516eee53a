"""What a run looks like while it goes on, and what it leaves: from events and results to text.

:func:`reporter` shows a run. The files that are left come from
:mod:`~stead.matrix.reports.junit`, :mod:`~stead.matrix.reports.as_json`,
:mod:`~stead.matrix.reports.as_html` and :mod:`~stead.matrix.reports.github`, each a
function from results to text.
"""

from __future__ import annotations

from stead.matrix.reports.facts import About, Outlet, outlet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.matrix.reports.facts import Style
    from stead.matrix.reports.plain import Plain

__all__ = ["About", "Outlet", "outlet", "reporter"]


def reporter(
    style: Style,
    write: Callable[[str], object],
    where: Outlet,
    about: About | None = None,
) -> Plain:
    """Give what shows a run: ``.event(Event)`` for each event, ``.finish(results)`` at the end.

    ``write`` gets text with its line ends and escape sequences, and nothing else is
    written to. Both methods may be called from any thread.
    """
    if style == "board":
        from stead.matrix.reports.board import Board

        return Board(write, where, about)
    if style == "github":
        from stead.matrix.reports.services import GitHub

        return GitHub(write, where, about)
    if style == "gitlab":
        from stead.matrix.reports.services import GitLab

        return GitLab(write, where, about)
    from stead.matrix.reports.plain import Plain

    return Plain(write, where, about)
