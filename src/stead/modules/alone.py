"""Testing modules where there is no Stead: as whoever gets the repository would.

Python modules are installed with pip into a fresh environment, all of a combination into one, so
that they fit together; modules in other languages are installed and tested by their own commands.
Neither Stead's program nor its variables are there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.errors import TaskError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stead.modules.adding import Placed
    from stead.values.context import Context

_OWN = ("STEAD_", "VIRTUAL_ENV", "CONDA_", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITE", "PYTEST_")
_PROGRAM = ("stead", "stead.exe", "stead.cmd")
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and what became of it."""

    module: str
    """Empty for what is done for all of them."""
    words: tuple[str, ...]
    code: int
    seconds: float
    said: tuple[str, ...] = ()
    """The last lines of one that failed."""


def without_stead(environ: Mapping[str, str]) -> dict[str, str]:
    """Give an environment in which nothing of Stead can be found."""
    kept = {n: v for n, v in environ.items() if not n.startswith(_OWN)}
    path = kept.get("PATH", os.defpath).split(os.pathsep)
    kept["PATH"] = os.pathsep.join(
        p for p in path if p and not any(os.path.exists(os.path.join(p, n)) for n in _PROGRAM)
    )
    kept["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    return kept


def test(
    root: str, modules: Sequence[Placed], scratch: str, python: str, context: Context
) -> Iterator[Step]:
    """Install and test the modules of a project, and give each step as it ends.

    ``python`` is an interpreter that can make environments. What comes after a step that failed
    is left out, except tests of other modules. Raises TaskError where Stead is still there.
    """
    runs = _Runs(context, without_stead(context.environ))
    of_python = [m for m in modules if m.chosen.item.language == "python"]
    ready = True
    if of_python:
        environment = os.path.join(scratch, "venv")
        for step in _installed(root, of_python, environment, python, runs):
            yield step
            ready = ready and not step.code
        own = os.path.join(environment, "Scripts" if os.name == "nt" else "bin", "python")
    for module in modules:
        at = os.path.join(root, *module.directory.split("/"))
        commands = module.chosen.item.commands
        if module.chosen.item.language == "python":
            tests = any(f.path.startswith("tests/") for f in module.files)
            if ready and tests:
                yield runs(module.name, [own, "-m", "pytest", "-q", "tests"], at)
            continue
        for words in (*commands.install, *commands.test):
            step = runs(module.name, words, at)
            yield step
            if step.code:
                break


def _installed(
    root: str, modules: Sequence[Placed], environment: str, python: str, runs: _Runs
) -> Iterator[Step]:
    """Make an environment, without Stead, with all Python modules and what tests them."""
    made = runs("", [python, "-m", "venv", environment], root)
    yield made
    if made.code:
        return
    own = os.path.join(environment, "Scripts" if os.name == "nt" else "bin", "python")
    found = runs("", [own, "-c", "import stead"], root)
    if not found.code:
        raise TaskError(
            "Stead can still be imported where the modules are tested",
            where=environment,
            remedy="take it out of this interpreter's own packages",
        )
    wanted = []
    for module in modules:
        extras = "[test]" if module.part is not None and "test" in module.part.extras else ""
        wanted.append(f"{os.path.join(root, *module.directory.split('/'))}{extras}")
    # Most of what is installed is never imported: what is, is compiled then.
    yield runs("", [own, "-m", "pip", "install", "-q", "--no-compile", *wanted], root)


class _Runs:
    """Runs commands in one environment, and times them."""

    def __init__(self, context: Context, environ: Mapping[str, str]) -> None:
        self._context = context
        self._environ = environ

    def __call__(self, module: str, words: Sequence[str], cwd: str) -> Step:
        begun = self._context.now()
        done = self._context.run(list(words), cwd=cwd, env=self._environ)
        step = Step(module, tuple(words), done.returncode, max(0.0, self._context.now() - begun))
        if not done.returncode:
            return step
        lines = (done.stdout + done.stderr).splitlines()
        return replace(step, said=tuple(line for line in lines if line.strip())[-_SHOWN:])
