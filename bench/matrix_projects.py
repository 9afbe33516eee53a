"""Projects to test: small ones that are written here, and real ones from the package index."""

from __future__ import annotations

import io
import json
import random
import subprocess
import tarfile
import tomllib
import urllib.request
from typing import TYPE_CHECKING, Any

from measure import BenchError
from peers import CACHE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from world import World

REAL = (
    "sqlalchemy==2.1.9",
    "twisted==26.10.0",
    "coverage==7.17.3",
    "django-debug-toolbar==8.0.0",
    "pluggy==1.7.0",
    "virtualenv==21.15.8",
)
"""Projects whose source distributions hold rich tox files; the last one a ``tox.toml``."""

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "small"
version = "1.0"
requires-python = ">=3.8"

[tool.hatch.envs.t.scripts]
go = 'python -c "import small"'

[[tool.hatch.envs.t.matrix]]
on = [{environments}]
"""

_NOXFILE = """\
import nox

nox.options.default_venv_backend = "uv"


@nox.session
@nox.parametrize("on", [{environments}])
def t(session, on):
    session.install(".")
    session.run("python", "-c", "import small")
"""


def names(number: int) -> list[str]:
    return [f"on{n}" for n in range(number)]


def small(package: str, number: int = 4) -> dict[str, str]:
    """Give the files of a small package with as many environments, for every tool."""
    quoted = ", ".join(f'"{name}"' for name in names(number))
    return {
        "src/small/__init__.py": "ANSWER = 42\n",
        "README.md": "# Small\n",
        "pyproject.toml": _PYPROJECT.replace("{environments}", quoted),
        "noxfile.py": _NOXFILE.replace("{environments}", quoted),
        "tox.ini": f"[tox]\nenv_list = {', '.join(names(number))}\n\n[testenv]\n"
        f"package = {package}\nwheel_build_env = .pkg\n"
        'commands = python -c "import small"\n',
    }


def bare(number: int) -> dict[str, str]:
    """Give a project with environments that hold no packages."""
    listed = ", ".join(names(number))
    text = f"[tox]\nskipsdist = true\nenv_list = {listed}\n\n[testenv]\nskip_install = true\n"
    return {"tox.ini": text + "commands = python -c pass\n"}


def huge(lines: int = 10_000) -> dict[str, str]:
    """Give a configuration of 800 environments with lines of ``deps`` under conditions.

    Every condition has several factors, nearly every one is another, and each way to write
    one is there as often: alternatives, braces and what must not hold are looked up like the
    plain ones.
    """
    chance = random.Random(800)

    def condition(kind: int) -> str:
        a, other_a, b, other_b = (f"{letter}{chance.randrange(20)}" for letter in "aabb")
        c = f"c{chance.randrange(2)}"
        return (
            f"{a}-{b}",
            f"{c}-{a}-{b}",
            f"{b}-{a}-{c},{other_a}-{other_b}",
            f"{{{a},{other_a}}}-{b}",
            f"!{c}-{b}-{a}",
            f"{b}-!{a}-{c}",
            f"{{{a},{other_a}}}-{{{b},{other_b}}}-{c}",
        )[kind % 7]

    deps = "".join(f"    {condition(n)}: package{n}>={n}\n" for n in range(lines))
    a, b = (",".join(f"{letter}{n}" for n in range(20)) for letter in "ab")
    return {
        "tox.ini": f"[tox]\nskipsdist = true\nenv_list = {{{a}}}-{{{b}}}-{{c0,c1}}\n\n"
        f"[testenv]\nskip_install = true\ndeps =\n{deps}commands = python -c pass\n"
    }


def real(world: World, requirement: str) -> str:
    """Give a copy of a project's source distribution; the archive is kept between runs."""
    name = requirement.partition("==")[0]
    archive = CACHE / "sdists" / f"{requirement.replace('==', '-')}.tar.gz"
    if not archive.is_file():
        _fetch(world, requirement, archive)
    target = world.base / "places" / "real" / name
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")
    (root,) = target.iterdir()
    return str(root)


def _fetch(world: World, requirement: str, archive: Path) -> None:
    uv = world.tools["uv"].program
    argv = [uv, "pip", "compile", "-", "--no-deps", "--format", "pylock.toml", "-q"]
    done = subprocess.run(
        argv, input=requirement, capture_output=True, text=True, check=False, env=world.env
    )
    if done.returncode:
        raise BenchError(f"{requirement}: {done.stderr.strip()[-300:]}")
    (package,) = tomllib.loads(done.stdout)["packages"]
    try:
        with urllib.request.urlopen(package["sdist"]["url"], timeout=120) as answer:
            data = answer.read()
        tarfile.open(fileobj=io.BytesIO(data)).close()
    except (OSError, tarfile.TarError) as exc:
        raise BenchError(f"{requirement}: {exc}") from exc
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".part")
    partial.write_bytes(data)
    partial.replace(archive)


# -- configuration, as both evaluate it

NOT_CONFIGURATION = frozenset(("type", "unused", "fresh_subprocess", "on_platform"))
"""What tox tells of itself among the keys: a class's name, keys it passed over, its platform."""

LISTED = frozenset(("virtualenv_spec", "requires"))
"""Keys whose difference the docs list: Stead makes environments without virtualenv; and
``requires`` has tox itself in it."""


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """Compare two answers of ``config`` as JSON: environments, their order, and every key."""
    if list(ours["env"]) != list(theirs["env"]):
        apart = sorted(set(ours["env"]) ^ set(theirs["env"])) or ["their order"]
        yield f"environments: {', '.join(apart)}"
    for name in theirs["env"].keys() & ours["env"].keys():
        mine, keys = ours["env"][name], theirs["env"][name]
        # Where a key is wrong to both, tox fails for whatever it makes from it as well.
        wrong = any(_failed(mine.get(key)) and _failed(value) for key, value in keys.items())
        for key, value in keys.items():
            if not (_same(key, mine.get(key), value) or (wrong and _failed(value))):
                yield f"{name}.{key}: {mine.get(key)!r}, not {value!r}"
    for key, value in theirs["tox"].items():
        if not _same(key, ours["tox"].get(key), value):
            yield f"tox.{key}: {ours['tox'].get(key)!r}, not {value!r}"


def _same(key: str, ours: Any, theirs: Any) -> bool:
    if ours == theirs or key in NOT_CONFIGURATION or key in LISTED:
        return True
    if theirs == "None":  # how tox writes that nothing was set
        return not ours
    # Where an interpreter is missing, tox fails for keys that Stead can tell without it.
    return _failed(theirs) and (_failed(ours) or "nterpreter" in theirs["error"])


def _failed(value: Any) -> bool:
    """Say whether this stands for a value that could not be evaluated."""
    return isinstance(value, dict) and set(value) == {"error"}


def answer(text: str) -> dict[str, Any]:
    """Read what ``config`` printed: JSON, behind what else there was to say."""
    found: dict[str, Any] = json.loads(text[text.index("{") :])
    return found
