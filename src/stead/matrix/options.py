"""The options of ``stead test``, each declared once.

The parser of the command line is made from this table, and the reference and the
shells' completion from that parser.
"""

from __future__ import annotations

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal


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
    variable: str = ""
    """What tox calls it: ``TOX_…`` says it where tox's files describe the tests."""

    @property
    def name(self) -> str:
        long = next((flag for flag in self.flags if flag.startswith("--")), self.flags[0])
        return self.given or long.removeprefix("--").replace("-", "_")


def _flag(flags: str, text: str, **more: str) -> Option:
    given, variable = more.get("given", ""), more.get("variable", "")
    return Option(tuple(flags.split()), text, given=given, variable=variable)


def _value(
    flags: str, metavar: str, text: str, choices: tuple[str, ...] = (), **more: str
) -> Option:
    return Option(
        tuple(flags.split()),
        text,
        "value",
        metavar,
        choices,
        given=more.get("given", ""),
        const=more.get("const", ""),
        variable=more.get("variable", ""),
    )


def _many(flags: str, metavar: str, text: str, given: str, variable: str = "") -> Option:
    return Option(tuple(flags.split()), text, "many", metavar, given=given, variable=variable)


ENVIRONMENTS = Option(
    ("environments",),
    "names of environments, or factor expressions (py3{11,12}-unit); ALL for all"
    " (default: those that the project lists)",
    "many",
    "TESTENV",
)
"""The words that are no options."""

CHOOSING = (
    _many(
        "--module",
        "NAME",
        "test this module (again for more; default: all that there is to test)",
        "modules",
    ),
    _many("-e --env", "TESTENV", "an environment, as without the option", "names", "ENV"),
    _many("-l -m --label", "LABEL", "environments that bear a label", "labels", "LABELS"),
    _many(
        "-f --factor",
        "FACTORS",
        "environments with these factors in their names: a-b for both, the option again for either",
        "factors",
        "FACTORS",
    ),
    _value(
        "--skip-env",
        "REGEX",
        "leave out environments whose names begin with what this matches",
        variable="SKIP_ENV",
    ),
    _many("--package", "NAME", "test against this package alone", "packages"),
    _flag(
        "--no-packages --skip-pkg-install",
        "test without the project's packages",
        variable="SKIP_PKG_INSTALL",
    ),
    _value("--in-prefix", "DIR", "test in an environment that is there, instead of making any"),
    _flag("--install", "put the package into that environment, which nothing else changes"),
    _value(
        "-s --skip-missing-interpreters",
        "YES",
        "skip environments whose interpreter is not there (default: as the project says)",
        ("true", "false", "config"),
        const="true",
        variable="SKIP_MISSING_INTERPRETERS",
    ),
    _many(
        "-x --override",
        "SECTION.KEY=VALUE",
        "a value in place of that of tox's file; += adds to it (testenv.deps+=six)",
        "overrides",
        "OVERRIDE",
    ),
    _value(
        "--workdir",
        "DIR",
        "where tox's environments lie, in place of its work_dir",
        given="work_dir",
        variable="WORK_DIR",
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
    _value(
        "-p --parallel",
        "N",
        "so many environments at once; auto for what the machine bears",
        variable="PARALLEL",
    ),
    _flag("-r --recreate", "make the environments afresh", variable="RECREATE"),
    _flag("--fail-fast", "stop everything when one environment fails", variable="FAIL_FAST"),
    _flag("--keep-going", "go on when one fails (default)"),
    _value("--timeout", "TIME", "stop an environment's commands after this long (90s, 10min)"),
    _value("--retries", "N", "run an environment again when it fails, so many times"),
    _flag("--since-success", "run only what changed since it last succeeded"),
    _flag("-n --notest", "make the environments, and run no commands", variable="NO_TEST"),
    _value(
        "--hashseed",
        "SEED",
        "what PYTHONHASHSEED is set to (default: notset, which leaves it alone)",
        variable="HASH_SEED",
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


def told(environ: Mapping[str, str]) -> dict[Option, tuple[str, str]]:
    """Give what variables of the caller say of options, each with the variable's name, by tox's rules.

    ``TOX_ENV`` and ``TOXENV`` are the same. Those that an environment of tox sets for its
    commands mean that environment, and nothing that they start.
    """
    found: dict[Option, tuple[str, str]] = {}
    for option in OPTIONS:
        for name in (f"TOX_{option.variable}", f"TOX{option.variable}") if option.variable else ():
            if environ.get(name) and not (name == "TOX_WORK_DIR" and "TOX_ENV_DIR" in environ):
                found[option] = (name, environ[name])
                break
    return found
