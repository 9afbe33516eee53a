"""Rows about `stead.project`: what its import adds to a bare interpreter."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from measure import Program, Row, by_turns

from stead.config.project import Described, Description, text
from stead.store.runtime import keep_description, runtime_directory

if TYPE_CHECKING:
    from world import World

IMPORT = 5.0
"""Milliseconds that the import may add."""


def rows(world: World) -> list[Row]:
    """Time an interpreter that imports it, and one that also reads a variable, against neither."""
    home = world.base / "project-home"
    variables = tuple(Described(f"LEVEL_{n}", "int") for n in range(100))
    described = Description("/w", "/w", "default", variables, (("raw", "/w/raw"),))
    environ = {
        "PYTHONPATH": runtime_directory(home),
        "PYTHONPYCACHEPREFIX": str(home / "pycache"),
        "STEAD_PROJECT": keep_description(home, "/w", "default", text(described)),
        "LEVEL_7": "7",
    }
    code = {
        "bare": "import os",
        "import": "import os; from stead import project",
        "json": "import json",
        "variable": "import json; from stead import project; project.vars.LEVEL_7",
    }
    # Without site packages, of which Stead's own environment has many; these bring os along.
    timed = {
        name: Program([sys.executable, "-S", "-c", line], str(world.base), environ).time
        for name, line in code.items()
    }
    ms = by_turns(timed, world.rounds(60, 15), warm=3)
    found = {
        "`import stead.project`, beyond a bare interpreter": ms["import"] - ms["bare"],
        "a typed variable of 100 from it, beyond `import json`": ms["variable"] - ms["json"],
    }
    return [
        Row(name, round(max(took, 0.001), 2), "goal", IMPORT, IMPORT, limit=True)
        for name, took in found.items()
    ]
