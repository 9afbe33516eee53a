"""Packages that a project makes, and the environments with commands that need them."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.origin import NOWHERE, Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from stead.values.manifest import Channel, Index
    from stead.values.testenv import PackageSettings, TestCommand

    Builder = Literal[
        "sdist",
        "wheel",
        "sdist-wheel",
        "editable",
        "editable-legacy",
        "metadata",
        "conda",
        "command",
        "file",
        "release",
    ]
    """How a package is come by; ``sdist-wheel`` is a wheel made from the sdist, ``metadata`` what a
    wheel's metadata would say."""

    Format = Literal["sdist", "wheel", "conda", "tree", "metadata"]
    """What a package is: ``tree`` is a directory that an installer takes editable, ``metadata`` a
    file of core metadata, of which only the dependencies are installed."""

FORMATS: tuple[Literal["sdist", "wheel", "conda"], ...] = ("sdist", "wheel", "conda")
"""Those that a definition can ask for."""

INSTALLS: dict[str, tuple[Format, ...]] = {
    "venv": ("sdist", "wheel", "tree", "metadata"),
    "conda": ("sdist", "wheel", "conda", "tree", "metadata"),
    "existing": ("sdist", "wheel", "tree"),
}
"""Which formats each kind of environment can install."""

FORMAT_OF: dict[str, Format] = {
    "sdist": "sdist",
    "wheel": "wheel",
    "sdist-wheel": "wheel",
    "editable": "wheel",
    "editable-legacy": "tree",
    "metadata": "metadata",
    "conda": "conda",
}
"""What each builder makes that makes one thing only."""


@dataclass(frozen=True, slots=True)
class PackageDefinition:
    """One way to come by a package: build it, or take one that is there.

    ``builder`` says how: ``command`` runs ``command`` (or the commands of
    ``settings``), which leaves ``outputs``; ``file`` takes the file ``file``;
    ``release`` takes version ``version`` of ``distribution`` from an index; all
    others build the project at ``path``. ``format`` is what comes of it. Paths are
    absolute.
    """

    name: str
    builder: Builder
    format: Format
    path: str = ""
    recipe: str = ""
    """A recipe of a conda package; empty for one made from the project's metadata."""
    command: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """Glob patterns, relative to ``path``, of what ``command`` leaves."""
    file: str = ""
    version: str = ""
    distribution: str = ""
    python: str = ""
    """The interpreter to build with; empty for that of the environment that needs it."""
    environment: str = ""
    """The environment to build in; empty for one made for the build."""
    match: tuple[str, ...] = ()
    """Factor expressions over names of environments; empty for all that can install the format."""
    universal: bool = False
    """Whether one build serves every interpreter and platform."""
    inputs: tuple[str, ...] = ()
    """Glob patterns of files, besides those of the project, that the build reads."""
    variables: tuple[str, ...] = ()
    """Patterns of the caller's variables that the build sees, and that its key depends on."""
    description: str = ""
    indexes: tuple[Index, ...] = ()
    """Where requirements of the build, and a release, come from; empty for the usual index."""
    channels: tuple[Channel, ...] = ()
    exclude_newer: str = ""
    settings: PackageSettings | None = None
    """The environment that builds it, where tox's files describe one."""
    origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class GoalPart:
    """What a layer says of testing: joined, layer by layer, it makes an environment a goal."""

    commands: tuple[TestCommand, ...] = ()
    directory: str = ""
    """Where they run, absolute; empty for the place."""
    packages: tuple[str, ...] | None = None
    """The definitions to take; None where the layer does not say, empty for none at all."""
    depends: tuple[str, ...] = ()
    """Factor expressions over names of environments that run before, where they run at all."""
    labels: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """What only one running environment may hold at a time."""
    timeout: float = 0
    """Seconds after which a run is stopped; 0 for none."""
    retries: int = 0
    kind: str = ""
    """What makes the environment; empty where what is asked for says."""
    origin: Origin = field(default=NOWHERE, compare=False)
    depends_origin: Origin = field(default=NOWHERE, compare=False)
    packages_origin: Origin = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class TestDefaults:
    """``[test]``: which environments run when none is named."""

    __test__ = False

    environments: tuple[str, ...] = ()
    """Names, expanded from factor expressions, in order."""
    origin: Origin = field(default=NOWHERE, compare=False)
