"""Jobs of a CI matrix: one for each cell of the chosen environments, whatever machine asks.

An interpreter that is missing here, or a platform that is not this one, is no reason
to leave a cell out: the job says which it needs.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from stead.matrix import describe
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.matrix.asking import Asked
    from stead.values.context import Context

MOST_GITHUB = 256
"""So many jobs a matrix of GitHub holds."""

_RUNNERS = {"linux": "ubuntu-latest", "darwin": "macos-latest", "win32": "windows-latest"}


@dataclass(frozen=True, slots=True)
class Job:
    """``python`` is the version to set up, empty where the environment brings its own;
    ``system`` what :data:`sys.platform` must be.
    """

    name: str
    environment: str
    package: str
    python: str
    system: str
    after: tuple[str, ...] = ()
    alone: bool = True
    """Whether the environment is tested against one package only."""

    @property
    def arguments(self) -> str:
        words = [self.environment]
        if not self.alone:
            words += ["--package", self.package]
        return shlex.join(words)


def jobs(kind: str, asked: Asked, context: Context) -> str:
    """Give the matrix for ``github`` (one line of JSON) or ``gitlab`` (YAML of jobs).

    Raises UsageError where the CI could not hold it.
    """
    found = listed(asked, context)
    return _github(found) if kind == "github" else _gitlab(found)


def listed(asked: Asked, context: Context) -> tuple[Job, ...]:
    """Give the jobs of the chosen environments, in the order of the plan."""
    described = describe.read(asked, context)
    suite = describe.suite(asked, context, whole=False, described=described)
    plan = describe.plan(suite, asked, elsewhere=True)
    for one in describe.chosen(suite, asked):
        if one.wrong:
            raise ManifestError(one.wrong, remedy="mend it, or leave it out with --skip-env")
    count: dict[str, int] = {}
    for cell in plan.cells:
        count[cell.environment] = count.get(cell.environment, 0) + 1
    here = asked.here.sys_platform
    made = []
    for cell in plan.cells:
        systems = described.systems(cell.environment)
        if cell.skip or not systems:
            continue
        made.append(
            Job(
                name=cell.label,
                environment=cell.environment,
                package=cell.definition,
                python=described.version(cell.environment),
                system=here if here in systems else systems[0],
                after=cell.after,
                alone=count[cell.environment] == 1,
            )
        )
    return tuple(made)


def _github(found: Sequence[Job]) -> str:
    if len(found) > MOST_GITHUB:
        raise UsageError(
            f"a matrix of GitHub holds {MOST_GITHUB} jobs, and these are {len(found)}",
            remedy="choose some by name, label or factor, and make a matrix of each part",
        )
    include = [
        {
            "name": job.name,
            "environment": job.environment,
            "package": job.package,
            "python": job.python,
            "os": _RUNNERS[job.system],
            "arguments": job.arguments,
        }
        for job in found
    ]
    return json.dumps({"include": include})


def _gitlab(found: Sequence[Job]) -> str:
    """Write YAML; what JSON writes as a string YAML reads as the same."""
    names = {job.name for job in found}
    lines = ["# Jobs of a child pipeline: image and before_script stand in a default of its own."]
    for job in found:
        needs = [_title(name) for name in job.after if name in names]
        lines += [
            f"{_text(_title(job.name))}:",
            "  stage: test",
            "  variables:",
            f"    TEST_PYTHON: {_text(job.python)}",
            f"    TEST_SYSTEM: {_text(job.system)}",
            "  script:",
            f"    - {_text(f'stead test {job.arguments}')}",
            f"  needs: [{', '.join(map(_text, needs))}]",
        ]
    return "\n".join(lines)


def _title(name: str) -> str:
    """Name a job: what begins with a dot is hidden there, and some words have a meaning."""
    return f"test {name}"


def _text(text: str) -> str:
    return json.dumps(text)
