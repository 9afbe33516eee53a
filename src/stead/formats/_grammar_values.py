"""The tables of ``stead.toml`` that say what variables may hold, what must hold, what files there are."""

# As in `_grammar`, annotations must be types here, not texts.

from typing import Any, Literal

from stead.formats.models import Model, entry

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
A_VARIABLE = "a name of a variable (letters, digits and _, no digit first)"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
A_NAME = "a name (letters, digits, _, - and dots)"
ENVIRONMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*"

Scalar = str | int | float | bool
Value = str | int | float | bool | tuple[str | int | float | bool, ...]

TypeName = Literal[
    "str",
    "int",
    "float",
    "bool",
    "enum",
    "url",
    "host",
    "port",
    "path",
    "paths",
    "duration",
    "bytes",
    "json",
    "data",
    "secret",
]


class Limits(Model):
    """What a value must keep to."""

    min: str | int | float = entry(
        "The least value: of a number, a duration, a size.", default="", examples=("min = 1",)
    )
    max: str | int | float = entry("The greatest value.", default="", examples=('max = "30s"',))


class Declared(Limits):
    """What a variable may hold."""

    type: TypeName = entry(
        "What the value is: `str`, `int`, `float`, `bool`, `enum`, `url`, `host`, `port`, `path`,"
        " `paths` (a list of paths), `duration`, `bytes` (a size), `json`, `data` or `secret`.",
        default="str",
        examples=('type = "int"',),
    )
    choices: tuple[str | int | float, ...] = entry(
        "The values that there are, of an `enum`.",
        default=(),
        examples=('choices = ["debug", "info"]',),
    )
    scheme: str | tuple[str, ...] = entry(
        "The scheme, or schemes, that a `url` may have.",
        default=(),
        examples=('scheme = "postgres"', 'scheme = ["http", "https"]'),
    )
    pattern: str = entry(
        "A regular expression that the whole text must match.",
        default="",
        examples=('pattern = "[a-z]+"',),
    )
    default: Any = entry(
        "The value where nobody gives one.", default=None, examples=("default = 5",)
    )
    required: bool = entry(
        "Nothing starts while it has no value.", default=False, examples=("required = true",)
    )
    description: str = entry(
        "One line for people.", default="", examples=('description = "Where orders are kept"',)
    )


class AcceptTable(Declared):
    """A variable that a library understands: its type and limits, never a value."""


class VariableTable(Declared):
    """A variable in table form: what it may hold, and the value that it has here."""

    value: Any = entry("The value.", default=None, examples=("value = 20",))


class CheckTable(Model):
    """Something that must hold before a process starts. One key says what: `path`, `port`, `url`,
    `command`, `space`, `glibc`, `cpu`, `gpu`, `variable` or `run`.
    """

    path: str = entry(
        "A file or directory that must be there.", default="", examples=('path = "${paths.raw}"',)
    )
    is_: Literal["file", "directory"] | None = entry(
        "What stands at `path`.", default=None, examples=('is = "directory"',)
    )
    port: str | int = entry(
        "`HOST:PORT` that must accept a connection; a number means this machine's.",
        default="",
        examples=('port = "{net.db}"',),
    )
    url: str = entry(
        "An address that must answer.", default="", examples=('url = "http://{net.api}/health"',)
    )
    status: int = entry(
        "The answer's status; without it anything below 400.",
        default=0,
        examples=("status = 204",),
    )
    command: tuple[str, ...] = entry(
        "A program that must run and say its version.",
        default=(),
        command=True,
        examples=('command = ["git", "--version"]',),
    )
    version: str = entry(
        "The versions of `command` that will do.", default="", examples=('version = ">=2.30"',)
    )
    space: str | int = entry(
        "How much must be free on the file system of `at`.",
        default="",
        examples=('space = "10 GiB"',),
    )
    at: str = entry("The directory that `space` is about.", default="", examples=('at = "."',))
    glibc: str = entry(
        "The versions of the C library that will do.", default="", examples=('glibc = ">=2.28"',)
    )
    cpu: tuple[str, ...] = entry(
        "What the processor must be capable of.", default=(), examples=('cpu = ["avx2"]',)
    )
    cores: int = entry("How many processors there must be.", default=0, examples=("cores = 4",))
    gpu: str | bool = entry(
        "A graphics processor: `true`, or its vendor.",
        default=False,
        examples=("gpu = true", 'gpu = "nvidia"'),
    )
    memory: str | int = entry(
        "How much memory the graphics processor has at least.",
        default="",
        examples=('memory = "8 GiB"',),
    )
    variable: str = entry(
        "A variable that must have a value.",
        default="",
        pattern=VARIABLE,
        means=A_VARIABLE,
        examples=('variable = "PG_URL"',),
    )
    run: tuple[str, ...] = entry(
        "A command of your own, which must end with 0.",
        default=(),
        command=True,
        examples=('run = ["python", "check_schema.py"]',),
    )
    message: str = entry(
        "What to do where it does not hold.",
        default="",
        examples=('message = "start the database"',),
    )
    timeout: str = entry("How long to wait.", default="", examples=('timeout = "2s"',))


class HealthTable(Model):
    """What must hold for a version to stay on a machine. One of `url`, `port` and `command` is
    given; it is asked again and again until it holds or the time is over.
    """

    url: str = entry(
        "An address that must answer.",
        default="",
        examples=('url = "http://localhost:${WEB_PORT}/health"',),
    )
    status: int = entry(
        "The answer's status; without it anything below 400.",
        default=0,
        examples=("status = 204",),
    )
    port: str | int = entry(
        "`HOST:PORT` that must accept a connection; a port alone means the machine's.",
        default="",
        examples=('port = "${WEB_PORT}"',),
    )
    command: tuple[str, ...] = entry(
        "A command, run with the app's variables, that must end with 0.",
        default=(),
        command=True,
        examples=('command = ["python", "-m", "viewer.ready"]',),
    )
    timeout: str = entry(
        "How long it may take until it holds. Without it: 30 s.",
        default="",
        examples=('timeout = "1min"',),
    )


class FileTable(Model):
    """A file made from the table of variables: from a template, or written in a format."""

    template: str = entry(
        "A Jinja template, relative to this file.",
        default="",
        examples=('template = "viewer.ini.tmpl"',),
    )
    format: Literal["json", "yaml", "toml", "ini", "env", "properties"] | None = entry(
        "Written without a template, in this format. Where `names` says what is in it, "
        "the ending of the path can tell the format.",
        default=None,
        examples=('format = "json"',),
    )
    names: tuple[str, ...] = entry(
        "Which variables: names or patterns. Without it: all that are declared.",
        default=(),
        examples=('names = ["PG_*"]',),
    )
    section: str = entry(
        "The section, or table, that they stand in.", default="", examples=('section = "db"',)
    )
