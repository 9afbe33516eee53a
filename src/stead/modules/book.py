"""The book: the project's own pages, those of registries, and the one that comes with Stead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.formats import book_page
from stead.modules import needs
from stead.modules.registry.opening import ask_all
from stead.values.errors import ManifestError, RegistryError, UsageError
from stead.values.frozen import replace
from stead.values.names import nearest
from stead.values.registry import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stead.modules.needs import Chosen
    from stead.modules.registry import Source
    from stead.values.book import Page, Wanted
    from stead.values.errors import SteadError
    from stead.values.item import Came

DIRECTORY = "book"
LARGEST = 1_000_000
"""Bytes of a page."""
_START = 10_000
"""Characters of a file from which it can be told whether it is a page."""


def texts(directory: str) -> Iterator[tuple[str, str, str]]:
    """Give name, file and text of each page in a directory. Raises ManifestError."""
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        file = os.path.join(directory, name)
        if not name.endswith(book_page.SUFFIX) or name in book_page.PROSE or os.path.islink(file):
            continue
        try:
            with open(file, "rb") as stream:
                raw = stream.read(LARGEST + 1)
            if len(raw) > LARGEST:
                raise ManifestError("this page is too long", where=file, remedy="part it")
            yield name.removesuffix(book_page.SUFFIX), file, raw.decode("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ManifestError(
                f"this page cannot be read: {exc}", where=file, remedy="it is Markdown, in UTF-8"
            ) from exc


def own(root: str) -> tuple[tuple[str, str], ...]:
    """Give names and files of a project's own pages, from their first lines alone.

    What else is Markdown in that directory is none; what is wrong with a page its test says.
    """
    directory = os.path.join(root, DIRECTORY)
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return ()
    found = []
    for name in names:
        file = os.path.join(directory, name)
        if not name.endswith(book_page.SUFFIX) or name in book_page.PROSE or os.path.islink(file):
            continue
        try:
            with open(file, encoding="utf-8-sig", errors="replace") as stream:
                start = stream.read(_START)
        except OSError:
            continue
        if book_page.begins(start):
            found.append((name.removesuffix(book_page.SUFFIX), file))
    return tuple(found)


def shipped_directory() -> str:
    """Give where the book lies that comes with Stead."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(os.path.dirname(here), DIRECTORY)


def pages(root: str, known: Sequence[Source]) -> tuple[tuple[Page, ...], tuple[SteadError, ...]]:
    """Give the pages that a project knows: its own first, then the registries'.

    Also gives what was wrong: of registries that cannot be asked, and of pages that are no pages,
    which hinder no other. Raises ManifestError for a file that cannot be read.
    """
    found: list[Page] = []
    wrong: list[SteadError] = []

    def take(text: str, file: str, name: str, source: str = "") -> None:
        try:
            found.append(replace(book_page.read(text, file, name), source=source))
        except ManifestError as exc:
            wrong.append(exc)

    for name, file, text in texts(os.path.join(root, DIRECTORY)):
        take(text, file, name)
    others = [source for source in known if source.name != SHIPPED]
    said, gone = ask_all(others, lambda source: source.book())
    for source, held in said:
        for name, text in sorted(held.items()):
            take(text, f"{source.location}/{DIRECTORY}/{name}.md", name, source.name)
    for name, file, text in texts(shipped_directory()):
        take(text, file, name, SHIPPED)
    return tuple(found), (*wrong, *gone)


def named(known: Sequence[Page], name: str) -> Page:
    """Give a page by its name, or by REGISTRY/NAME; the project's own before others'.

    Raises UsageError, with the nearest name.
    """
    source, slash, rest = name.rpartition("/")
    for page in known:
        if page.name == rest and (not slash or page.source == source):
            return page
    names = [page.name for page in known]
    close = nearest(rest, names)
    raise UsageError(
        f"the book has no page {name}" + (f"; did you mean {close}?" if close else ""),
        remedy=f"there are: {', '.join(dict.fromkeys(names))}" if names else "it has no pages",
    )


def combination(
    page: Page, known: Sequence[Source], there: Callable[[str], Came | None] = lambda _: None
) -> tuple[Chosen, ...]:
    """Give all items that a page names and what they need, what is needed first.

    Those that are ``there`` are left out. Raises RegistryError, with the page's line, for what is
    not to be had; UsageError for options that an item does not take.
    """
    found: dict[str, Chosen] = {}
    for wanted in page.modules:
        if there(wanted.name) is not None:
            continue
        for chosen in _chosen(wanted, known, there):
            former = found.get(chosen.name)
            if former is None or (former.needed_by and not chosen.needed_by):
                found[chosen.name] = chosen
            elif (former.item.integrity, former.options) != (chosen.item.integrity, chosen.options):
                if (
                    chosen.needed_by
                    and not former.needed_by
                    and (former.item.integrity == chosen.item.integrity)
                ):
                    continue  # the page says how it wants what another needs
                raise RegistryError(
                    f"two modules of the page need {chosen.name} otherwise",
                    where=wanted.origin,
                    remedy="name versions that fit together",
                )
    return tuple(found.values())


def _chosen(
    wanted: Wanted, known: Sequence[Source], there: Callable[[str], Came | None]
) -> tuple[Chosen, ...]:
    try:
        source = needs.find(known, wanted.name, wanted.registry)
        item = source.item(wanted.name, wanted.version)
        return needs.gather(known, source, item, dict(wanted.options), there=there)
    except (RegistryError, UsageError) as exc:
        exc.details = (*exc.details, f"{wanted.origin}: {wanted.name} is named here")
        raise
