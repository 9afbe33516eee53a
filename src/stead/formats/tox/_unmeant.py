"""References that mean nothing: tox leaves them as they are written, and says nothing of it.

They are looked for in what is written, not in what comes of it: so a listing, which evaluates
next to nothing, names them too.
"""

from __future__ import annotations

from stead.values.frozen import dataclass
from stead.values.names import nearest
from stead.values.patterns import regex
from stead.values.testenv import Note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stead.values.origin import Origin

# A brace behind a dollar is a shell's, one behind a backslash a brace.
_REFERENCE = regex(
    r"(?<![\\$])\{(?P<whole>(?:\[(?P<section>[^][{}]+)\])?(?P<key>[-a-zA-Z0-9_]+))(?P<end>[:}])"
)
_FUNCTIONS = frozenset({"env", "posargs", "tty", "glob", "factor"})
_OWN = frozenset({"jobs"})
"""What Stead replaces when a command is run."""
FILLED = {"install_command": frozenset({"packages", "opts"})}
"""What is filled in later, by key."""
LISTS = frozenset({"env_list", "envlist", "depends", "labels", "requires"})
"""Keys whose braces are those of factor expressions."""


@dataclass(frozen=True, slots=True)
class Reference:
    """``{key}`` or ``{[section]key}`` as written; ``default`` says that a text follows a colon."""

    written: str
    section: str | None
    key: str
    default: bool
    at: int
    """Where in the text it begins."""


def references(text: str, key: str) -> Iterator[Reference]:
    """Give the references in the value of ``key`` that could mean a key, or nothing."""
    if "{" not in text:
        return
    filled = FILLED.get(key, frozenset())
    for match in _REFERENCE.finditer(text):
        section, name = match["section"], match["key"]
        if section is None:
            if key in LISTS:
                continue
            number = name.replace("-", "").isdecimal()
            if number or name in _FUNCTIONS or name in _OWN or name in filled:
                continue
        yield Reference(match["whole"], section, name, match["end"] == ":", match.start())


def likely(name: str, known: Iterable[str]) -> str:
    """Give the one of these that a name was most likely meant to be, and is not; empty for none.

    Stricter than :func:`nearest`: what stands beside tox's own belongs to others.
    """
    from difflib import get_close_matches

    found = get_close_matches(name.lower(), [*known], 1, 0.8)
    return found[0] if found and found[0] != name else ""


def no_base(name: str, where: Origin) -> Note:
    """Say that there is nothing under a name that ``base`` has."""
    return Note(f"base names {name}, which is not there", where, "correct it, or take it out")


def note(found: Reference, known: Iterable[str], where: Origin) -> Note:
    """Say that a reference means nothing, and what was most likely meant of the keys known there."""
    written = f"{{{found.written}:…}}" if found.default else f"{{{found.written}}}"
    becomes = "what follows the colon takes its place" if found.default else "it stays as it is"
    like = nearest(found.key, known if found.section else [*known, *_FUNCTIONS, *_OWN])
    section = f"[{found.section}]" if found.section else ""
    remedy = f"if the braces are meant, write \\{written[:-1]}\\}}"
    if like:
        remedy = f"did you mean {{{section}{like}}}?"
    return Note(f"{written} means nothing: {becomes}", where, remedy)
