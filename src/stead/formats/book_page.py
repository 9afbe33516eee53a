"""A page of the book: Markdown, with YAML between two lines of ``---`` before it.

---
question: What does a price change do to sales?
modules:
elasticity: { type: loglog }
team/forecast@1.2.0:
---
# Prices
"""

from __future__ import annotations

import re
from typing import Any

from stead.formats import _yaml
from stead.formats._grammar_item import ITEM, VERSION
from stead.formats._grammar_values import NAME
from stead.values.book import Page, Wanted
from stead.values.errors import ManifestError
from stead.values.names import nearest
from stead.values.origin import Origin

SUFFIX = ".md"
PROSE = frozenset({"README.md", "index.md"})
"""What may lie beside pages."""
_WANTED = re.compile(rf"(?:({NAME})/)?({ITEM})(?:@({VERSION}))?\Z")
_KEYS = ("question", "modules")
_FENCE = "---"


def begins(text: str) -> bool:
    """Say whether a Markdown file begins as a page does; it need not be a sound one."""
    head = re.match(r"---[ \t]*\r?\n(.*?)(?:^---[ \t]*\r?$|\Z)", text, re.DOTALL | re.MULTILINE)
    return head is not None and re.search(r"(?m)^(?:question|modules)[ \t]*:", head[1]) is not None


def read(text: str, file: str, name: str) -> Page:
    """Read a page. Raises ManifestError with file and line."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), 0)
    if lines[0].rstrip() != _FENCE or not end:
        raise ManifestError(
            "this page does not say which modules answer which question",
            where=Origin(file, 1),
            remedy="begin it with ---, question: …, modules: …, and --- again",
        )
    root = _yaml.compose("\n".join(["", *lines[1:end]]), file)
    question = ""
    modules: tuple[Wanted, ...] = ()
    for key, value, origin in _yaml.pairs(root, file, "the head of the page"):
        if key == "question":
            question = " ".join(_yaml.text(value, origin, key).split())
        elif key == "modules":
            modules = tuple(_modules(value, file, origin))
        else:
            close = nearest(key, _KEYS)
            raise ManifestError(
                f"a page knows no {key}" + (f"; did you mean {close}?" if close else ""),
                where=origin,
                remedy=f"there are: {', '.join(_KEYS)}",
            )
    for key, value in (("question", question), ("modules", modules)):
        if not value:
            raise ManifestError(
                f"the page has no {key}",
                where=Origin(file, 1),
                remedy="question says what it answers, modules lists what answers it",
            )
    return Page(
        name=name,
        question=question,
        modules=modules,
        text="\n".join(lines[end + 1 :]).strip("\n") + "\n",
        origin=Origin(file, 1),
    )


def _modules(node: Any, file: str, origin: Origin) -> list[Wanted]:
    found: list[Wanted] = []
    if _yaml.kind(node) == "list":
        for item, at in _yaml.items(node, file, "modules"):
            found.append(_wanted(_yaml.text(item, at, "a module"), (), at))
    else:
        for name, value, at in _yaml.pairs(node, file, "modules"):
            options = tuple(
                sorted(
                    (key, _yaml.text(one, where, f"the option {key}"))
                    for key, one, where in _yaml.pairs(value, file, f"the options of {name}")
                )
            )
            found.append(_wanted(name, options, at))
    names = [one.name for one in found]
    twice = next((n for n in names if names.count(n) > 1), "")
    if twice:
        raise ManifestError(
            f"{twice} stands twice among the modules", where=origin, remedy="name it once"
        )
    return found


def _wanted(text: str, options: tuple[tuple[str, str], ...], at: Origin) -> Wanted:
    match = _WANTED.match(text)
    if match is None:
        raise ManifestError(
            f"{text!r} names no module",
            where=at,
            remedy="write NAME, REGISTRY/NAME or NAME@VERSION: lower-case letters, digits and -",
        )
    return Wanted(match[2], match[1] or "", match[3] or "", options, at)
