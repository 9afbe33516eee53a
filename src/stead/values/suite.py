"""What there is to test: environments with commands, whichever notation describes them.

A *suite* is what a project's tox files or its layers come to: the environments, and
the packages that they are tested against. Planning (:mod:`stead.matrix.plan`) makes
builds and cells of it.
"""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin
from stead.values.spec import PackagesSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from stead.values.activation import Change
    from stead.values.interpreter import Interpreter
    from stead.values.package import PackageDefinition
    from stead.values.secret import Secret
    from stead.values.spec import Configuration
    from stead.values.testenv import Note, TestCommand

    Status = Literal["passed", "failed", "skipped", "flaky", "interrupted", "timeout"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What an environment holds besides the package under test.

    ``packages`` asks for it. ``extras`` are those of the package under test.
    ``install_command`` is the project's own way to install, with ``{packages}`` and
    ``{opts}`` as arguments to fill in; empty for Stead's. ``lines`` are requirements
    that only an installer understands, such as ``-e DIR`` with options. ``own`` says
    that the environment must be a directory of its own, because its commands change
    it; otherwise identical ones are one.
    """

    packages: PackagesSpec = field(default_factory=PackagesSpec)
    extras: tuple[str, ...] = ()
    install_command: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    own: bool = False
    system_site_packages: bool = False
    setup: tuple[TestCommand, ...] = ()
    """Commands that run once, when the environment has been made."""
    recreating: tuple[TestCommand, ...] = ()
    """Commands that run in it before it is made again."""
    recreate: bool = False
    """Whether it is made afresh each time."""
    install: bool = False
    """Whether the package may be put into an environment that exists."""
    expects: bool = False
    """Whether an environment that exists is to hold the project's own package."""


@dataclass(frozen=True, slots=True)
class Work:
    """What runs in an environment, and how.

    ``set_env`` is what the commands get besides what is passed on of the caller's
    variables: those whose names fit a pattern of ``pass_env`` and none of
    ``disallow_pass_env``. Times are in seconds; ``timeout`` 0 is none.
    ``allowlist`` are patterns of programs outside the environment that may be
    called; None allows all.
    """

    before: tuple[TestCommand, ...] = ()
    commands: tuple[TestCommand, ...] = ()
    after: tuple[TestCommand, ...] = ()
    directory: str = ""
    set_env: tuple[tuple[str, str], ...] = ()
    pass_env: tuple[str, ...] = ("*",)
    disallow_pass_env: tuple[str, ...] = ()
    allowlist: tuple[str, ...] | None = None
    timeout: float = 0
    retries: int = 0
    """How often all of it is tried again when it failed; what then passes is flaky."""
    command_retries: int = 0
    """How often each command that failed is tried again by itself (tox's ``commands_retry``)."""
    resources: tuple[str, ...] = ()
    ignore_errors: bool = False
    """Whether the next command runs although one failed."""
    ignore_outcome: bool = False
    """Whether the run counts as passed although it failed."""
    fail_fast: bool = False
    """Whether everything stops when this one fails."""
    after_interrupt: bool = False
    """Whether the commands of ``after`` run although the run was interrupted."""
    suicide_timeout: float = 0
    """How long a command may go on by itself when all is stopped, before it is told."""
    elsewhere: bool = False
    """Whether the result depends on what lies outside the project: it never stands for the next."""
    interrupt_timeout: float = 0.3
    """From the interrupt to SIGTERM."""
    terminate_timeout: float = 0.2
    """From SIGTERM to SIGKILL."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of a suite. Paths are absolute.

    ``kind`` is ``venv``, ``conda``, ``existing`` or one of a plugin's.
    """

    name: str
    kind: str = "venv"
    default: bool = True
    """Whether it runs where none is named."""
    listed: bool = True
    """Whether it is one of those that ALL stands for."""
    description: str = ""
    labels: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    packages: tuple[str, ...] | None = None
    """The definitions to be tested against; None leaves it to their ``match``, empty takes none."""
    interpreter: Interpreter | None = None
    """Where Python comes from outside the store; None where it is missing, or conda's."""
    missing: str = ""
    """What was looked for and is not there."""
    skip: str = ""
    """Why it does not run on this machine; a missing interpreter that fails leaves it empty."""
    wrong: str = ""
    """What is wrong with its description, with file and line: it fails, where it is to run."""
    prefix: str = ""
    """Where the commands see the environment: a directory of links, or, for ``existing``, itself."""
    temporary: str = ""
    """A directory for the run, empty at its start (tox's ``env_tmp_dir``)."""
    logs: str = ""
    contents: Contents = field(default_factory=Contents)
    configuration: Configuration | None = None
    """The table that layers give; None for tox's environments."""
    work: Work = field(default_factory=Work)
    lock_file: str = ""
    """The lock whose versions hold where they fit; empty for tox's environments."""
    lock_place: str = "."
    lock_environment: str = "default"
    """Which of the lock's environments is meant, with ``lock_place``."""
    workspace: str = ""
    """The workspace's root, whose members are meant by their names; empty for tox's environments."""
    origin: Origin = field(default=NOWHERE, compare=False)
    packages_origin: Origin = field(default=NOWHERE, compare=False)
    """Where ``packages`` are named, if they are."""

    @property
    def fails(self) -> str:
        """Say why it fails without being run; empty where it can run, or is skipped."""
        if self.wrong or self.skip or not self.missing:
            return self.wrong
        return f"no interpreter answers {self.missing}"


@dataclass(frozen=True, slots=True)
class Suite:
    """All environments of a project, and the packages that it makes."""

    root: str
    source: Literal["tox", "layers"]
    file: str
    """What describes it: ``tox.ini``, ``stead.toml`` …"""
    environments: tuple[Environment, ...] = ()
    definitions: tuple[PackageDefinition, ...] = ()
    requires_python: str = ""
    """What the project's metadata says statically."""
    notes: tuple[Note, ...] = ()
    work_directory: str = ""
    """Where links, logs and temporary files of runs lie."""


@dataclass(frozen=True, slots=True)
class Product:
    """A package that has been built, or was there: a file, kept under its content.

    ``content`` is the digest of what is in it, whatever its timestamps and order
    (:mod:`stead.matrix.content`): what is installed depends on it and on nothing else.
    """

    definition: str
    format: str
    path: str
    content: str
    name: str = ""
    """Of the distribution, normalised."""
    version: str = ""
    requires: tuple[str, ...] = ()
    """``Requires-Dist``; of a conda package, its ``depends``."""
    requires_python: str = ""
    tags: tuple[str, ...] = ()
    reused: bool = False
    """Whether it was there before."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An environment with its package, made or found.

    ``prefix`` is where commands find it; ``store`` the tree itself. ``programs`` are
    the directories of its programs, first wins. ``changes`` is its whole activation, to
    be applied to what a process has otherwise; ``PATH`` is among them. ``environ`` is what
    these set, for whoever starts from next to nothing. No secret is in either:
    :func:`stead.matrix.contents.entered` adds those for the time of a run.
    """

    key: str
    prefix: str
    store: str
    programs: tuple[str, ...]
    environ: tuple[tuple[str, str], ...] = ()
    reused: bool = False
    changes: tuple[Change, ...] = ()
    held: object = field(default=None, compare=False)
    """What entering it takes."""
    hidden: tuple[Secret, ...] = field(default=(), compare=False)
    """Values that no log may show."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job; ``time`` in seconds since the epoch.

    ``what``: ``queued``, ``started``, ``line`` (``text`` is a line of output, without
    its end), ``detail`` (so is it, of a program that makes a package), ``step`` (``text``
    says what begins: a command, an install), ``retry``, ``done``.
    """

    job: str
    what: Literal["queued", "started", "step", "line", "detail", "retry", "done"]
    time: float
    kind: Literal["build", "environment", "cell"] = "cell"
    text: str = ""
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class CommandResult:
    """One command that ran; ``seconds`` is its duration, ``code`` negative for a signal."""

    arguments: tuple[str, ...]
    code: int
    seconds: float
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended.

    ``log`` is the path of its complete output. ``reason`` says why it was skipped,
    stopped or run. ``attempts`` is more than one for what was tried again.
    """

    job: str
    kind: Literal["build", "environment", "cell"]
    status: Status
    seconds: float = 0
    reason: str = ""
    log: str = ""
    key: str = ""
    attempts: int = 1
    commands: tuple[CommandResult, ...] = ()
    ignored: bool = False
    """Whether it counts as passed although it failed."""
    environment: str = ""
    definition: str = ""
    reused: bool = False
    """Whether nothing had to be done: the product or environment was there, the result known."""
