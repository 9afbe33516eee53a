"""Rows about modules: adding an item and updating it, against a template of the same files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import peers
from measure import Row, against

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from world import World

TOOLS = ("copier",)
"""The peers, by name."""

ADDED = 0.2
"""The gate, whether templates only name options or have conditions."""

UPDATED = 0.1
"""The gate of an update with 100 files, of which upstream changed a half and the user some."""
MANY = 100

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
    for name, conditions in (("options named", False), ("conditions", True)):
        ours, theirs = _added(world, copier.program, name, files(conditions=conditions), ADDED)
        yield Row(
            f"`module add` of a ten-file item, two of them templates: {name}",
            ours,
            "`copier copy`",
            theirs,
            ADDED,
        )
    ours, theirs = _updated(world, copier.program)
    name = f"`module update` with {MANY} files: half changed upstream, a tenth by the user"
    yield Row(name, ours, "`copier update`", theirs, UPDATED)


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


def _updated(world: World, copier: str) -> tuple[float, float]:
    """Time updates of projects that are each as they were when the edits had been made."""
    base = world.base / "modules" / "updated"
    registry, template = base / "registry", base / "template"
    first = {f"src/demand/part_{n:02}.py": f"# {n}\n{_CODE}" for n in range(MANY - 1)}
    first["README.md"] = "# Demand, {{ type }}\n"
    later = {path: f"{text}LATER = 1\n" for path, text in sorted(first.items())[::2]}
    edited = {path: f"MINE = 1\n{text}" for path, text in list(first.items())[:-1:10]}

    def publish(version: str, held: Mapping[str, str]) -> None:
        described = _DESCRIPTION.replace("1.0.0", version).replace(', "src/demand/main.py"', "")
        _write(registry / "demand", {"stead-item.toml": described})
        _write(registry / "demand" / "files", held)
        _write(template, {f"{p}.jinja" if p == "README.md" else p: t for p, t in held.items()})
        _commit(world, template)
        world.do("git", "tag", version, cwd=str(template))

    answers = "{{ _copier_answers|to_nice_yaml }}"
    _write(template, {"copier.yml": "type:\n  type: str\nfolds:\n  type: int\n"})
    _write(template, {"{{ _copier_conf.answers_file }}.jinja": answers})
    world.do("git", "init", "-q", cwd=str(template))
    publish("1.0.0", first)
    kept, copied = base / "kept", base / "copied"
    _write(kept, {"stead.toml": f'[workspace]\nname = "w"\n\n[registries]\nlocal = "{registry}"\n'})
    given = [word for k, v in OPTIONS.items() for word in (f"--{k}", v)]
    world.do(world.stead, "module", "add", "demand", *given, cwd=str(kept))
    data = [word for k, v in OPTIONS.items() for word in ("-d", f"{k}={v}")]
    world.do(
        copier, "copy", "--quiet", "--defaults", *data, str(template), str(copied), cwd=str(base)
    )
    _write(kept / "modules" / "demand", edited)
    _write(copied, edited)
    world.do("git", "init", "-q", cwd=str(copied))
    _commit(world, copied)
    publish("1.1.0", later)
    number = 0

    def anew(held: Path) -> Callable[[], str]:
        def make() -> str:
            nonlocal number
            number += 1
            directory = base / f"project-{number}"
            shutil.copytree(held, directory)
            return str(directory)

        return make

    ours = world.program(world.stead, "module", "update", cwd=str(base), before=anew(kept))
    theirs = world.program(
        copier, "update", "--quiet", "--defaults", cwd=str(base), before=anew(copied)
    )
    found = against(ours.time, {"copier": theirs.time}, {"copier": UPDATED}, world.rounds(10, 4))
    return found["copier"]


def _commit(world: World, directory: Path) -> None:
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")
    world.do("git", "add", "-A", cwd=str(directory))
    world.do("git", *who, "commit", "-qm", "as it is", cwd=str(directory))


def _write(directory: Path, held: Mapping[str, str]) -> None:
    for path, text in held.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
