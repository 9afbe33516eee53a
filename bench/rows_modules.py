"""Rows about modules: adding an item of a registry, against a template of the same files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peers
from measure import Row, against

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from world import World

TOOLS = ("copier",)
"""The peers, by name."""

ADDED = 0.2
"""The gate of what only names options, as the item of the gate does."""
CONDITIONS = 0.3
"""That of templates with conditions: both then load the same engine, which is half of our time."""

OPTIONS = {"type": "loglog", "folds": "5"}
_DESCRIPTION = """\
name = "demand"
kind = "app"
version = "1.0.0"
summary = "Price elasticity of demand"
render = ["README.md", "src/demand/main.py"]

[options.type]
type = "enum"
choices = ["loglog", "linear"]

[options.folds]
type = "int"
"""
_PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "demand"
version = "1.0.0"
dependencies = ["numpy>=1.24"]

[project.scripts]
demand = "demand.cli:main"
"""
_CODE = "".join(
    f"def step_{n}(values):\n    return [v + {n} for v in values]\n\n\n" for n in range(40)
)


def files(*, conditions: bool) -> dict[str, str]:
    """Give an item's ten files; two of them carry options."""
    chosen = '{% if type == "linear" %}1{% else %}2{% endif %}' if conditions else "{{ type }}"
    return {
        "Dockerfile.demand": "FROM python:3-slim\n",
        "README.md": "# Demand, {{ type }}\n",
        "main.py": "from demand.cli import main\n\nraise SystemExit(main())\n",
        "pyproject.toml": _PROJECT,
        "src/demand/__init__.py": "",
        "src/demand/cli.py": _CODE,
        "src/demand/main.py": f'TYPE = "{chosen}"\nFOLDS = {{{{ folds }}}}\n\n\n{_CODE}',
        "src/demand/utils.py": _CODE,
        "src/demand/data/demand.csv": "price,quantity\n" + "1.5,20\n" * 200,
        "tests/test_demand.py": _CODE,
    }


def rows(world: World) -> Iterator[Row]:
    """Time `stead module add` in a new directory, and `copier copy` into one."""
    copier = peers.from_index("copier")
    world.tools[copier.name] = copier
    if not copier.program:
        return
    for name, gate in (("options named", ADDED), ("conditions", CONDITIONS)):
        ours, theirs = _added(
            world, copier.program, name, files(conditions=gate == CONDITIONS), gate
        )
        yield Row(
            f"`module add` of a ten-file item, two of them templates: {name}",
            ours,
            "`copier copy`",
            theirs,
            gate,
        )


def _added(
    world: World, copier: str, name: str, held: Mapping[str, str], gate: float
) -> tuple[float, float]:
    base = world.base / "modules" / name.replace(" ", "-")
    registry, template = base / "registry", base / "template"
    _write(registry / "demand" / "files", held)
    _write(registry / "demand", {"stead-item.toml": _DESCRIPTION})
    rendered = ("README.md", "src/demand/main.py")
    _write(template, {f"{p}.jinja" if p in rendered else p: text for p, text in held.items()})
    _write(template, {"copier.yml": "type:\n  type: str\nfolds:\n  type: int\n"})
    manifest = f'[workspace]\nname = "w"\n\n[registries]\nlocal = "{registry}"\n'
    number = 0

    def new() -> str:
        nonlocal number
        number += 1
        directory = base / f"project-{number}"
        _write(directory, {"stead.toml": manifest})
        return str(directory)

    given = [word for k, v in OPTIONS.items() for word in (f"--{k}", v)]
    data = [word for k, v in OPTIONS.items() for word in ("-d", f"{k}={v}")]
    ours = world.program(world.stead, "module", "add", "demand", *given, cwd=str(base), before=new)
    theirs = world.program(
        copier,
        "copy",
        "--quiet",
        "--defaults",
        *data,
        str(template),
        "to",
        cwd=str(base),
        before=new,
    )
    found = against(ours.time, {"copier": theirs.time}, {"copier": gate}, world.rounds(15, 5))
    return found["copier"]


def _write(directory: Path, held: Mapping[str, str]) -> None:
    for path, text in held.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
