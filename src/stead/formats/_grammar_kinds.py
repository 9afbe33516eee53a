"""The tables of ``stead.toml`` that describe configuration: the kinds, and what is chosen of them."""

# As in `_grammar`, annotations must be types here, not texts.

from typing import Any, Literal

from stead.formats._grammar_values import (
    A_NAME,
    A_VARIABLE,
    ENVIRONMENT,
    NAME,
    VARIABLE,
    AcceptTable,
    CheckTable,
    FileTable,
    HealthTable,
    Limits,
    Scalar,
    Value,
    VariableTable,
)
from stead.formats.models import Model, entry


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
    commands: dict[str, tuple[str, ...]] = entry(
        "Commands of the app that run once, by name: `stead run APP:NAME`.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        command=True,
        examples=('migrate = ["python", "-m", "viewer.migrate"]',),
    )
    release: tuple[str, ...] = entry(
        "Those of `commands` that run on a machine before it takes a new version into use.",
        default=(),
        examples=('release = ["migrate"]',),
    )
    health: dict[str, HealthTable] = entry(
        "What must hold once it runs on a machine. Of several processes it is about the first: it is asked where "
        "that runs.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('web = { url = "http://localhost:${WEB_PORT}/" }',),
    )
    environment: str = entry(
        "The environment it runs in, if not the one in use.",
        default="",
        pattern=ENVIRONMENT,
        means="a name of an environment",
        examples=('environment = "prod"',),
    )
    cwd: str = entry(
        "Where its commands run, relative to this file.", default="", examples=('cwd = "web"',)
    )
    description: str = entry(
        "One line for people.", default="", examples=('description = "Shows scans"',)
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
