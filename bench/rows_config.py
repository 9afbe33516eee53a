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
    """Give a timer of making and checking a table of that many variables.

    A tenth as many modules declare and bind them: libs, each with a client. An
    app takes all, a host and a net are chosen by what they offer, and the place
    sets one variable in ten once more.
    """
    from stead.config.bind import resolve
    from stead.values.kinds import App, Client, Declaration, Endpoint, Host, Kinds, Lib, Net, Type
    from stead.values.manifest import Variable
    from stead.values.origin import Origin
    from stead.values.platform import Platform
    from stead.values.spec import Configuration
    from stead.values.table import Definition, Selection

    libs, clients, definitions = [], [], []
    modules = variables // PER_MODULE // 2
    for module in range(modules):
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
        libs.append(Lib(f"lib{module}", tuple(accepts), origin=Origin(file, 1)))
        clients.append(
            Client(f"client{module}", f"lib{module}", values=tuple(values), base="/place",
                   origin=Origin(file, 2))
        )  # fmt: skip
        definitions += [
            Definition(f"V{module}_{n}", "7", "vars", base="/place",
                       origin=Origin("/place/stead.toml", n))
            for n in (2, 12)
        ]  # fmt: skip
    net = Net("office", tuple(Endpoint(f"db{n}", "db.office.lan", "5432") for n in range(20)))
    configuration = Configuration(
        definitions=tuple(definitions),
        kinds=Kinds(
            libs=tuple(libs),
            clients=tuple(clients),
            apps=(App("all", tuple(c.name for c in clients), base="/place"),),
            nets=(net, Net("empty")),
            hosts=(Host("one"),),
        ),
    )
    platform = Platform("linux-64")

    # As the program does when it starts (cli/main.py).
    gc.set_threshold(100_000, 50, 50)

    def timed() -> float:
        began = time.process_time_ns()
        made = resolve(configuration, Selection(), platform=platform, ambient={}, place="/place")
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
        Row("a table of 2,000 variables in 200 modules, checked", small, "goal", GOAL, 1.0),
        Row("a table of 4,000 variables", large, "one of 2,000", small, 2.3),
    ]
