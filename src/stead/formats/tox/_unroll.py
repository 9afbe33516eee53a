"""Replacement in TOML values: strings with braces, and tables ``{ replace = "…" }``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from stead.formats.tox._resolve import Resolver, files_that_match, substitution_for
from stead.formats.tox._scope import CircleError
from stead.formats.tox._substitute import Substitution, Unfit
from stead.formats.tox._tokens import Expression, parse
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from stead.formats.tox._keys import Kind
    from stead.formats.tox._scope import Scope
    from stead.formats.tox._substitute import Chain
    from stead.formats.tox._toml import TomlProject


class Unroll:
    """Replaces what a value of one key holds, for one environment.

    With ``later`` strings stay as written, to be replaced when they are read.
    """

    def __init__(
        self,
        project: TomlProject,
        scope: Scope,
        resolver: Resolver,
        chain: Chain,
        kind: Kind,
    ) -> None:
        self._project = project
        self._scope = scope
        self._resolver = resolver
        self._chain = chain
        self._later = kind == "set_env"
        lined = kind in ("deps", "constraints")
        self._strings = substitution_for(kind, resolver) if lined else Substitution(resolver)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return value if self._later else self._strings.expand(value, self._chain)
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, dict):
            return self._table(value)
        return value

    def _list(self, value: list[Any]) -> list[Any]:
        made: list[Any] = []
        for one in value:
            got = self(one)
            if not (isinstance(one, dict) and one.get("replace") and one.get("extend")):
                made.append(got)
            elif one.get("marker"):
                raise Unfit("a replacement with extend = true cannot have a marker")
            elif isinstance(got, str):
                made += [got] if got else []
            else:
                made += got
        return made

    def _table(self, value: dict[str, Any]) -> Any:
        kind = value.get("replace")
        match kind:
            case "posargs":
                made = self._posargs(value)
            case "env":
                made = self._env(value)
            case "glob":
                made = self._glob(value)
            case "if":
                made = self._if(value)
            case "ref":
                made = self._ref(value)
            case None:
                return {key: self(one) for key, one in value.items()}
            case _:
                raise Unfit(f'replace = "{kind}" is not understood')
        marker = value.get("marker")
        return {"value": made, "marker": marker} if marker else made

    def _posargs(self, value: dict[str, Any]) -> list[Any]:
        given = self._resolver.positional(self._chain)
        if given is None:
            return [self(one) for one in value.get("default", [])]
        return [self(one) for one in given] if value.get("substitute") else list(given)

    def _env(self, value: dict[str, Any]) -> Any:
        name = value.get("name")
        if not isinstance(name, str):
            raise Unfit('replace = "env" needs the name of a variable')
        default = self(value.get("default", ""))
        if self._later:
            return Expression((("env",), (name,), _parts(default)))
        found = self._resolver.variable([name, default], self._chain)
        if found.default:
            return found.text
        return self._strings.expand(found.text, self._chain) if found.again else found.text

    def _glob(self, value: dict[str, Any]) -> Any:
        pattern = self(value.get("pattern", ""))
        if not pattern:
            raise Unfit('replace = "glob" needs a pattern')
        default = self(value["default"]) if "default" in value else None
        if self._later:
            return Expression((("glob",), _parts(pattern), _parts(default or "")))
        matches = files_that_match(pattern, self._scope.root)
        extend = value.get("extend", False)
        if matches:
            return list(matches) if extend else " ".join(matches)
        if default is not None:
            return default
        return [] if extend else ""

    def _if(self, value: dict[str, Any]) -> Any:
        condition = value.get("condition")
        if not isinstance(condition, str) or not condition:
            raise Unfit('replace = "if" needs a condition')
        if "then" not in value:
            raise Unfit('replace = "if" needs a value: then')
        holds = Condition(self._scope, condition).holds()
        return self(value["then"] if holds else value.get("else", ""))

    def _ref(self, value: dict[str, Any]) -> Any:
        environment, key = value.get("env"), value.get("key")
        if environment and key:
            return raw_again(self._project.scope(environment).value(key, self._chain))
        path = value.get("of")
        if not path:
            raise Unfit('replace = "ref" needs of, or env and key')
        if not isinstance(path, list) or not all(isinstance(one, str) for one in path):
            raise Unfit("of must be a list of keys")
        mark = "reference " + ".".join(path)
        if mark in self._chain:
            raise CircleError(self._chain, mark)
        found = self._project.referred(path)
        outer, self._chain = self._chain, (*self._chain, mark)
        try:
            return self(found)
        finally:
            self._chain = outer


def raw_again(value: Any) -> Any:
    """Write a value as TOML would have it, for a key that takes it over."""
    if isinstance(value, TestCommand):
        sign = ["-"] if value.ignore_failure else ["!"] if value.expect_failure else []
        return [*sign, *value.arguments]
    if isinstance(value, tuple):
        return [raw_again(one) for one in value]
    return value


def _parts(value: str | Expression) -> Any:
    return (value,) if isinstance(value, Expression) else parse(value)


class Condition:
    """A condition: ``env.NAME``, ``factor.NAME``, ``env_name``, texts, ``==``, ``and`` …"""

    def __init__(self, scope: Scope, text: str) -> None:
        self._scope = scope
        self._text = text

    def holds(self) -> bool:
        """Evaluate it. Raises :class:`Unfit` for what is no condition."""
        try:
            tree = ast.parse(self._text, mode="eval")
        except SyntaxError:
            raise Unfit(f'"{self._text}" is not a condition') from None
        return bool(self._value(tree.body))

    def _value(self, node: ast.expr) -> str | bool:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self._value(one) for one in values)
            case ast.BoolOp(values=values):
                return any(self._value(one) for one in values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._value(operand)
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                return self._value(left) == self._value(right)
            case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
                return self._value(left) != self._value(right)
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id="env_name"):
                return self._scope.name
            case (
                ast.Attribute(value=ast.Name(id=space), attr=name)
                | ast.Subscript(value=ast.Name(id=space), slice=ast.Constant(value=str() as name))
            ):
                if space == "env":
                    return self._scope.caller.variables.get(name, "")
                if space == "factor":
                    return name in self._scope.factors
        raise Unfit(f'the condition "{self._text}" holds something that is not understood')
