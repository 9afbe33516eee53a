"""Where a key's value comes from: the sections of an environment, one after another."""

from __future__ import annotations

from stead.formats.tox._keys import ARGUMENTS
from stead.formats.tox._overrides import joined
from stead.formats.tox._place import Placed
from stead.formats.tox._set_env import SetEnv
from stead.formats.tox._substitute import Found, Unfit, quote_arguments
from stead.values.errors import CycleError
from stead.values.factors import factors_of
from stead.values.frozen import dataclass
from stead.values.testenv import TestCommand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Protocol

    from stead.formats.tox._keys import Key
    from stead.formats.tox._overrides import Override
    from stead.formats.tox._substitute import Chain
    from stead.values.interpreter import Interpreter
    from stead.values.origin import Origin
else:
    Protocol = object


@dataclass(frozen=True)
class Caller:
    """What evaluation depends on besides the files: handed in, never looked up.

    ``posargs`` are the arguments after ``--``, None where there was no ``--``;
    ``work_dir`` is where environments lie, ``.tox`` beside the file by default;
    ``interpreter`` finds a Python by the specifications of ``base_python``.
    """

    load: Callable[[str], str]
    exists: Callable[[str], bool]
    variables: Mapping[str, str]
    home: str
    cwd: str
    host_python: str
    sys_platform: str
    machine: str
    interpreter: Callable[[tuple[str, ...]], Interpreter | None]
    posargs: tuple[str, ...] | None = None
    work_dir: str = ""
    terminal: bool = False
    hash_seed: str = ""
    overrides: tuple[Override, ...] = ()


class Absent(KeyError):  # noqa: N818 (not an error: the next section is asked)
    """A section does not have a key, or nothing of it is for this environment."""


class CircleError(CycleError):
    """A value refers to itself. ``mark`` names the key at which the circle closes."""

    def __init__(self, chain: Chain, mark: str) -> None:
        self.mark = mark
        path = " → ".join([*chain[chain.index(mark) :], mark])
        super().__init__(
            f"a value refers to itself: {path}", remedy="take one of the references out"
        )


class Loader(Protocol):
    """One section, or table, as a source of values."""

    name: str
    section: str
    """Where its keys stand in the file; ``name`` is what that was asked for under."""
    overrides: tuple[Override, ...]

    def raw(self, key: str, scope: Scope) -> Any:
        """Give what is written for an environment; raises :class:`Absent`."""

    def build(self, key: Key, raw: Any, scope: Scope, chain: Chain) -> Any:
        """Make a value of it."""

    def convert(self, key: Key, text: str, scope: Scope, chain: Chain) -> Any:
        """Make a value of what an override says."""

    def where(self, key: str) -> Origin: ...
    def keys(self) -> Iterable[str]: ...


class Rules(Protocol):
    """What a key is where no file says so, and what becomes of what a file says."""

    def default(self, scope: Scope, key: Key, chain: Chain) -> Any: ...
    def finish(self, scope: Scope, key: Key, value: Any, chain: Chain, *, given: bool) -> Any: ...


class Scope:
    """The keys of one environment (or of all: ``name`` is empty), each evaluated once."""

    def __init__(
        self, name: str, keys: Mapping[str, Key], rules: Rules, caller: Caller, root: str
    ) -> None:
        self.name = name
        self.keys = keys
        self.caller = caller
        self.root = root
        self.loaders: list[Loader] = []
        self._written: set[str] = set()
        self.origins: dict[str, Origin] = {}
        self._rules = rules
        self._values: dict[str, Any] = {}
        self.factors = (
            factors_of(name, caller.sys_platform, caller.machine)
            if name
            else (factors_of("", caller.sys_platform, caller.machine) - {""})
        )

    def add(self, loader: Loader) -> None:
        """Ask ``loader`` too, after those that are there."""
        self.loaders.append(loader)
        self._written.update(loader.keys())
        self._written.update(one.key for one in loader.overrides)

    def value(self, name: str, chain: Chain = ()) -> Any:
        """Evaluate a key, by any of its spellings. Raises :class:`Absent` for none of ours."""
        key = self.keys.get(name)
        if key is None:
            raise Absent(name)
        if key.name not in self._values:
            self._values[key.name] = self._evaluate(key, chain)
        return self._values[key.name]

    def settle(self, name: str, value: Any) -> None:
        """Say what a key's value is."""
        self._values[name] = value

    def _evaluate(self, key: Key, chain: Chain) -> Any:
        if not key.computed and not self._written.isdisjoint(key.names):
            waiting: list[tuple[Override, Any]] = []
            for loader in self.loaders:
                mark = f"{loader.name}.{key.name}"
                if mark in chain:
                    raise CircleError(chain, mark)
                try:
                    value, spelling = self._of(loader, key, (*chain, mark))
                except Absent:
                    waiting = [*self._appended(loader, key, (*chain, mark)), *waiting]
                    continue
                return self._finish(key, spelling, value, waiting, chain)
            if waiting:
                (first, value), *more = waiting
                self.origins[key.name] = first.where
                return self._finish(key, first.key, value, more, chain)
        value = self._rules.default(self, key, chain)
        return self._rules.finish(self, key, value, chain, given=False)

    def _of(self, loader: Loader, key: Key, chain: Chain) -> tuple[Any, str]:
        """Give what one section makes of a key, with its overrides, and how it spells it.

        Raises :class:`Absent`.
        """
        overrides = [o for spelling in key.names for o in loader.overrides if o.key == spelling]
        # What comes before the last that replaces is of no consequence.
        at = max((n for n, o in enumerate(overrides) if not o.append), default=-1)
        if at >= 0:
            value, spelling = self._converted(loader, key, overrides[at], chain), overrides[at].key
            self.origins[key.name] = overrides[at].where
        else:
            value, spelling = self._written_in(loader, key, chain)
        for one in overrides[at + 1 :]:
            with Placed(one.key, one.where):
                value = joined(key, value, self._converted(loader, key, one, chain))
        return value, spelling

    def _written_in(self, loader: Loader, key: Key, chain: Chain) -> tuple[Any, str]:
        for spelling in key.names:
            try:
                raw = loader.raw(spelling, self)
            except Absent:
                continue
            self.origins[key.name] = loader.where(spelling)
            with Placed(spelling, loader.where(spelling)):
                return loader.build(key, raw, self, chain), spelling
        raise Absent(key.name)

    def _appended(self, loader: Loader, key: Key, chain: Chain) -> list[tuple[Override, Any]]:
        """Give what is to be added to the value of a later section."""
        return [
            (one, self._converted(loader, key, one, chain))
            for spelling in key.names
            for one in loader.overrides
            if one.key == spelling
        ]

    def _converted(self, loader: Loader, key: Key, one: Override, chain: Chain) -> Any:
        with Placed(one.key, one.where):
            return loader.convert(key, one.text, self, chain)

    def _finish(
        self,
        key: Key,
        spelling: str,
        value: Any,
        more: Iterable[tuple[Override, Any]],
        chain: Chain,
    ) -> Any:
        for one, added in more:
            with Placed(one.key, one.where):
                value = joined(key, value, added)
        with Placed(spelling, self.origins[key.name]):
            return self._rules.finish(self, key, value, chain, given=True)

    def text(self, name: str, chain: Chain) -> Found:
        """Give a key's value as the text that a reference to it stands for."""
        value = self.value(name, chain)
        key = self.keys[name]
        if isinstance(value, SetEnv):
            return Found(value.lines())
        whole = key.kind in ARGUMENTS or (key.kind == "str" and key.computed)
        return Found(as_text(value), whole=whole)

    def read_file(self, path: str) -> str:
        try:
            return self.caller.load(path)
        except OSError as exc:
            raise Unfit(f"{path} cannot be read: {exc.strerror or exc}") from exc

    def marker_holds(self, marker: str) -> bool:
        from packaging.markers import InvalidMarker, Marker

        try:
            return Marker(marker).evaluate()
        except InvalidMarker as exc:
            raise Unfit(
                f'"{marker}" is no environment marker; a semicolon in a value is written \\;'
            ) from exc


def as_text(value: Any) -> str:
    """Write a value as a reference to it reads: lists one entry per line."""
    if isinstance(value, str):
        return value
    if isinstance(value, TestCommand):
        return quote_arguments(value.arguments)
    if isinstance(value, tuple | list):
        return "\n".join(
            f"{one[0]}={as_text(one[1])}" if isinstance(one, tuple) else as_text(one)
            for one in value
        )
    return str(value)
