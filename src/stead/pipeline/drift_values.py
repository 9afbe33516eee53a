"""What was edited in a rendered file: the values of variables in it, where it is made of these."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from stead.config.render import format_of
from stead.config.render.writers import INI_SECTION
from stead.pipeline import rendering
from stead.pipeline.adopt import Refused
from stead.values.drift import Drift
from stead.values.errors import SteadError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.values.kinds import RenderedFile
    from stead.values.platform import Platform
    from stead.values.table import Table


def values_in(
    drift: Drift, table: Table, platform: Platform
) -> tuple[Sequence[Drift], Refused | None]:
    """Give the variables whose values were edited in a file, or why that cannot be told."""
    plan = next((p for p in rendering.planned(table) if p.path == drift.where), None)
    if plan is None:
        return (), Refused(drift, "nothing asks for it any more", "remove it")
    if drift.what == "removed":
        return (), Refused(
            drift, "it is gone", "`stead restore` writes it again, or take it out of [files]"
        )
    try:
        with open(drift.where, encoding="utf-8") as opened:
            text = opened.read()
        before = rendering.content(plan, table, platform)
    except (OSError, UnicodeDecodeError, SteadError) as exc:
        return (), Refused(drift, f"it cannot be read: {exc}", "`stead restore` writes it again")
    lines = _lines(before, text, drift.name)
    if plan.file.template:
        return (), Refused(
            drift,
            "it is made by a template",
            f"make the same change in {plan.file.template}",
            lines,
        )
    file = replace(plan.file, format=format_of(plan.file))
    try:
        old, rest = _parsed(file, before)
        new, others = _parsed(file, text)
    except (SteadError, ValueError, KeyError, TypeError, AttributeError):
        why = f"it cannot be read as {file.format} any more"
        return (), Refused(drift, why, "mend it by hand, or `stead restore`", lines)
    if old.keys() != new.keys() or rest != others:
        return (), Refused(
            drift,
            "more than values of variables was changed in it",
            "change the manifest's [files], or `stead restore`",
            lines,
        )
    found = []
    for name in sorted(n for n in new if new[n] != old[n]):
        value = _word(new[name])
        if value is None:
            why = f"the value of {name} is no single word or number"
            return (), Refused(drift, why, f"change {name} in the manifest", lines)
        found.append(Drift("variable", "changed", name, found=value))
    if not found:
        return (), Refused(
            drift, "its values are as declared", "`stead restore` writes it again", lines
        )
    return found, None


def _lines(before: str, after: str, name: str) -> tuple[str, ...]:
    found = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        f"{name} as declared",
        f"{name} as it is",
        lineterm="",
    )
    return tuple(found)


def _word(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return None


def _parsed(file: RenderedFile, text: str) -> tuple[dict[str, Any], Any]:
    """Give the values in a file by name, and all else that it says."""
    data = _READERS[file.format](text)
    section = file.section
    if file.format == "ini":
        values = dict(data.pop(section or INI_SECTION, {}))
        return values, data
    if file.format == "properties":
        start = f"{section}." if section else ""
        mine = {k.removeprefix(start): v for k, v in data.items() if k.startswith(start)}
        return mine, {k: v for k, v in data.items() if not k.startswith(start)}
    if not section:
        return data, None
    *parents, last = section.split(".")
    at = data
    for part in parents:
        at = at[part]
    return at.pop(last), data


def _json(text: str) -> dict[str, Any]:
    import json

    return _table(json.loads(text))


def _yaml(text: str) -> dict[str, Any]:
    from stead.formats import _yaml as yaml

    return _table(yaml.load(text, ""))


def _toml(text: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(text)


def _ini(text: str) -> dict[str, Any]:
    import configparser

    parser = configparser.RawConfigParser(default_section="\0")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as exc:
        raise ValueError(exc) from exc
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _env(text: str) -> dict[str, Any]:
    from stead.formats import dotenv

    return {entry.name: entry.value for entry in dotenv.read(text, "")}


def _properties(text: str) -> dict[str, Any]:
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip()[0] in "#!":
            continue
        key, _, value = line.partition("=")
        found[_plain(key.strip())] = _plain(value.lstrip())
    return found


def _plain(text: str) -> str:
    """Undo the escapes of Java's properties, which are those of Python and a few more."""
    import re

    def one(match: re.Match[str]) -> str:
        word = match[1]
        if word[0] == "u" and len(word) == 5:
            return chr(int(word[1:], 16))
        return {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}.get(word, word)

    joined = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", one, text)
    return joined.encode("utf-16", "surrogatepass").decode("utf-16")


def _table(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError("not a table")
    return data


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "json": _json,
    "yaml": _yaml,
    "toml": _toml,
    "ini": _ini,
    "env": _env,
    "properties": _properties,
}
