"""Replacing a module by another one with the same interface, which its tests say.

The tests of the module that goes are kept and move into the one that comes, in place of tests of
that one that bear the same names. What else goes must be as it was written: edits are the user's.
"""

from __future__ import annotations

import os
import re
import tomllib
from functools import partial
from typing import TYPE_CHECKING

from stead.formats import _toml_splice
from stead.modules import adding, record, taking_out
from stead.values.errors import CollisionError, UsageError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stead.modules.adding import Held
    from stead.modules.needs import Chosen
    from stead.values.item import Record

TESTS = ("tests/", "test/")
_BY_NAME = (
    r"""(?:["']-m["']\s*,\s*|"""
    r"""\b(?:import_module|importorskip|find_spec|run_module|patch|setattr|files)\(\s*)["']"""
)
"""What stands before a module that is imported by its name."""
_STARTING = (
    r"\b(?:run|Popen|call|check_call|check_output|which|spawn|spawnSync|execFile|execFileSync)"
    r"""\(\s*\[?\s*["']"""
)
"""What stands before a command that is started."""
_QUOTED = re.compile(
    r"""(?P<kind>\b[a-zA-Z]{1,2}(?=["'])|)"""
    r"""(?P<quoted>\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"|\#[^\n]*|(?P<code>(?:(?!\b[a-zA-Z]{1,2}[\"'])[^\"'\#])+)",
    re.DOTALL,
)
"""Parts a test into code, comments, and what stands between quotes."""


@dataclass(frozen=True, slots=True)
class Swap:
    """What swapping would do. Paths are relative to the root, with slashes."""

    plan: adding.Plan
    """How the new module is added, where the old one is gone."""
    edits: tuple[tuple[str, bytes | None, bytes | None], ...]
    """Path, what it holds, what it is to hold (None: nothing is there)."""
    executable: tuple[str, ...]
    tests: tuple[tuple[str, bytes], ...]
    """The tests that must pass: path below the new module's directory, and content."""
    mine: tuple[str, ...] = ()
    """Files of the old module that go although the user changed or added them."""
    kept: tuple[str, ...] = ()
    """Entries of the root's files that the user changed, and that stay."""
    named: tuple[str, ...] = ()
    """Lines of the project that still name the old module."""
    roles: tuple[str, ...] = ()
    """Recipes that ran the old module, and run the new one."""


def plan(
    root: str,
    directory: str,
    held: Record,
    chosen: Sequence[Chosen],
    *,
    workspace: bool,
    discard: bool = False,
    modules: Mapping[str, str] | None = None,
    roles: Sequence[str] = (),
) -> Swap:
    """Plan replacing the module in ``directory``, relative to the root, by the last of ``chosen``.

    ``roles`` are the recipes that are to run the new one instead: those that are deployed.

    Raises CollisionError where edits would be lost without ``discard``, or where the new one is in
    the way of something; UsageError for a module without tests: nothing would say its interface.
    """
    old, new = held.came.item, chosen[-1]
    there = dict(taking_out.files(os.path.join(root, *directory.split("/"))))
    hashes = dict(held.files)
    tests = {p: c for p, c in there.items() if p.startswith(TESTS)}
    if not tests:
        raise UsageError(
            f"module {old} has no tests, and these are its interface",
            where=os.path.join(root, directory),
            remedy="write some, or remove the module and add the other one",
        )
    mine = tuple(
        p for p, c in there.items() if p not in tests and record.digest(c) != hashes.get(p)
    )
    if mine and not discard:
        raise CollisionError(
            f"what you changed in {old} would be lost",
            where=os.path.join(root, directory),
            details=mine,
            remedy=f"`stead module diff {old}` shows it; --discard lets it go",
        )
    goes: dict[str, bytes | None] = {f"{directory}/{p}": None for p in there}
    goes |= {f"{directory}/{p}": None for p in taking_out.recorded(os.path.join(root, directory))}
    texts, kept = taking_out.entries(root, ((directory, held),))
    goes |= texts
    disk = adding.reader(root)

    def without(path: str) -> Held:
        return goes[path] if path in goes else disk(path)

    at = directory if new.name == old else ""
    added = adding.plan(chosen, root, without, at=at, workspace=workspace, modules=modules)
    if added.collide:
        raise CollisionError(
            f"{new.name} would overwrite what is there",
            where=root,
            details=added.collide,
            remedy="nothing was changed; move them away",
        )
    place = added.modules[-1].directory
    moved = tuple((p, renamed(c, old, new.name)) for p, c in sorted(tests.items()))
    after = {**goes, **{w.path: w.content for w in added.writes}}
    after |= {f"{place}/{p}": c for p, c in moved}
    run = tuple(roles) if new.name == old else ()
    if roles and new.name != old:
        manifest = after.get(adding.MANIFEST) or b""
        text, run = recast(manifest.decode("utf-8"), old, new.name, roles)
        after[adding.MANIFEST] = text.encode()
    before = {path: disk(path) for path in after}
    edits = tuple(
        (p, content if isinstance(content, bytes) else None, after[p])
        for p, content in sorted(before.items())
        if content != after[p]
    )
    return Swap(
        plan=added,
        edits=edits,
        executable=tuple(w.path for w in added.writes if w.executable),
        tests=moved,
        mine=mine,
        kept=kept,
        named=tuple(_still_named(root, old, after)) if new.name != old else (),
        roles=run,
    )


def _still_named(root: str, old: str, after: Mapping[str, bytes | None]) -> Iterator[str]:
    """Give the lines that name the old module, but for the recipe of its name that is deployed."""
    for line in taking_out.named(root, (old,), after):
        if not line.endswith(f"[recipe.{old}]"):
            yield line


def recast(text: str, old: str, new: str, roles: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Let recipes run another app; gives the manifest, and the recipes that do.

    An app's own recipe, which no manifest declares, is declared with its name. One that says more
    of the app than that it runs it stays as it was written.
    """
    done = []
    for role in roles:
        declared = tomllib.loads(text).get("recipe", {}).get(role)
        if declared is None:
            if role != old:
                continue
        elif "app" not in declared:  # it runs the only one
            done.append(role)
            continue
        elif declared.get("app") not in (old, [old]) or _names(old, declared, but="app"):
            continue
        text = _toml_splice.put(text, ("recipe", role), "app", new)
        done.append(role)
    return text, tuple(done)


def _names(app: str, table: object, but: str = "") -> bool:
    """Say whether a key of a table, or of one in it, begins with an app's name."""
    return isinstance(table, dict) and any(
        re.split(r"[:.]", key)[0] == app or _names(app, value)
        for key, value in table.items()
        if key != but
    )


def renamed(content: bytes, old: str, new: str) -> bytes:
    """Let a test speak of another module: where it imports it, or starts it as a command.

    Any other text that is the module's name by chance, as a column or a key of a result, stays.
    """
    if old == new:
        return content
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return content
    for was, now in {old: new, old.replace("-", "_"): new.replace("-", "_")}.items():
        name = re.escape(was)
        for before, behind in (
            (_BY_NAME, "[\"'.]"),
            (_STARTING, "[\"']"),
            (r"^\s*(?:from|import|(?:pub\s+)?(?:use|mod))\s+", r"[^\w]|$"),
        ):
            text = re.sub(rf"(?m)({before}){name}(?={behind})", rf"\g<1>{now}", text)
        used = re.compile(rf"(?<![\w.-]){name}(?=\.\w|::)")
        text = _QUOTED.sub(partial(_used_outside, used, now), text)
    return text.encode()


def _used_outside(used: re.Pattern[str], now: str, match: re.Match[str]) -> str:
    """Rename in code; of what stands between quotes only in the braces of an f-string."""
    kind, quoted, code = match["kind"], match["quoted"], match["code"]
    if code:
        return used.sub(now, code)
    if quoted and "f" in kind.lower():
        return kind + re.sub(r"\{[^{}]*\}", lambda inner: used.sub(now, inner[0]), quoted)
    return match[0]
