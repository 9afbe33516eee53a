"""The tables and keys of ``stead.toml``: one source for reader, schema and reference."""

# No `from __future__ import annotations` here: the reader looks at the annotations, and types
# are ten times as fast to get as texts that must be evaluated first.

from datetime import date
from typing import Literal

from stead.formats._grammar_deploy import RecipeTable, TargetTable
from stead.formats._grammar_kinds import (
    AppTable,
    ChooseTable,
    ClientTable,
    DataTable,
    EndpointTable,
    HostTable,
    LibTable,
    ModuleTable,
    SecretsTable,
)
from stead.formats._grammar_matrix import FACTOR, LAYER, PackageTable, TestTable
from stead.formats._grammar_packages import PackagesTable
from stead.formats._grammar_values import (
    A_NAME,
    NAME,
    VARIABLE,
    CheckTable,
    FileTable,
    VariableTable,
)
from stead.formats.models import Model, entry

TASK = r"[A-Za-z0-9_][A-Za-z0-9_.:+-]*"


class WorkspaceTable(Model):
    """`[workspace]` marks the root of a tree whose places belong together: they share one
    `stead.lock`, and manifests above it are not looked at.
    """

    name: str = entry("What people call the workspace.", default="", examples=('name = "scans"',))
    members: tuple[str, ...] = entry(
        "Glob patterns, relative to this file, of directories that inherit from this one even if"
        " they hold only files of other tools.",
        default=(),
        examples=('members = ["services/*", "libs/*"]',),
    )
    platforms: tuple[str, ...] = entry(
        "The platforms that `stead lock` locks for. Without it: the one it runs on.",
        default=(),
        examples=('platforms = ["linux-64", "osx-arm64"]',),
    )
    exclude_newer: str | date = entry(
        "Leave out packages published after this date or moment (RFC 3339).",
        default="",
        pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
        r"([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?",
        means="a date or an RFC 3339 moment",
        examples=('exclude-newer = "2026-11-01"', 'exclude-newer = "2026-11-01T12:00:00Z"'),
    )
    channel_priority: Literal["strict", "flexible", "disabled"] = entry(
        "What an earlier conda channel means to later ones: `strict`, a package that it has comes"
        " from it alone; `flexible`, later ones are asked where it has no fitting version;"
        " `disabled`, the newest version wins wherever it is.",
        default="strict",
        examples=('channel-priority = "flexible"',),
    )


class TaskTable(Model):
    """A task in table form."""

    run: tuple[str, ...] = entry(
        "The command: program and arguments. No shell reads it.",
        default=(),
        command=True,
        examples=('run = ["python", "report.py"]',),
    )
    depends: tuple[str, ...] = entry(
        "Tasks that run before.", default=(), examples=('depends = ["fetch"]',)
    )
    inputs: tuple[str, ...] = entry(
        "Glob patterns of files it reads. A task with inputs or outputs is skipped when neither"
        " these nor its environment changed.",
        default=(),
        examples=('inputs = ["data/*.csv"]',),
    )
    outputs: tuple[str, ...] = entry(
        "Glob patterns of files it writes.", default=(), examples=('outputs = ["build/plot.png"]',)
    )
    cwd: str = entry(
        "Where it runs, relative to this file.", default="", examples=('cwd = "tools"',)
    )
    env: dict[str, str | int | float | bool] = entry(
        "Variables for this task alone; `false` unsets one.",
        factory=dict,
        keys=VARIABLE,
        means="a name of a variable (letters, digits and _, no digit first)",
        examples=('env = { MPLBACKEND = "agg" }',),
    )
    environment: str = entry(
        "The environment it runs in, if not the one in use.",
        default="",
        pattern=LAYER,
        means="a name of an environment",
        examples=('environment = "test"',),
    )
    description: str = entry(
        "One line for listings.", default="", examples=('description = "Fit and plot"',)
    )


class Tables(Model):
    """What the manifest itself and each layer can hold."""

    packages: PackagesTable = entry("Software.", factory=PackagesTable)
    vars: dict[
        str, str | int | float | bool | tuple[str | int | float | bool, ...] | VariableTable
    ] = entry(
        "Variables. `${NAME}` stands for another variable, `${paths.NAME}` for one of `[paths]`. A number or `true`"
        " is taken as its text; `false` takes an inherited variable away (the text is"
        ' `"false"`), unless it is declared a `bool`. A table says what the variable may hold, and'
        " may hold its value.",
        factory=dict,
        keys=VARIABLE,
        means="a name of a variable (letters, digits and _, no digit first)",
        examples=(
            'PG_HOST = "localhost"',
            'PG_URL = "postgres://${PG_HOST}/scans"',
            'WORKERS = { type = "int", min = 1, default = 4 }',
        ),
    )
    paths: dict[str, str | Literal[False]] = entry(
        "Named locations, relative to this file. `false` takes an inherited one away.",
        factory=dict,
        keys=r"[A-Za-z_][A-Za-z0-9_-]*",
        means="a name of a path (letters, digits, _ and -, no digit first)",
        examples=('raw = "data/raw"',),
    )
    tasks: dict[str, tuple[str, ...] | TaskTable] = entry(
        "Named commands for `stead run NAME`: an argument list, or a table.",
        factory=dict,
        keys=TASK,
        means="a name of a task",
        command=True,
        examples=(
            'report = ["python", "report.py"]',
            'report = { run = ["python", "report.py"], depends = ["fetch"], outputs = ["plot.png"] }',
        ),
    )

    files: dict[str, str | FileTable] = entry(
        "Files made from the variables: path = template, or a table.",
        factory=dict,
        examples=('"viewer.ini" = "viewer.ini.tmpl"',),
    )
    checks: dict[str, CheckTable] = entry(
        "What must hold before a process starts.", factory=dict, keys=NAME, means=A_NAME
    )
    choose: ChooseTable | None = entry(
        "Which app, host and net count, where there are several.", default=None
    )
    adopt: tuple[str, ...] = entry(
        "Variables that the caller's shell may set otherwise.",
        default=(),
        pattern=VARIABLE,
        means="a name of a variable",
        examples=('adopt = ["AWS_PROFILE"]',),
    )


class LayerTable(Tables):
    """`[layer.NAME]` adds to the default layer where an environment's name contains `NAME`. It
    holds the same tables: `[layer.test.packages.pypi]`, `[layer.test.vars]`.
    """

    inherits: tuple[str, ...] = entry(
        "Other layers that this one includes.", default=(), examples=('inherits = ["test"]',)
    )
    commands: tuple[tuple[str, ...], ...] = entry(
        "Commands that make an environment with this layer a goal: each a list of arguments. No shell reads them. A first argument `-` says that failing is of no"
        " consequence, `!` that the command must fail.",
        default=(),
        command=True,
        examples=('commands = [["pytest", "-q"]]', 'commands = [["-", "ruff", "check"]]'),
    )
    cwd: str = entry(
        "Where its commands run, relative to this file.", default="", examples=('cwd = "web"',)
    )
    package: str | tuple[str, ...] | Literal[False] | None = entry(
        "The package, or packages, under test here: names of `[package.NAME]`. `false`: none."
        " Without it, the definitions say by `match` which environments take them.",
        default=None,
        examples=('package = "wheel"', 'package = ["sdist", "wheel"]', "package = false"),
    )
    depends: str | tuple[str, ...] = entry(
        "Environments that run before, where they run at all: factor expressions.",
        default=(),
        examples=('depends = "py3{10-12}-test"',),
    )
    labels: tuple[str, ...] = entry(
        "Words by which environments to be tested can be chosen.",
        default=(),
        examples=('labels = ["slow"]',),
    )
    kind: str = entry(
        "What makes the environments to be tested: `venv`, `conda`, or a kind that a plugin"
        " brings. Without it, what is asked for says.",
        default="",
        pattern=LAYER,
        means="a name (letters, digits, dots, dashes and underscores)",
        examples=('kind = "plain"',),
    )
    resources: tuple[str, ...] = entry(
        "What only one environment may hold at a time.",
        default=(),
        pattern=LAYER,
        means="a name (letters, digits, dots, dashes and underscores)",
        examples=('resources = ["db"]',),
    )
    timeout: str | int | float = entry(
        "How long the commands may take: a duration, or seconds.",
        default=0,
        examples=('timeout = "10min"',),
    )
    retries: int = entry(
        "How often to try again what fails; what then succeeds is reported as flaky.",
        default=0,
        examples=("retries = 2",),
    )


class UseTable(Model):
    """A module that this one uses: `path`, `git`, or an item of a registry."""

    path: str = entry(
        "A directory, relative to this file.", default="", examples=('path = "../common"',)
    )
    git: str = entry(
        "The address of a git repository.",
        default="",
        examples=('git = "https://example.org/team/common.git"',),
    )
    rev: str = entry(
        "A commit, tag or branch. Without it: the repository's default branch. The lock pins the"
        " commit.",
        default="",
        examples=('rev = "v1.2"',),
    )
    subdirectory: str = entry(
        "The module's directory in the repository.",
        default="",
        examples=('subdirectory = "modules/common"',),
    )
    registry: str = entry(
        "The registry that has the item of this name. Without it: the only one that has it.",
        default="",
        pattern=NAME,
        means=A_NAME,
        examples=('registry = "team"',),
    )
    version: str = entry(
        "The item's version. Without it: the newest. The lock pins version and content.",
        default="",
        examples=('version = "1.0.0"',),
    )
    options: dict[str, str | int | float | bool] = entry(
        "What is chosen where the item has options.",
        factory=dict,
        examples=('options = { type = "loglog" }',),
    )


class RegistryTable(Model):
    """A registry of modules in table form: `path`, `git` or `url`."""

    path: str = entry(
        "A directory, relative to this file.", default="", examples=('path = "../registry"',)
    )
    git: str = entry(
        "The address of a git repository.",
        default="",
        examples=('git = "https://example.org/team/registry.git"',),
    )
    rev: str = entry(
        "A commit, tag or branch. Without it: the repository's default branch.",
        default="",
        examples=('rev = "v3"',),
    )
    subdirectory: str = entry(
        "The registry's directory in the repository.",
        default="",
        examples=('subdirectory = "registry"',),
    )
    url: str = entry(
        "The address of a built registry: the directory with its `index.json`.",
        default="",
        examples=('url = "https://example.org/registry"',),
    )


class StoreTable(Model):
    """A store server in table form."""

    url: str = entry(
        "The server's address.", default="", examples=('url = "https://stead.example.org"',)
    )
    priority: int = entry(
        "Of several stores, the one with the largest number is asked first.",
        default=0,
        examples=("priority = 10",),
    )
    token: str = entry(
        "Where the token for it is to be had, as a reference to a secret. In a project's file:"
        " a variable whose name begins with `STEAD_`, or what the keyring has for the address.",
        default="",
        examples=('token = "env:STEAD_TEAM_TOKEN"',),
    )


class Root(Tables):
    """The keys at the top of the file. `[tool.stead]` in `pyproject.toml` is the same thing."""

    workspace: WorkspaceTable | None = entry("The root of a workspace.", default=None)
    inherit: bool = entry(
        "Whether manifests of parent directories apply here too.",
        default=True,
        examples=("inherit = false",),
    )
    link: str = entry(
        "A path in this directory where editors look for the environment; Stead keeps a link to"
        " the build there.",
        default="",
        examples=('link = ".venv"',),
    )
    uses: dict[str, str | UseTable] = entry(
        "Other modules, by the name they have here. A text is the version of a registry's item.",
        factory=dict,
        keys=LAYER,
        means="a name of a module",
        examples=(
            'common = { path = "../common" }',
            'common = { git = "https://example.org/team/common.git", rev = "v1.2" }',
            'pgstore = { registry = "team", version = "1.2.0" }',
            'pgstore = "1.2.0"',
        ),
    )
    registries: dict[str, str | RegistryTable] = entry(
        "Registries of modules, by name. A text is a path, the address of a built registry"
        " (`https://…`), or `git+ADDRESS#REV`. The registry that comes with Stead is always there,"
        " as `stead`.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=(
            'team = "../registry"',
            'team = "https://example.org/registry"',
            'team = "git+https://example.org/team/registry.git#v3"',
            'team = { git = "https://example.org/team/registry.git", subdirectory = "registry" }',
        ),
    )
    stores: dict[str, str | StoreTable] = entry(
        "Store servers, by name. What one of them has built already is taken from it, and neither"
        " solved nor built here. A text is an address.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=(
            'team = "https://stead.example.org"',
            'team = { url = "https://stead.example.org", priority = 10, token = "env:STEAD_TEAM_TOKEN" }',
        ),
    )
    host: dict[str, HostTable] = entry(
        "Machines, and what they have.", factory=dict, keys=NAME, means=A_NAME
    )
    net: dict[str, dict[str, EndpointTable]] = entry(
        "What can be reached: `[net.NAME]` holds endpoints by name.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('office.db = { host = "db.office.lan", port = 5432 }',),
    )
    lib: dict[str, LibTable] = entry(
        "What libraries understand.", factory=dict, keys=NAME, means=A_NAME
    )
    data: dict[str, DataTable] = entry(
        "Names of immutable content.", factory=dict, keys=NAME, means=A_NAME
    )
    client: dict[str, ClientTable] = entry(
        "What binds libraries' variables to offers.", factory=dict, keys=NAME, means=A_NAME
    )
    app: dict[str, AppTable] = entry("What runs.", factory=dict, keys=NAME, means=A_NAME)
    recipe: dict[str, RecipeTable] = entry(
        "Apps with settings.", factory=dict, keys=NAME, means=A_NAME
    )
    target: dict[str, TargetTable] = entry(
        "Where recipes run.", factory=dict, keys=NAME, means=A_NAME
    )
    module: ModuleTable | None = entry("What kind of module this directory is.", default=None)
    secrets: SecretsTable | None = entry(
        "Who may read the secrets that are kept with the project.", default=None
    )
    package: dict[str, PackageTable] = entry(
        "Packages of the project, for the environments that test them. Each name is a factor too.",
        factory=dict,
        keys=FACTOR,
        means="a factor (letters, digits, _ and dots)",
        examples=("wheel = { universal = true }",),
    )
    test: TestTable | None = entry("What is tested.", default=None)
    layer: dict[str, LayerTable] = entry(
        "Named parts of environments.",
        factory=dict,
        keys=LAYER,
        means="a name of a layer (letters, digits, dots, dashes and underscores)",
    )
