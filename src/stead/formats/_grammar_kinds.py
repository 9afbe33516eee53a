"""The tables of ``stead.toml`` that describe configuration: types, kinds, files, checks."""

# As in `_grammar`, annotations must be types here, not texts.

from typing import Any, Literal

from stead.formats.models import Model, entry

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
A_VARIABLE = "a name of a variable (letters, digits and _, no digit first)"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
A_NAME = "a name (letters, digits, _, - and dots)"

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


class LibTable(Model):
    """`[lib.NAME]` says what a library understands."""

    accepts: dict[str, AcceptTable] = entry(
        "Its variables.",
        factory=dict,
        keys=VARIABLE,
        means=A_VARIABLE,
        examples=('PG_URL = { type = "url", scheme = "postgres", required = true }',),
    )
    prefix: bool = entry(
        "Whether a client may export the variables under names with a prefix.",
        default=False,
        examples=("prefix = true",),
    )
    connections: str = entry(
        "The variable that says how many connections one client opens.",
        default="",
        pattern=VARIABLE,
        means=A_VARIABLE,
        examples=('connections = "PG_POOL"',),
    )
    checks: dict[str, CheckTable] = entry(
        "What must hold where the library is used.", factory=dict, keys=NAME, means=A_NAME
    )


class HostTable(Model):
    """`[host.NAME]` says what a machine has."""

    ports: dict[str, str | int] = entry(
        "Ports to listen on: a number, or a range.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('web = "8000-8099"',),
    )
    paths: dict[str, str] = entry(
        "Directories that are there.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('scratch = "/scratch"',),
    )
    data: dict[str, str] = entry(
        "Where data already lies.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('scans = "/srv/scans"',),
    )
    secrets: dict[str, str] = entry(
        "References to secrets: `age:`, `sops:`, `keyring:`, `env:` or `command:`.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('pg_pass = "age:lab.age#pg_pass"',),
    )
    limits: dict[str, Limits] = entry(
        "What it allows of a variable, `NAME` or `LIB.NAME`.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('"pgdriver.PG_POOL" = { max = 40 }',),
    )


class EndpointTable(Model):
    """Something that can be reached: an address, or an app's listener."""

    host: str = entry("Its name or address.", default="", examples=('host = "db.office.lan"',))
    port: int = entry("Its port.", default=0, examples=("port = 5432",))
    from_: tuple[str, ...] = entry(
        "The hosts that reach it. Without it: all.", default=(), examples=('from = ["lab"]',)
    )
    tls: bool | None = entry("Whether TLS is spoken.", default=None, examples=("tls = true",))
    scheme: str = entry("The scheme of its URLs.", default="", examples=('scheme = "postgres"',))
    connections: int = entry(
        "How many connections all clients together may open.",
        default=0,
        examples=("connections = 100",),
    )
    app: str = entry(
        "An app of the project that listens.", default="", examples=('app = "viewer"',)
    )
    listener: str = entry(
        "The app's variable that holds the port.", default="", examples=('listener = "WEB_PORT"',)
    )


class DataTable(Model):
    """`[data.NAME]` names immutable content."""

    version: str = entry(
        "Which content: `sha256:…` of it.",
        default="",
        examples=('version = "sha256:9f2c41d07ab3"',),
    )
    tag: str = entry("A word for that version.", default="", examples=('tag = "2026-10"',))
    description: str = entry(
        "One line for people.", default="", examples=('description = "CT scans"',)
    )


class ClientTable(Model):
    """`[client.NAME]` binds a library's variables to what is offered: every other key is one of
    them. `{host.ports.web}`, `{host.secrets.pg_pass}` and `{net.db}` stand for what the host and
    the net in use offer.
    """

    uses: str = entry("The library.", examples=('uses = "pgdriver"',))
    prefix: str = entry(
        "Put before the names of the variables that it exports.",
        default="",
        pattern=VARIABLE,
        means=A_VARIABLE,
        examples=('prefix = "ORDERS_"',),
    )
    tls: bool | None = entry(
        "Whether it speaks TLS, where its URL does not show it.",
        default=None,
        examples=("tls = true",),
    )
    values: dict[str, Value] = entry(
        "A variable's value.",
        factory=dict,
        rest=True,
        keys=VARIABLE,
        means=A_VARIABLE,
        examples=('PG_URL = "postgres://store:{host.secrets.pg_pass}@{net.db}/store"',),
    )


class AppTable(Model):
    """`[app.NAME]` composes, and runs."""

    clients: tuple[str, ...] = entry("Its clients.", default=(), examples=('clients = ["store"]',))
    libs: tuple[str, ...] = entry(
        "Libraries whose variables it takes without a client.",
        default=(),
        examples=('libs = ["pgdriver"]',),
    )
    data: dict[str, str] = entry(
        "Variables that hold data's location.",
        factory=dict,
        keys=VARIABLE,
        means=A_VARIABLE,
        examples=('SCANS = "scans"',),
    )
    listen: dict[str, str | int] = entry(
        "Variables that hold a port it listens on: a number, or `host.ports.NAME`.",
        factory=dict,
        keys=VARIABLE,
        means=A_VARIABLE,
        examples=('WEB_PORT = "host.ports.web"',),
    )
    vars: dict[str, Scalar | VariableTable] = entry(
        "Its own variables, as in `[vars]`.",
        factory=dict,
        keys=VARIABLE,
        means=A_VARIABLE,
        examples=('TITLE = "Scans"',),
    )
    files: dict[str, str | FileTable] = entry(
        "Files made for it: path = template, or a table.",
        factory=dict,
        examples=('"viewer.ini" = "viewer.ini.tmpl"',),
    )
    checks: dict[str, CheckTable] = entry(
        "What must hold before it starts.", factory=dict, keys=NAME, means=A_NAME
    )
    run: tuple[str, ...] = entry(
        "The command that `stead run NAME` starts. No shell reads it.",
        default=(),
        command=True,
        examples=('run = ["python", "-m", "viewer"]',),
    )
    processes: dict[str, tuple[str, ...]] = entry(
        "Several commands in place of `run`, by name.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        command=True,
        examples=('web = ["python", "-m", "viewer"]',),
    )
    description: str = entry(
        "One line for people.", default="", examples=('description = "Shows scans"',)
    )


class RecipeTable(Model):
    """`[recipe.NAME]` is an app, or several, with settings."""

    app: str | tuple[str, ...] = entry("What runs.", default=(), examples=('app = "viewer"',))
    environment: str = entry(
        "The environment it runs in.", default="", examples=('environment = "prod"',)
    )
    net: str = entry("The net it is in.", default="", examples=('net = "office"',))
    host: str = entry(
        "The host it is on, where no target says.", default="", examples=('host = "lab"',)
    )
    targets: tuple[str, ...] = entry(
        "Where it may run.", default=(), examples=('targets = ["lab"]',)
    )
    set: dict[str, Value] = entry(
        "Values: of a variable, or `MODULE.NAME` of one module's.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('"store.PG_POOL" = 20',),
    )


class TargetTable(Model):
    """`[target.NAME]` is where a recipe runs."""

    kind: str = entry("What it is.", default="local", examples=('kind = "ssh"',))
    hosts: tuple[str, ...] = entry(
        "The machines' addresses.", default=(), examples=('hosts = ["lab.example.org"]',)
    )
    host: str = entry(
        "The `host` whose offers these machines have.", default="", examples=('host = "lab"',)
    )


class ChooseTable(Model):
    """`[choose]` says which of several apps, hosts and nets count here: `[layer.prod.choose]` for
    one layer.
    """

    app: str = entry("Whose configuration commands get.", default="", examples=('app = "viewer"',))
    host: str = entry("Whose offers count.", default="", examples=('host = "lab"',))
    net: str = entry("Which net it is in.", default="", examples=('net = "office"',))


class SecretsTable(Model):
    """`[secrets]` says for whom `stead secret` encrypts what is kept with the project."""

    recipients: tuple[str, ...] = entry(
        "Public keys of those who may read the secrets: of age, or lines of SSH public keys.",
        default=(),
        examples=('recipients = ["age1…", "ssh-ed25519 AAAA…"]',),
    )
    file: str = entry(
        "The encrypted file, relative to this one.",
        default="secrets.age",
        examples=('file = "secrets.age"',),
    )


class ModuleTable(Model):
    """`[module]` says that this directory is a module of one of the six kinds. Its other keys are
    those of `[lib.NAME]`, `[host.NAME]` and so on; a net's endpoints stand in
    `[module.endpoints]`.
    """

    kind: Literal["app", "client", "data", "host", "lib", "net"] = entry(
        "Which kind.", examples=('kind = "lib"',)
    )
    name: str = entry(
        "Its name; without it the directory's.",
        default="",
        pattern=NAME,
        means=A_NAME,
        examples=('name = "pgdriver"',),
    )
    body: dict[str, Any] = entry(
        "As in the table of that kind.", factory=dict, rest=True, keys=r".+"
    )


KIND_TABLES: dict[str, type[Model]] = {
    "app": AppTable,
    "client": ClientTable,
    "data": DataTable,
    "host": HostTable,
    "lib": LibTable,
}
"""The tables of the kinds, but for ``net``, whose keys are its endpoints."""
