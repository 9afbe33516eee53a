"""Values of variables, as tables of configuration hold them: texts, lists, declarations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stead.formats._grammar_values import AcceptTable, VariableTable
from stead.formats._packages import Packages
from stead.formats._reserved import RESERVED, is_reserved
from stead.values.kinds import TEXT, Declaration, Type
from stead.values.manifest import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.kinds import Raw

Path = tuple["str | int", ...]


class Values(Packages):
    """Reads values; mistakes go to ``problems``."""

    def variables(self, table: Mapping[str, Any], at: Path) -> tuple[Variable, ...]:
        """Read ``[vars]``: values, and tables that say what a value may be."""
        made = []
        for name, value in table.items():
            self.check_name(name, (*at, name))
            declared = None
            raw: Raw | None
            if isinstance(value, VariableTable):
                declared = self.declaration(name, value, (*at, name))
                raw = (
                    None
                    if value.value is None
                    else self.raw(value.value, declared.type, (*at, name, "value"))
                )
            else:
                raw = None if value is False else self.raw(value, TEXT, (*at, name))
            made.append(Variable(name, raw, self.where(*at, name), declared, self.directory))
        return tuple(made)

    def check_name(self, name: str, at: Path) -> None:
        if is_reserved(name):
            self.wrong(
                f"variables that begin with {RESERVED} are Stead's own",
                at,
                f"call {name} otherwise",
            )

    def declaration(self, name: str, table: AcceptTable | VariableTable, at: Path) -> Declaration:
        kind = Type(
            name=table.type,
            minimum=number(table.min),
            maximum=number(table.max),
            choices=tuple(number(c) for c in table.choices),
            schemes=(table.scheme,)
            if isinstance(table.scheme, str) and table.scheme
            else tuple(table.scheme),
            pattern=table.pattern,
        )
        default = None if table.default is None else self.raw(table.default, kind, (*at, "default"))
        return Declaration(
            name,
            kind,
            default,
            table.required,
            table.description,
            self.directory,
            self.where(*at),
        )

    def raw(self, value: Any, kind: Type, at: Path) -> Raw:
        """Give a value's text, or texts; a list or table where none can be is a mistake."""
        if kind.name == "json" and not isinstance(value, str):
            return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
        if isinstance(value, dict):
            self.wrong(
                f"{at[-1]} must be a value, not a table", at, 'only a "json" variable holds a table'
            )
            return ""
        if isinstance(value, list | tuple):
            return tuple(self.text(v, at) for v in value)
        return self.text(value, at)

    def text(self, value: Any, at: Path) -> str:
        text = str(value).lower() if isinstance(value, bool) else number(value)
        if "\0" in text:
            self.wrong(
                f"the value of {at[-1]} holds a NUL character, which no variable can",
                at,
                "take it out",
            )
        return text

    def plain(self, table: Mapping[str, Any], at: Path) -> tuple[Variable, ...]:
        """Read values by name, as they are."""
        for name in table:
            self.check_name(name.rpartition(".")[2], (*at, name))
        return tuple(
            Variable(n, self.raw(v, TEXT, (*at, n)), self.where(*at, n), None, self.directory)
            for n, v in table.items()
        )


def number(value: Any) -> str:
    """Give a number as it was written."""
    return str(getattr(value, "text", None) or value)
