"""What checks refer to: ``port = "{net.db}"``, ``path = "${paths.raw}"``, arguments of commands.

What a check is about may refer to whatever a variable's value may, so that a port
or a path is written once; also to hosts and nets, which it then needs. A secret it
may not hold: its texts are shown, and other users see a command's arguments. A
command has no need of that, as it gets the variables of the process itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.choice import need
from stead.config.nodes import Node
from stead.config.recipes import leads
from stead.config.references import is_plain
from stead.values.frozen import replace
from stead.values.kinds import TEXT, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.config.choice import Need
    from stead.config.evaluate import Evaluator
    from stead.config.modules import Chosen, Modules
    from stead.config.report import Report
    from stead.values.kinds import Check
    from stead.values.spec import Configuration

    _Keys = tuple[Check, str, dict[int, str]]
    """A check with the node of its subject, and those of its arguments by their place."""

_URL = Type("url")
_ABOUT = frozenset(["path", "port", "url", "space"])
"""Kinds whose subject may hold references; of the others it is a name."""


class CheckTexts:
    """The checks that count, each text of theirs that refers to something a node."""

    def __init__(
        self,
        applying: Iterable[tuple[Check, Mapping[str, str] | None]],
        evaluator: Evaluator,
        report: Report,
        prefix: str = "check",
    ) -> None:
        """``prefix`` begins the keys of nodes; ``applying`` are checks with what names mean there."""
        self._evaluator = evaluator
        self._report = report
        self._prefix = prefix
        self._keys: list[_Keys] = []
        for check, scope in applying:
            self._add(check, scope)

    def needs(self) -> list[Need]:
        """List what the checks ask of a host and a net; reports references that are none."""
        found = []
        for check, subject, arguments in self._keys:
            for key in (subject, *arguments.values()):
                for reference in (
                    self._evaluator.references(self._evaluator.nodes[key]) if key else ()
                ):
                    wanted = need(reference, _who(check), check.origin)
                    if wanted is not None:
                        found.append(wanted)
        return found

    def expanded(self) -> tuple[Check, ...]:
        """Give the checks as they are made. One that cannot be was reported, and is left out."""
        found = dict.fromkeys(filter(None, map(self._expanded, self._keys)))
        return tuple(sorted(found, key=lambda c: (c.by, c.name, c.kind, c.subject, c.arguments)))

    def _expanded(self, keys: _Keys) -> Check | None:
        check, subject, arguments = keys
        texts = {}
        for key in (subject, *arguments.values()):
            if key:
                text = self._text(key, check)
                if text is None:
                    return None
                texts[key] = text
        if not texts:
            return check
        words = [
            texts[arguments[at]] if at in arguments else written
            for at, written in enumerate(check.arguments)
        ]
        return replace(
            check,
            subject=_subject(check, texts[subject]) if subject else check.subject,
            arguments=tuple(words),
        )

    def _add(self, check: Check, scope: Mapping[str, str] | None) -> None:
        number = len(self._keys)
        subject = ""
        arguments = {}
        if check.kind in _ABOUT and not is_plain(check.subject):
            subject = self._node(f"{self._prefix}:{number}", check.subject, check, scope)
        if check.kind in ("command", "run"):
            arguments = {
                at: self._node(f"{self._prefix}:{number}:{at}", text, check, scope)
                for at, text in enumerate(check.arguments)
                if not is_plain(text)
            }
        self._keys.append((check, subject, arguments))

    def _node(self, key: str, text: str, check: Check, scope: Mapping[str, str] | None) -> str:
        self._evaluator.nodes[key] = Node(
            _who(check), text, kind=_URL if check.kind == "url" else TEXT,
            base=check.base, origin=check.origin, by=check.by, scope=scope,
        )  # fmt: skip
        return key

    def _text(self, key: str, check: Check) -> str | None:
        value = self._evaluator.value(key)
        if value is None:
            return None
        if value.pieces:
            self._report.add(
                f"{_who(check)} would hold a secret",
                check.origin,
                remedy="leave the secret out (net.NAME is an address without one), "
                "or let a command of your own read the variable: it gets those of the process",
            )
            return None
        return value.text


def health_checks(chosen: Chosen, instance: int) -> Iterable[tuple[Check, None]]:
    """Give what must hold once a recipe runs: of the app, and with its first one, of the recipe.

    An app's checks are about its first process: where that does not run, nobody would answer.
    """
    if chosen.recipe is None:
        return
    target = chosen.target.name if chosen.target else ""
    if chosen.app and leads(chosen.recipe, chosen.app, instance, target):
        for check in chosen.app.health:
            yield check, None
    if chosen.app is None or chosen.app.name in (*chosen.recipe.apps, chosen.app.name)[:1]:
        for check in chosen.recipe.health:
            yield check, None


def applying_checks(
    configuration: Configuration, chosen: Chosen, modules: Modules
) -> Iterable[tuple[Check, Mapping[str, str] | None]]:
    """Give the checks of the place, the app and the libs that apply.

    With what names mean in them: a lib's own are those that its client exports.
    """
    for check in (*configuration.checks, *(chosen.app.checks if chosen.app else ())):
        yield check, None
    prefixes: dict[str, dict[str, None]] = {lib.name: {"": None} for lib in chosen.libs}
    for client in chosen.clients:
        prefixes.setdefault(client.uses, {})[client.prefix] = None
    for name in sorted(set(prefixes) & set(modules.libs)):
        lib = modules.libs[name]
        for prefix in sorted(prefixes[name]):
            scope = (
                {d.name: prefix + d.name for d in lib.accepts} if prefix and lib.prefix else None
            )
            for check in lib.checks:
                yield check, scope


def _who(check: Check) -> str:
    return f"the check {check.name}" + (f" of {check.by}" if check.by else "")


def _subject(check: Check, text: str) -> str:
    """Write what a check is about; a port alone is one of this machine."""
    return f"localhost:{text}" if check.kind == "port" and text.isdigit() else text
