"""The options of ``stead test``, each declared once.

The parser of the command line is made from this table, and the reference and the
shells' completion from that parser.
"""

from __future__ import annotations

from typing import Literal

from stead.values.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """An option: ``kind`` says whether it takes no value, one, or one each time it is given.

    ``name`` is what its value is called in code: ``given``, or what the first long flag says.
    """

    flags: tuple[str, ...]
    help: str
    kind: Literal["flag", "value", "many"] = "flag"
    metavar: str = ""
    choices: tuple[str, ...] = ()
    given: str = ""
    const: str = ""
    """What the value is where the option stands without one; empty where it must have one."""

    @property
    def name(self) -> str:
        long = next((flag for flag in self.flags if flag.startswith("--")), self.flags[0])
        return self.given or long.removeprefix("--").replace("-", "_")


def _flag(flags: str, text: str, **more: str) -> Option:
    return Option(tuple(flags.split()), text, given=more.get("given", ""))


def _value(
    flags: str, metavar: str, text: str, choices: tuple[str, ...] = (), **more: str
) -> Option:
    return Option(
        tuple(flags.split()), text, "value", metavar, choices, const=more.get("const", "")
    )


def _many(flags: str, metavar: str, text: str, given: str) -> Option:
    return Option(tuple(flags.split()), text, "many", metavar, given=given)


ENVIRONMENTS = Option(
    ("environments",),
    "names of environments, or factor expressions (py3{11,12}-unit); ALL for all"
    " (default: those that the project lists)",
    "many",
    "TESTENV",
)
"""The words that are no options."""

CHOOSING = (
    _many("-e --env", "TESTENV", "an environment, as without the option", "names"),
    _many("-l -m --label", "LABEL", "environments that bear a label", "labels"),
    _many(
        "-f --factor",
        "FACTORS",
        "environments with these factors in their names: a-b for both, the option again for either",
        "factors",
    ),
    _value(
        "--skip-env", "REGEX", "leave out environments whose names begin with what this matches"
    ),
    _many("--package", "NAME", "test against this package alone", "packages"),
    _flag("--no-packages --skip-pkg-install", "test without the project's packages"),
    _value("--in-prefix", "DIR", "test in an environment that is there, instead of making any"),
    _flag("--install", "put the package into that environment, which nothing else changes"),
    _value(
        "--skip-missing-interpreters",
        "YES",
        "skip environments whose interpreter is not there (default: as the project says)",
        ("true", "false", "config"),
        const="true",
    ),
)
LOOKING = (
    _flag("--list", "list the environments with what they are tested against, and run nothing"),
    _flag("--config", "show every key of the environments, evaluated, and run nothing"),
    _flag("--plan", "show what would be built and run, in order and why, and run nothing"),
    _value(
        "--matrix",
        "CI",
        "print the jobs of a CI matrix, and run nothing",
        ("github", "gitlab"),
    ),
    _flag("--json", "answer as JSON"),
)
RUNNING = (
    _value("-p --parallel", "N", "so many environments at once; auto for what the machine bears"),
    _flag("-r --recreate", "make the environments afresh"),
    _flag("--fail-fast", "stop everything when one environment fails"),
    _flag("--keep-going", "go on when one fails (default)"),
    _value("--timeout", "TIME", "stop an environment's commands after this long (90s, 10min)"),
    _value("--retries", "N", "run an environment again when it fails, so many times"),
    _flag("--since-success", "run only what changed since it last succeeded"),
    _flag("--notest", "make the environments, and run no commands"),
    _value(
        "--hashseed",
        "SEED",
        "what PYTHONHASHSEED is set to (default: notset, which leaves it alone)",
    ),
    _flag("--offline", "use only what is cached"),
)
REPORTING = (
    _value("--junit", "FILE", "write the results as JUnit XML"),
    _value("--report", "FILE", "write the results as a page of HTML"),
    _value("--report-json", "FILE", "write the results as JSON"),
    _flag("--coverage", "combine the coverage data of all environments"),
)
OPTIONS: tuple[Option, ...] = (*CHOOSING, *LOOKING, *RUNNING, *REPORTING)
