"""Coverage data of cells: kept apart while they run, and combined afterwards.

Each cell measures into a directory of its own, which its ``COVERAGE_FILE`` names, so
that cells in parallel write over nothing of each other. They are combined by coverage
itself, the newest that an environment has, under the project's own configuration;
files of the installed package become those of the source tree, so that what was
measured in different environments is about the same lines.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from stead.values.errors import SteadError, TaskError
from stead.values.frozen import dataclass
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stead.values.context import Context

_NAME = ".coverage"

_SCRIPT = """\
import json, sys
import coverage
asked = json.loads(sys.stdin.read())
given = {"data_file": asked["output"]} if asked["output"] else {}
data = coverage.Coverage(**given)
paths = dict(data.get_option("paths") or {})
for name, places in asked["paths"].items():
    paths["stead: " + name] = places
data.set_option("paths", paths)
data.combine(asked["files"], strict=True, keep=True)
data.save()
held = data.get_data()
print(json.dumps({"file": held.data_filename(), "measured": len(held.measured_files())}))
"""
"""What runs in the environment. ``keep`` needs coverage 5.5."""


@dataclass(frozen=True, slots=True)
class Combined:
    """What came of combining: the file with all data, and how many source files are in it.

    ``notes`` is what coverage had to say, such as of a file it could not read.
    """

    file: str
    measured: int
    notes: tuple[str, ...] = ()


def prepared(directory: str, label: str) -> tuple[tuple[str, str], ...]:
    """Make an empty place for a cell's data; gives the variables that its commands need.

    ``directory`` is for the data of all cells. What an earlier run of the cell has
    measured is removed; that of cells that need not run stays. Raises OSError.
    """
    place = _place(directory, label)
    os.makedirs(place, exist_ok=True)
    for path in _data(place):
        os.unlink(path)
    return (("COVERAGE_FILE", os.path.join(place, _NAME)),)


def measured(directory: str, labels: Iterable[str]) -> tuple[str, ...]:
    """Give the files with data that cells have left."""
    return tuple(path for label in labels for path in _data(_place(directory, label)))


def interpreter(prefixes: Iterable[str]) -> str:
    """Find the environment with the newest coverage; gives its Python, or nothing.

    ``prefixes`` are environments. No interpreter is started: the version stands in
    the name of a directory.
    """
    found = [(version, prefix) for prefix in prefixes if (version := _version(prefix)) is not None]
    for _, prefix in sorted(found, reverse=True):
        for name in ("bin/python", "python.exe", "Scripts/python.exe"):
            path = os.path.join(prefix, *name.split("/"))
            if os.path.exists(path):
                return path
    return ""


def combine(
    files: Sequence[str], root: str, python: str, context: Context, *, output: str = ""
) -> Combined:
    """Combine files of data into one, with the coverage that ``python`` can import.

    ``root`` is the project, whose configuration of coverage holds: its ``[paths]``
    before the ones found here, and its ``data_file`` where ``output`` is empty. The
    files stay as they are. Raises :class:`~stead.values.errors.TaskError` where there
    is no data, or coverage refuses, as it does to mix data with and without branches.
    """
    if not files:
        raise TaskError(
            "no cell has left coverage data",
            where=root,
            remedy="let the commands measure: `coverage run -m pytest`, or `pytest --cov`",
        )
    if not python:
        raise TaskError(
            "no environment has coverage to combine the data with",
            where=root,
            remedy="name coverage in the requirements of the environments that measure",
        )
    asked = {"files": list(files), "output": output, "paths": paths(root)}
    done = context.run(
        [python, "-c", _SCRIPT],
        cwd=root,
        env={**context.environ, "PYTHONSAFEPATH": "1"},
        stdin=json.dumps(asked),
    )
    said = tuple(line.strip() for line in done.stderr.splitlines() if line.strip())
    if done.returncode:
        raise _refused(said, root, python)
    answer = json.loads(done.stdout.splitlines()[-1])
    return Combined(
        os.path.join(root, answer["file"]),
        answer["measured"],
        tuple(line for line in said if "CoverageWarning" in line),
    )


def paths(root: str) -> dict[str, list[str]]:
    """Say where installed files come from, as coverage's ``[paths]``: the source first.

    Sources stand in ``src`` or in the root itself. A package is named by its directory
    (in ``src``, with or without ``__init__.py``); modules alone need the directory as
    a whole, and coverage leaves alone what is not there.
    """
    found: dict[str, list[str]] = {}
    for base in ("src", ""):
        for name, is_package in _modules(os.path.join(root, base), namespaces=bool(base)):
            where = f"{base}/{name}" if base else name
            if is_package:
                found.setdefault(name, [where, f"*/site-packages/{name}"])
            else:
                found.setdefault(f"modules in {base or '.'}", [base or ".", "*/site-packages"])
    # Coverage takes the first pattern that fits: a package's own before that of all modules.
    return dict(sorted(found.items(), key=lambda item: item[0].startswith("modules in ")))


def _modules(directory: str, *, namespaces: bool) -> Iterator[tuple[str, bool]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        stem, dot, extension = entry.name.partition(".")
        if not stem.isidentifier():
            continue
        if not dot and entry.is_dir():
            if namespaces or os.path.exists(os.path.join(entry.path, "__init__.py")):
                yield stem, True
        elif extension == "py" and stem not in ("setup", "conftest", "noxfile"):
            yield stem, False


def _place(directory: str, label: str) -> str:
    """Name a cell's directory so that people find it, and no two cells share one."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", label).strip("-.")[:60]
    digest = sha256(label.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return os.path.join(directory, f"{readable}-{digest}")


def _data(place: str) -> list[str]:
    """Give the files of a directory that hold data: parallel processes have one each."""
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError:
        return []
    return [e.path for e in entries if e.name.startswith(_NAME) and e.is_file()]


def _version(prefix: str) -> tuple[int, ...] | None:
    from glob import escape, glob

    pattern = os.path.join(escape(prefix), "[lL]ib", "**", "site-packages", "coverage-*.dist-info")
    shallow = (pattern.replace("**", "*"), pattern.replace(os.path.join("**", ""), ""))
    names = [os.path.basename(path) for one in shallow for path in glob(one)]
    versions = [tuple(int(n) for n in re.findall(r"\d+", name.split("-")[1])) for name in names]
    return max(versions, default=None)


def _refused(said: Sequence[str], root: str, python: str) -> SteadError:
    last = said[-1] if said else "it says nothing"
    if "No module named" in last and "coverage" in last:
        return TaskError(
            f"{python} has no coverage", where=root, remedy="name an interpreter that has it"
        )
    message = last.partition(": ")[2] or last
    if "branch" in message.lower() or "arc" in message.lower():
        remedy = "measure branches in all environments or in none: `branch` in coverage's settings"
    elif "keep" in message:
        remedy = "ask for coverage>=5.5 in the environments that measure"
    else:
        remedy = "see what coverage says of it; the data of the cells is still there"
    return TaskError(f"coverage could not combine the data: {message}", where=root, remedy=remedy)
