"""Rows about configuration: how long a large table takes, and how that grows."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

from measure import BenchError, Row, by_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World

VARIABLES = 2000
PER_MODULE = 10
GOAL = 150.0
"""Milliseconds for a table of that many variables, in process."""

_KINDS = (
    ("url", "https://user:${%(own)s_1}@{net.db%(net)s}/x"),
    ("str", "some text"),
    ("int", "5"),
    ("bool", "yes"),
    ("path", "data/x"),
    ("duration", "1m30s"),
    ("bytes", "10 GiB"),
    ("enum", "info"),
    ("port", "8080"),
    ("str", "${%(own)s_1} and ${%(own)s_2}"),
)


def table(variables: int) -> Callable[[], float]:
    """Give a timer of composing and checking a table of that many variables.

    A tenth as many modules are used, half of them libs and half their clients. An
    app takes all, a host and a net are chosen by what they offer, and the place
    sets one variable in ten once more.
    """
    from stead.config.bind import resolve
    from stead.pipeline.compose import compose
    from stead.values.kinds import App, Client, Declaration, Endpoint, Host, Kinds, Lib, Net, Type
    from stead.values.manifest import Layer, Manifest, Use, Variable
    from stead.values.origin import Origin
    from stead.values.platform import Platform
    from stead.values.selection import Selection

    manifests: dict[str, Manifest] = {}
    for module in range(variables // PER_MODULE // 2):
        file = f"/place/module-{module}/stead.toml"
        accepts, values = [], []
        for number in range(2 * PER_MODULE):
            kind, text = _KINDS[number % len(_KINDS)]
            name = f"V{module}_{number}"
            made = Type(kind, choices=("debug", "info") if kind == "enum" else ())
            if kind == "int":
                made = Type(kind, minimum="1", maximum="100")
            accepts.append(
                Declaration(name, made, required=True, base="/place", origin=Origin(file, number))
            )
            text = text % {"own": f"V{module}", "net": module % 20} if "%" in text else text
            values.append(Variable(name, text, base="/place", origin=Origin(file, 100 + number)))
        lib = Lib(f"lib{module}", tuple(accepts), origin=Origin(file, 1))
        client = Client(
            f"client{module}", lib.name, values=tuple(values), base="/place", origin=Origin(file, 2)
        )
        for kinds in (Kinds(libs=(lib,)), Kinds(clients=(client,))):
            name = f"module-{len(manifests)}"
            directory = f"/place/{name}"
            manifests[name] = Manifest(
                f"{directory}/stead.toml", "stead.toml", directory, kinds=kinds
            )
    uses = tuple(Use(name, "path", name, base="/place") for name in manifests)
    own = tuple(
        Variable(f"V{module}_{n}", "7", base="/place", origin=Origin("/place/stead.toml", n))
        for module in range(variables // PER_MODULE // 2)
        for n in (2, 12)
    )
    clients = tuple(f"client{module}" for module in range(variables // PER_MODULE // 2))
    net = Net("office", tuple(Endpoint(f"db{n}", "db.office.lan", "5432") for n in range(20)))
    root = Manifest(
        "/place/stead.toml",
        "stead.toml",
        "/place",
        layers=(Layer(variables=own),),
        uses=uses,
        kinds=Kinds(
            apps=(App("all", clients, base="/place"),),
            nets=(net, Net("empty")),
            hosts=(Host("one"),),
        ),
    )
    platform = Platform("linux-64")

    # As the program does when it starts (cli/main.py).
    gc.set_threshold(100_000, 50, 50)

    def timed() -> float:
        began = time.process_time_ns()
        spec = compose(
            [root],
            place="/place",
            root="/place",
            environment="default",
            platform=platform,
            module=lambda use: (manifests[use.name],),
        )
        made = resolve(
            spec.configuration, Selection(), platform=platform, ambient={}, place="/place"
        )
        took = (time.process_time_ns() - began) / 1e6
        if len(made.entries) != variables or made.findings:
            raise BenchError(f"the table of {variables} variables is not what was meant")
        return took

    return timed


def rows(world: World) -> list[Row]:
    """Time a table of 2,000 variables, and of 4,000."""
    sizes = {str(n): table(n) for n in (VARIABLES, 2 * VARIABLES)}
    ms = by_turns(sizes, world.rounds(40, 10), warm=2)
    small, large = (ms[name] for name in sizes)
    return [
        Row(
            "a table of 2,000 variables in 200 modules, composed and checked",
            small,
            "goal",
            GOAL,
            1.0,
        ),
        Row("a table of 4,000 variables", large, "one of 2,000", small, 2.3),
    ]
