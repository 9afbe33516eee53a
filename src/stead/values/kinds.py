"""What modules declare: the six kinds, and what recipes and targets choose of them.

A ``lib`` accepts variables, a ``host`` and a ``net`` offer what a machine has and
what can be reached, ``data`` names content, a ``client`` binds one lib's variables
to offers, an ``app`` composes and runs. Values stand as they were written; what
they come to is computed in ``config``.
"""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from stead.values.manifest import Variable

TYPES = (
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
)
"""Names of the types that a variable may have."""

KINDS = ("app", "client", "data", "host", "lib", "net")

Raw = str | tuple[str, ...]
"""A value as written: its text, or the texts of a list. May hold references."""


@dataclass(frozen=True, slots=True)
class Type:
    """What a value must be. Limits that do not belong to the type are empty."""

    name: str = "str"
    minimum: str = ""
    """As written: a number, a duration (``5s``), a size (``1 GiB``)."""
    maximum: str = ""
    choices: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    """Of a URL; empty for any."""
    pattern: str = ""
    """A regular expression that the whole text must match."""


TEXT = Type()


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable that is known: what it may hold, and what it means. Never its value."""

    name: str
    type: Type = TEXT
    default: Raw | None = None
    required: bool = False
    description: str = ""
    base: str = ""
    """Absolute directory that a relative path in ``default`` is relative to."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that a host has: a port or range, a directory, a secret's reference."""

    name: str
    value: str
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a host allows of ``variable`` (``PG_POOL``, or ``lib.PG_POOL`` of one lib's)."""

    variable: str
    type: Type
    """Of which only the limits count."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold before a process starts.

    ``kind`` says what ``subject`` and the rest mean:

    ===========  ==============================================================
    ``path``     ``subject`` is there (``expect`` ``file`` or ``directory``)
    ``port``     ``subject`` (``host:port``) accepts a connection
    ``url``      ``subject`` answers (``expect`` a status, else below 400)
    ``command``  ``arguments`` run; ``expect`` bounds the version that they print
    ``space``    ``expect`` bytes are free on the file system of ``subject``
    ``glibc``    the C library's version fits ``expect``
    ``cpu``      ``arguments`` are flags that the processor has; ``expect`` is cores
    ``gpu``      one is there (``subject`` its vendor, ``expect`` memory)
    ``variable`` ``subject`` has a value
    ``run``      ``arguments``, a command of one's own, ends with 0
    ===========  ==============================================================
    """

    name: str
    kind: Literal[
        "path", "port", "url", "command", "space", "glibc", "cpu", "gpu", "variable", "run"
    ]
    subject: str = ""
    arguments: tuple[str, ...] = ()
    expect: str = ""
    message: str = ""
    """What to do about it, in the author's words."""
    timeout: str = ""
    """A duration; empty for the usual one."""
    base: str = ""
    by: str = ""
    """Whose check it is (``lib pgdriver``); empty for the place's own."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A file made from the table: by a template, or written in a format."""

    path: str
    """Where it is asked for, relative to ``base``."""
    template: str = ""
    """Relative to ``base``; empty for a file that is only values."""
    format: Literal["", "json", "yaml", "toml", "ini", "env", "properties"] = ""
    names: tuple[str, ...] = ()
    """Which variables it holds; glob patterns; empty for all that are declared."""
    section: str = ""
    """The section (INI) or table that the values stand in."""
    base: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Lib:
    """What a library understands."""

    name: str
    accepts: tuple[Declaration, ...] = ()
    prefix: bool = False
    """Whether clients may export its variables under names with a prefix."""
    connections: str = ""
    """The variable that says how many connections one client opens."""
    checks: tuple[Check, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Host:
    """What a machine has. Directories are absolute there."""

    name: str
    ports: tuple[Offer, ...] = ()
    paths: tuple[Offer, ...] = ()
    data: tuple[Offer, ...] = ()
    secrets: tuple[Offer, ...] = ()
    limits: tuple[Limit, ...] = ()
    base: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Something that can be reached: an address, or an app's listener."""

    name: str
    host: str = ""
    port: str = ""
    sources: tuple[str, ...] = ()
    """Hosts that reach it (``from``); empty for all."""
    tls: bool | None = None
    """Whether TLS is spoken there; None where the net does not say."""
    scheme: str = ""
    connections: int | None = None
    """How many all clients together may open."""
    app: str = ""
    listener: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Net:
    """What can be reached, from where, on which terms."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Data:
    """A name for immutable content."""

    name: str
    version: str = ""
    tag: str = ""
    description: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Client:
    """Binds a lib's variables."""

    name: str
    uses: str
    """The lib's name."""
    prefix: str = ""
    """Put before the names of the variables it exports."""
    values: tuple[Variable, ...] = ()
    tls: bool | None = None
    """Whether it speaks TLS, where its URL does not show it."""
    base: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class App:
    """Composes; the only kind that runs."""

    name: str
    clients: tuple[str, ...] = ()
    libs: tuple[str, ...] = ()
    """Libs whose variables it takes as they are, without a client."""
    data: tuple[Variable, ...] = ()
    """Variable → the name of a ``data``."""
    listen: tuple[Variable, ...] = ()
    """Variable → ``host.ports.NAME``, or a port."""
    variables: tuple[Variable, ...] = ()
    files: tuple[RenderedFile, ...] = ()
    checks: tuple[Check, ...] = ()
    run: tuple[str, ...] = ()
    processes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    base: str = ""
    """Its directory: where it runs, unless ``cwd`` says otherwise."""
    cwd: str = ""
    """Absolute; empty for ``base``."""
    description: str = ""
    environment: str = ""
    """The environment it runs in; empty for the one in use."""
    commands: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What runs once, by name."""
    release: tuple[str, ...] = ()
    """Which of ``commands`` run before a machine takes a new version into use."""
    health: tuple[Check, ...] = ()
    """What must hold once it runs on a machine: of the kinds ``url``, ``port`` and ``run``."""
    origin: Origin = field(default=NOWHERE, compare=False)
    places: tuple[tuple[str, Origin], ...] = field(default=(), compare=False)
    """Where its commands are written: ``run``, ``processes.NAME``, ``commands.NAME``."""


@dataclass(frozen=True, slots=True)
class OnTarget:
    """What a recipe says otherwise for one target."""

    target: str
    counts: tuple[tuple[str, int], ...] = ()
    settings: tuple[Variable, ...] = ()
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Recipe:
    """An app, or several, with settings."""

    name: str
    apps: tuple[str, ...] = ()
    environment: str = ""
    """The environment (layers) it runs in; empty for the one asked for, or that an app names."""
    net: str = ""
    host: str = ""
    targets: tuple[str, ...] = ()
    settings: tuple[Variable, ...] = ()
    """Names are ``NAME``, or ``client.NAME`` or ``app.NAME`` for one module's alone."""
    base: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)
    counts: tuple[tuple[str, int], ...] = ()
    """How many run on each machine of ``APP``, or of ``APP:PROCESS``; one of what is not named."""
    on: tuple[OnTarget, ...] = ()
    keep: int = 5
    """How many generations stay on a machine."""
    health: tuple[Check, ...] = ()
    """What must hold once it runs on a machine: of the kinds ``url``, ``port`` and ``run``."""
    pyinfra: str = ""
    """A deploy of pyinfra, relative to ``base``; empty for none."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Patterns of files that belong to the code, and that do not."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a recipe runs."""

    name: str
    kind: Literal["local", "ssh", "image", "container"] = "local"
    hosts: tuple[str, ...] = ()
    """Addresses of machines."""
    host: str = ""
    """Which offers they have: the name of a ``host``."""
    origin: Origin = field(default=NOWHERE, compare=False)
    directory: str = ""
    """Where on the machine all of it lies, as written; empty for the usual place."""
    parallel: int = 4
    """How many machines at once, at most."""
    serial: int = 0
    """How many make a batch; 0 for all."""
    sudo: Literal["never", "services"] = "never"
    services: Literal["auto", "systemd", "supervise"] = "auto"
    create: tuple[str, ...] = ()
    destroy: tuple[str, ...] = ()
    """Commands that make the machines and take them away."""
    platform: str = ""
    """The machines'; empty for the one that Stead runs on."""
    image: str = ""
    """What an image is made upon: ``oci:DIR[:TAG]``, ``oci-archive:FILE``, a name in a registry."""
    output: str = ""
    """Where an image goes, in the same words."""
    user: str = ""
    engine: str = ""
    base: str = ""
    """Absolute directory that relative paths are relative to."""
    project: str = ""
    """Whose recipes go there: the workspace's name, the same in all clones; empty where it has none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of several count; empty for what is to be found."""

    app: str = ""
    host: str = ""
    net: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class SecretsTable:
    """Who may read the secrets that are kept with the project, and in which file they lie."""

    recipients: tuple[str, ...] = ()
    file: str = ""
    base: str = ""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Kinds:
    """All that one manifest, or a whole composition, declares of the kinds."""

    libs: tuple[Lib, ...] = ()
    hosts: tuple[Host, ...] = ()
    nets: tuple[Net, ...] = ()
    data: tuple[Data, ...] = ()
    clients: tuple[Client, ...] = ()
    apps: tuple[App, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    targets: tuple[Target, ...] = ()


NOTHING = Kinds()
