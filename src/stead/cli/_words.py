"""``stead __complete KIND``: what a shell's completion asks while its user waits.

One word per line, and after a tab what to say of it. It says nothing where there is
nothing to say, and never an error: it would stand in the middle of somebody's line.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from stead.cli._world import make_app
from stead.pipeline.words import words
from stead.values.errors import SteadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.cli.app import App


def answer(rest: list[str], directory: str | None) -> int:
    """Answer about one kind of word; ``directory`` is what ``-C`` names."""
    try:
        app = make_app(argparse.Namespace(directory=directory))
        if rest[:1] == ["tested"]:
            return _print(_tested(app))
        if rest[:1] and rest[0] in _OF_MODULES:
            return _print(_OF_MODULES[rest[0]](app))
        request = app.request()
        found = words(
            rest[0] if rest else "",
            request.directory,
            home=app.context.home,
            user_home=request.user_home,
            overlay=request.overlay,
            environment=request.environment,
            transaction=app.transaction.directory if app.transaction else "",
        )
    except SteadError:
        return 0
    return _print(found)


def _tested(app: App) -> Iterable[tuple[str, str]]:
    """Name the environments that there are to test."""
    from stead.matrix import describe
    from stead.matrix.asking import Asked

    asked = Asked(app.directory, app.platform, app.user_home)
    found = describe.read(asked, app.context, look=False)
    return [(name, "") for name in found.names]


def _items(app: App) -> Iterable[tuple[str, str]]:
    """Name the items of registries that are at hand: nothing is fetched."""
    from stead.cli._modules import project_of, sources
    from stead.modules.registry.directory import Directory

    for source in sources(project_of(app), app):
        if isinstance(source, Directory):
            yield from ((one.name, one.summary) for one in source.items())


def _owned(app: App) -> Iterable[tuple[str, str]]:
    """Name the modules of the project that have a record."""
    from stead.cli._modules import modules, project_of

    for name, (path, held) in modules(project_of(app)).items():
        yield name, f"{held.came.version}, {path}"


def _pages(app: App) -> Iterable[tuple[str, str]]:
    """Name the pages of books that are at hand: nothing is fetched."""
    from stead.cli._modules import project_of, sources
    from stead.modules import book
    from stead.modules.registry.directory import Directory

    project = project_of(app)
    known = [s for s in sources(project, app) if isinstance(s, Directory)]
    pages, _ = book.pages(project.root, known)
    yield from ((page.name, page.question) for page in pages)


_OF_MODULES = {"item": _items, "owned": _owned, "page": _pages}
"""What there are words of that the manifests do not say: the kind, and what gives them."""


def _print(found: Iterable[tuple[str, str]]) -> int:
    text = "".join(f"{word}\t{about}\n" for word, about in found)
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
    return 0
