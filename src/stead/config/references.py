"""What a value refers to: its text split into what stands for itself and what is looked up.

``${NAME}`` is another variable, ``${paths.NAME}`` an entry of ``[paths]``. Roles
leave open which host and which net there will be: ``${host.ports.web}``,
``${host.paths.scratch}``, ``${host.data.scans}``, ``${host.secrets.pass}``,
``${net.db}`` (``host:port``), ``${net.db.host}``, ``${net.db.port}`` and
``${data.scans}``. Those of ``host``, ``net``, ``data`` and ``paths`` may also stand
in braces alone: ``{net.db}``.

What is put into a URL is percent-encoded, and into JSON escaped, but for what is
an address or JSON itself (:func:`stead.config.nodes.inserted`); a value that is
one reference and nothing else is that value.

``$$`` is a dollar sign, ``$${…}`` and ``{{net.db}}`` the characters ``${…}`` and
``{net.db}``. Every other dollar sign and brace stands for itself, so that JSON
does. There are no defaults and no commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.values.errors import ManifestError
from stead.values.frozen import dataclass
from stead.values.origin import NOWHERE
from stead.values.patterns import regex

if TYPE_CHECKING:
    from stead.values.origin import Origin

_ROLE = r"(?:host|net|data|paths)\.[^\s{}$]*"
_TOKEN = regex(
    rf"\$\$(\{{{_ROLE}\}})?"  # 1: the braces that a doubled dollar sign takes along
    r"|\$\{([^{}$]*)\}"  # 2
    r"|\$\{"
    rf"|\{{(\{{{_ROLE}\}})\}}"  # 3: braces that are meant as such
    rf"|\{{({_ROLE})\}}"  # 4
)
_BRACED = regex(rf"\{{({_ROLE})\}}")
_SHAPE = regex(
    r"[^\s:.?+=/-]+"
    r"|(?:paths|net|data)\.[^\s:]+"
    r"|host\.(?:ports|paths|data|secrets)\.[^\s:]+"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """``${text}`` within a value."""

    text: str


def parse(value: str, *, name: str = "", where: Origin = NOWHERE) -> tuple[str | Reference, ...]:
    """Split a value into literal text and references; neighbouring text is one part.

    Raises ManifestError for a reference that has no end or no name.
    """
    if "$" not in value and "{" not in value:
        return (value,) if value else ()
    parts: list[str | Reference] = []
    text = ""
    at = 0
    for match in _TOKEN.finditer(value):
        text += value[at : match.start()]
        at = match.end()
        dollar, inner, braces, alone = match.groups()
        if match.group().startswith("$$"):
            text += "$" + (dollar or "")
            continue
        if braces is not None:
            text += braces
            continue
        if inner is None and alone is None:
            raise _error(
                f"{_of(name)}a reference is not closed: {value[match.start() :][:40]!r}",
                where,
                "write ${NAME}, or $${ for the characters themselves",
            )
        found = inner if alone is None else alone
        if not _SHAPE.fullmatch(found):
            raise _not_a_reference(match.group(), found, name, where)
        if text:
            parts.append(text)
            text = ""
        parts.append(Reference(found))
    text += value[at:]
    if text:
        parts.append(text)
    return tuple(parts)


def escape(text: str) -> str:
    """Write ``text`` so that it expands to itself."""
    return _BRACED.sub(r"{{\1}}", text.replace("$", "$$"))


def is_plain(text: str) -> bool:
    """Say whether ``text`` certainly refers to nothing and means itself."""
    return "$" not in text and "{" not in text


def _not_a_reference(written: str, inner: str, name: str, where: Origin) -> ManifestError:
    alone = not written.startswith("$")
    if alone or inner.partition(".")[0] in ("host", "net", "data"):
        remedy = (
            "write host.ports.NAME, host.paths.NAME, host.data.NAME, host.secrets.NAME, "
            f"net.NAME, data.NAME or paths.NAME, or {'{{…}}' if alone else '$${'} "
            "for the characters themselves"
        )
    else:
        remedy = (
            "write ${NAME} or ${paths.NAME} (there are no defaults), "
            "or $${ for the characters themselves"
        )
    return _error(f"{_of(name)}'{written}' is not a reference", where, remedy)


def _of(name: str) -> str:
    return f"in the value of {name}, " if name else ""


def _error(message: str, where: Origin, remedy: str) -> ManifestError:
    return ManifestError(message, where=where if where.file else None, remedy=remedy)
