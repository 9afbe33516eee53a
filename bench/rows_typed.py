"""Rows about the quick ways where a place has 100 typed variables: the same peers, the same gates."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from measure import BenchError
from rows_prompt import LAST, Places, hook_rows
from rows_start import BELOW, mise_tree, start_rows, stead_tree

if TYPE_CHECKING:
    from measure import Row
    from world import World

COUNT = 100

_KINDS = (
    ('type = "str", pattern = "[a-z ]+"', "some plain text"),
    ('type = "int", min = 1, max = 100', "42"),
    ('type = "float", max = 1.5', "0.25"),
    ('type = "bool"', "true"),
    ('type = "enum", choices = ["debug", "info"]', "info"),
    ('type = "url", scheme = "https"', "https://example.org:8443/path?query=1"),
    ('type = "host"', "db.example.org"),
    ('type = "port"', "8080"),
    ('type = "path"', "/srv/data/raw"),
    ('type = "paths"', "/srv/a:/srv/b"),
    ('type = "duration", max = "1h"', "90s"),
    ('type = "bytes"', "1073741824"),
    ('type = "json"', '{"a":[1,2]}'),
)
"""Each type with what a process gets; secrets are opened at each start, which needs Python."""


def rows(world: World) -> list[Row]:
    """Time a start, a launcher and the hook there."""
    names = [f"BENCH_{n:03}" for n in range(COUNT)]
    kinds = [_KINDS[n % len(_KINDS)] for n in range(COUNT)]
    values = {name: value for name, (_, value) in zip(names, kinds, strict=True)}
    half = COUNT // 2
    own = [
        f"{name} = {{ {kind}, value = '{value}' }}\n"
        for name, (kind, value) in zip(names, kinds, strict=True)
    ]
    plain = [f"{name} = '{value}'\n" for name, value in values.items()]
    # One half is declared here, the other by a lib whose variables are set here.
    accepts = [f"{name} = {{ {kind} }}\n" for name, (kind, _) in zip(names, kinds, strict=True)]
    typed = "".join(plain[:half] + own[half:])
    typed += "\n[lib.some]\n\n[lib.some.accepts]\n" + "".join(accepts[:half])
    root = stead_tree(world, "typed", typed)
    _compare(world, root, values)
    mise_root = mise_tree(world, "typed-mise", "".join(plain))
    places = Places(
        os.path.join(root, BELOW),
        root,
        os.path.join(mise_root, BELOW),
        mise_root,
        values,
        {**values, "LEVEL_3": "level 3"},
    )
    world.settle(root)
    with_typed = f"{COUNT} typed variables"
    starts = (f"`stead run true`, {with_typed}", f"a launcher of `true`, {with_typed}")
    prompts = (f"unchanged prompt in bash, {with_typed}", f"entering, {with_typed}")
    return [
        *start_rows(world, starts, root, mise_root),
        *hook_rows(world, prompts, places),
    ]


def _compare(world: World, root: str, values: dict[str, str]) -> None:
    """See that a process gets the values, and that the types are known."""
    import json

    got = dict(
        line.partition("=")[::2]
        for line in world.do(world.stead, "run", "env", cwd=root).splitlines()
    )
    if wrong := {n: got.get(n) for n, v in values.items() if got.get(n) != v}:
        raise BenchError(f"other values than meant: {wrong}")
    listed = json.loads(world.do(world.stead, "config", "list", "--json", cwd=root))
    kinds = {v["name"]: v["type"] for v in listed}
    if any(kinds[name] == "str" for name in values if values[name] != values["BENCH_000"]):
        raise BenchError(f"not all types are known: {kinds}")
    if LAST not in kinds:
        raise BenchError(f"{LAST} is not among them")
