"""From definitions with references to values.

Everything that can be referred to is a node: a variable, an entry of
``[paths]``, an offer of the host, an endpoint of the net. Nodes are computed
when they are asked for, each once, without recursion: chains may be long. What
cannot be computed is reported where it stands; whatever is made of it is then
left out in silence.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.config.expand import ADOPTED, LONGEST
from stead.config.faults import TypeFault
from stead.config.locations import split_list
from stead.config.nodes import Node, Value, inserted, report_circle, shown, written
from stead.config.references import Reference, is_plain
from stead.config.references import parse as parse_references
from stead.config.report import listed, suggestion
from stead.config.types import parse
from stead.values.errors import ManifestError
from stead.values.kinds import TEXT, Type
from stead.values.secret import Secret, SecretReference, parse_reference
from stead.values.table import LiteralSecret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from stead.config.nodes import Piece
    from stead.config.report import Report
    from stead.values.kinds import Raw
    from stead.values.manifest import PathEntry
    from stead.values.platform import Platform


_NO_PATHS = frozenset(["USER", "LOGNAME", "USERNAME", "DISPLAY", "WAYLAND_DISPLAY"])
"""Of the names that are adopted anyway, those that hold no file's name."""
_SUGGESTED = 50
"""For how many unknown names another is looked for; that takes its time."""
_ROLES = ("paths.", "host.", "net.", "data.")
_PLACEHOLDER = "1"
"""Stands for a secret while the rest of an address is checked: it may stand anywhere in one."""


class Evaluator:
    """Computes nodes. ``special`` gives the node, or the value, of a role's reference."""

    def __init__(
        self,
        paths: Iterable[PathEntry],
        *,
        ambient: Mapping[str, str],
        adopt: Iterable[str],
        platform: Platform,
        report: Report,
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self.open_ended: set[str] = set()
        """Variables that add to what the caller has."""
        self.taken_away: set[str] = set()
        self.special: Callable[[str, Node], Node | Value | None] = lambda _key, _user: None
        self._paths = {p.name: p for p in paths if p.path is not None}
        self._ambient = ambient
        self._adopt = {*ADOPTED, *adopt}
        self._platform = platform
        self._report = report
        self._done: dict[str, Value | None] = {}
        self._unknown = 0

    def references(self, node: Node) -> tuple[str, ...]:
        """Give what a node refers to, in order; reports references that are none."""
        self._parse(node)
        return node.refers

    def value(self, key: str) -> Value | None:
        """Compute the value of one node; None where there is none (which was reported)."""
        if key in self._done:
            return self._done[key]
        stack = [key]
        chain: dict[str, Iterator[str]] = {}
        """Nodes that wait for another, each with what it refers to and was not looked at yet."""
        while stack:
            top = stack[-1]
            if top in self._done:
                chain.pop(top, None)
                stack.pop()
                continue
            node = self.nodes[top]
            if top not in chain:
                if not self._parse(node):
                    self._done[top] = None
                    continue
                chain[top] = iter(node.refers)
            needed = next((k for k in chain[top] if not self._known(k, node)), None)
            if needed is None:
                self._done[top] = self._finish(node)
                continue
            if needed in chain:
                circle = [*chain][[*chain].index(needed) :]
                report_circle([self.nodes[name] for name in circle], self._report)
                for name in circle:
                    self._done[name] = None
                continue
            stack.append(needed)
        return self._done[key]

    def _known(self, key: str, user: Node) -> bool:
        """Say whether a reference needs no more computing; what is not there is known too."""
        if key in self._done:
            return True
        if key in self.nodes:
            return False
        if key.startswith("paths."):
            self._done[key] = self._path(key, user)
        elif key.startswith(_ROLES):
            found = self.special(key, user)
            if isinstance(found, Node):
                self.nodes[key] = found
                return False
            self._done[key] = found
        else:
            found = self._adopted(key, user)
            if found is not None:
                self._done[key] = found
        return True

    def _parse(self, node: Node) -> bool:
        """Split a node's text; False if that cannot be done."""
        if node.parts is not None:
            return bool(node.parts) or node.raw in ("", ())
        raw = node.raw
        items = (raw,) if isinstance(raw, str) else raw
        if node.literal or all(map(is_plain, items)):
            node.parts = [(item,) if item else () for item in items]
            if isinstance(raw, str):
                self._bind(node, raw)
            return True
        node.parts = []
        try:
            parts = [parse_references(i, name=node.name, where=node.origin) for i in items]
        except ManifestError as error:
            if node.kind.name == "secret":  # whose text the message would quote
                self._report.add(
                    f"the value of {node.name} is no reference",
                    node.origin,
                    remedy="write age:FILE#KEY, or ${NAME}",
                )
            else:
                self._report.take(error, node.origin)
            return False
        scope = node.scope
        if scope:
            parts = [
                tuple(
                    Reference(scope[p.text]) if isinstance(p, Reference) and p.text in scope else p
                    for p in item
                )
                for item in parts
            ]
        node.parts = parts
        node.refers = tuple(
            dict.fromkeys([p.text for item in parts for p in item if isinstance(p, Reference)])
        )
        return True

    def _bind(self, node: Node, text: str) -> None:
        """Make a reference of what an app binds by a bare name."""
        if node.role == "listen" and text.startswith("host.ports."):
            reference = text
        elif (node.role == "data" or node.kind.name == "data") and not (
            text in ("", ".", "..") or "/" in text or "\\" in text
        ):
            reference = text if text.startswith(("data.", "host.data.")) else f"data.{text}"
        else:
            return
        node.parts = [(Reference(reference),)]
        node.refers = (reference,)

    def _finish(self, node: Node) -> Value | None:
        assert node.parts is not None
        items = []
        name = node.kind.name
        size = 0
        secret = failed = False
        for parts in node.parts:
            pieces: list[tuple[Piece, str]] = []
            # What is an address, or JSON, as a whole is not put into one.
            into = (name if len(parts) > 1 else "") if name in ("url", "json") else ""
            if node.role == "address":
                into = "url"
            for part in parts:
                if isinstance(part, str):
                    pieces.append((part, ""))
                    size += len(part)
                    continue
                found = self._done.get(part.text)
                if found is None:
                    failed = True
                    if part.text not in self._done:
                        self._report_unknown(part.text, node)
                    continue
                added = inserted(found, into)
                secret = secret or bool(found.pieces)
                pieces += added
                # Measured on the way: a handful of doublings would fill the memory first.
                size += sum(len(p) for p, _ in added if isinstance(p, str))
                if size > LONGEST:
                    self._too_long(node)
                    return None
            items.append(pieces)
        if failed:
            return None
        if secret:
            return self._secret(node, [p for pieces in items for p in pieces])
        texts = tuple(["".join([str(p) for p, _ in pieces]) for pieces in items])
        if node.kind.name == "paths" and not isinstance(node.raw, str):
            texts = self._spliced(node, texts)
        if node.kind.name == "secret":
            return self._declared_secret(node, texts[0] if isinstance(node.raw, str) else None)
        return self._checked(node, texts[0] if isinstance(node.raw, str) else texts)

    def _spliced(self, node: Node, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Put the entries of a list in where one stands that refers to it as a whole."""
        spliced: list[str] = []
        for parts, text in zip(node.parts or (), texts, strict=True):
            found = (
                self._done.get(parts[0].text)
                if len(parts) == 1 and isinstance(parts[0], Reference)
                else None
            )
            if found is not None and found.kind == "paths":
                spliced += split_list(text, self._platform)
            else:
                spliced.append(text)
        return tuple(spliced)

    def _checked(self, node: Node, raw: Raw) -> Value | None:
        if node.role == "address":
            return Value("address", raw if isinstance(raw, str) else "")
        kind = node.kind
        if kind is TEXT and isinstance(raw, str):
            text = raw
            if "\0" in text:
                self._fault(node, raw, TypeFault("expected a text without NUL"))
                return None
        else:
            try:
                text = parse(kind, raw, self._platform, node.base)
            except TypeFault as fault:
                self._fault(node, raw, fault)
                return None
        if len(text) > LONGEST // 4 and len(text.encode("utf-8", "surrogateescape")) > LONGEST:
            self._too_long(node)
            return None
        return Value(kind.name, text)

    def _secret(self, node: Node, pieces: list[tuple[Piece, str]]) -> Value | None:
        merged: list[tuple[Piece, str]] = []
        for piece, how in pieces:
            last = merged[-1][0] if merged else None
            if isinstance(piece, str) and isinstance(last, str):
                merged[-1] = (last + piece, "")
            elif piece != "":
                merged.append((piece, how))
        if node.kind.name == "url" and len(merged) > 1 and isinstance(merged[0][0], str):
            text = "".join([p if isinstance(p, str) else _PLACEHOLDER for p, _ in merged])
            rest = Type("url", schemes=node.kind.schemes)
            try:
                parse(rest, text, self._platform, node.base)
            except TypeFault as fault:
                self._fault(node, None, fault)
                return None
        return Value(node.kind.name, "", tuple(merged))

    def _declared_secret(self, node: Node, text: str | None) -> Value | None:
        """Take the text of a variable that is a secret: a reference, or the secret itself."""
        if text is None:
            fault = TypeFault("expected a reference to a secret, not a list")
            self._fault(node, None, fault)
            return None
        if node.rank == "adopted":
            return Value("secret", "", ((SecretReference("env", node.name, ""), ""),))
        try:
            reference = parse_reference(text, node.base, node.origin)
        except ManifestError as error:
            self._report.add(f"{node.name}: {error.message}", node.origin, remedy=error.remedy)
            return None
        if reference is not None:
            return Value("secret", "", ((reference, ""),))
        if node.rank in (".env", "--set"):
            file = node.origin.file if node.rank == ".env" else ""
            held = LiteralSecret(node.name, file, Secret(text), node.origin)
            return Value("secret", "", ((held, ""),))
        if text == "":
            return Value("secret", "", (("", ""),))
        if node.refers:
            self._report.add(
                f"{node.name} is a secret, and what it refers to is none: "
                + listed([written(key) for key in node.refers]),
                node.origin,
                remedy="declare that with type secret too, or refer to a secret",
            )
        return None  # a literal in a tracked file: reported with all the definitions

    def _path(self, key: str, user: Node) -> Value | None:
        entry = self._paths.get(key.removeprefix("paths."))
        if entry is None or entry.path is None:
            known = [f"paths.{name}" for name in self._paths]
            self._report.add(
                f"{user.name} refers to {written(key)}, but [paths] has no such entry",
                user.origin,
                remedy=suggestion(key, known, "add it to [paths]"),
            )
            return None
        return Value("path", os.path.normpath(os.path.join(entry.base, entry.path)))

    def _adopted(self, name: str, user: Node) -> Value | None:
        if name not in self._adopt or name in self.taken_away or name in self.open_ended:
            return None
        for source in (name, "LOGNAME") if name == "USER" else (name,):
            if source in self._ambient:
                return Value(
                    "str" if name in _NO_PATHS or name not in ADOPTED else "path",
                    self._ambient[source],
                )
        if name == "TMPDIR":  # few systems set it, and all agree on what that means
            return Value("path", "/tmp")  # noqa: S108
        return None

    def _fault(self, node: Node, raw: Raw | None, fault: TypeFault) -> None:
        message = f"{node.name} is {shown(node, raw)}: {fault.message}"
        if raw is None or node.kind.name == "secret":
            message = f"{node.name}: {fault.message}"
        elif fault.detail:
            message += f" ({fault.detail})"
        remedy = fault.remedy
        encoded = node.kind.name == "url" and node.parts and node.parts[0]
        if encoded and isinstance(encoded[0], Reference):
            first = encoded[0].text
            remedy = f"declare {first} with type url, so that it is put in as it is"
        said = node.by in ("", "[vars]") or self._report.at(node.origin).startswith(node.by)
        details = [] if said else [f"given by {node.by}"]
        self._report.add(message, node.origin, details=details, remedy=remedy)

    def _too_long(self, node: Node) -> None:
        self._report.add(
            f"the value of {node.name} is longer than 128 KiB, which no process can be given",
            node.origin,
            remedy="put it into a file, and the file's name into the variable",
        )

    def _report_unknown(self, name: str, user: Node) -> None:
        me = written(name)
        if name in self.open_ended:
            self._report.add(
                f"{user.name} refers to {me}, which adds to what the caller has "
                "and so has no value of its own",
                user.origin,
                remedy="name the entries in a variable of their own, "
                f"and refer to that from {name} too",
            )
            return
        if name in self.taken_away:
            self._report.add(
                f"{user.name} refers to {me}, which has no value",
                user.origin,
                remedy=f"give {name} a value, or leave the reference out",
            )
            return
        if name in self._adopt:
            self._report.add(
                f"{user.name} refers to {me}, which is not set where Stead was called",
                user.origin,
                remedy=f"export {name} before the call, or define it under [vars]",
            )
            return
        otherwise = f"define {name} under [vars], or write $${{{name}}} for the characters"
        if name in self._ambient:
            otherwise = (
                f"define {name} under [vars]: what the calling shell has is not taken over, "
                "so that others get the same"
            )
        known: list[str] = []
        self._unknown += 1
        if self._unknown <= _SUGGESTED:
            known = [k for k in self.nodes if "." not in k and ":" not in k]
            known += sorted(a for a in self._adopt if a in self._ambient)
        self._report.add(
            f"{user.name} refers to {me}, which is not defined",
            user.origin,
            remedy=suggestion(name, known, otherwise),
        )
