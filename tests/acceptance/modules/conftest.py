"""A small registry: an app with options that needs a lib, and a lib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.modules.registry.directory import Directory

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0.0"
requires-python = ">=3.10"
dependencies = {requires}

[project.optional-dependencies]
test = ["pytest>=8"]

[project.scripts]
{name} = "{name}.cli:main"

[tool.setuptools.packages.find]
where = ["src"]

[tool.setuptools.package-data]
{name} = ["data/*"]
"""

CLI = """\
import sys

from {name}.main import double
from {name}.utils import numbers


def main() -> int:
    print("{name}", [double(n) for n in numbers()])
    return 0 if sys.argv[1:] == ["run"] else 2
"""

UTILS = """\
from importlib import resources


def numbers() -> list[int]:
    text = resources.files("{name}").joinpath("data/numbers.txt").read_text()
    return [int(line) for line in text.split()]
"""


def write_item(
    registry: Path, name: str, description: str = "", *, requires: str = "[]", **files: str
) -> str:
    """Write a Python item of ten files; gives its integrity."""
    here = registry / name
    source = here / "files" / "src" / name
    (source / "data").mkdir(parents=True)
    (here / "files" / "tests").mkdir()
    (here / "stead-item.toml").write_text(
        f'name = "{name}"\nkind = "app"\nversion = "1.0.0"\nsummary = "Doubles numbers"\n'
        + description
    )
    texts = {
        "pyproject.toml": PYPROJECT.format(name=name, requires=requires),
        "README.md": f"# {name}\n",
        f"Dockerfile.{name}": "FROM python:3-slim\n",
        "main.py": f"from {name}.cli import main\n\nraise SystemExit(main())\n",
        f"src/{name}/__init__.py": f"from {name}.main import double\n",
        f"src/{name}/main.py": "def double(x):\n    return 2 * x\n",
        f"src/{name}/cli.py": CLI.format(name=name),
        f"src/{name}/utils.py": UTILS.format(name=name),
        f"src/{name}/data/numbers.txt": "1 2 3\n",
        f"tests/test_{name}.py": f"from {name} import double\n\n\n"
        "def test_it():\n    assert double(2) == 4\n",
        **files,
    }
    for path, text in texts.items():
        (here / "files" / path).write_text(text)
    return Directory("", str(registry), "").item(name).integrity


OPTIONS = """\
expects = ["a file with a number on each line"]
render = ["src/{name}/main.py"]

[options.type]
type = "enum"
choices = ["double", "triple"]
default = "double"
question = "How many times?"

[options.folds]
type = "int"
default = 5
"""

FACTOR = """\
FACTOR = {% if type == "triple" %}3{% else %}2{% endif %}
FOLDS = {{ folds }}


def double(x):
    return FACTOR * x
"""


@pytest.fixture
def registry(project) -> Path:
    """A registry `team` beside the project: `scale` has options, `plain` has none,
    `report` needs `plain`.
    """
    root = project({})
    made = root.parent / "registry"
    write_item(
        made,
        "scale",
        OPTIONS.format(name="scale"),
        **{"src/scale/main.py": FACTOR},
    )
    integrity = write_item(made, "plain")
    needs = f'[needs.plain]\nversion = "1.0.0"\nintegrity = "{integrity}"\n'
    write_item(made, "report", needs, requires='["packaging>=20"]')
    project(
        {
            "stead.toml": '# mine\n[workspace]\nname = "work"  # said of it\n\n[registries]\nteam = "../registry"\n'
        }
    )
    return made
