"""What a deployment is made of: parts and trees, services, and what a node is to hold.

A *node* is one recipe on one machine (or one image). A :class:`Payload` says all that
belongs there. Its trees are made of *parts*, one per package, with a digest each: what a
machine has already is not sent, and images share their layers.

On a machine all of it lies below one directory, the *root*::

    ROOT/parts/<digest>.tar.gz        parts as they came
    ROOT/trees/<key>/                 trees, made of parts; whole or not there
    ROOT/recipes/RECIPE/generations/N/  payload.json, environment, files, units, own trees
    ROOT/recipes/RECIPE/current       link to the generation that runs
"""

from __future__ import annotations

from stead.values.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

KEY_LENGTH = 20
PLACEHOLDER = "x" * KEY_LENGTH
"""Stands for a tree's key where a part's files name the tree's own path: so a part is the same
for each tree that has it, and the key is written over it, byte for byte, on the machine."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a part. ``path`` is relative to the tree, with slashes."""

    path: str
    kind: Literal["file", "directory", "link"] = "file"
    mode: int = 0o644
    source: str = ""
    """Of a file: the absolute path that it is read from. Of a link: its target."""
    content: bytes | None = None
    """Of a file that was rewritten: what it holds."""
    keyed: tuple[int, ...] = ()
    """Where :data:`PLACEHOLDER` stands in it: offsets in bytes."""
    size: int = 0
    patches: tuple[tuple[int, bytes], ...] = ()
    """Of a file that keeps its length: what is written over its source, and where."""


@dataclass(frozen=True, slots=True)
class Part:
    """Files that are sent together: those of one package, or of the project's code.

    ``digest`` is the sha256 (hexadecimal) of its tar: members sorted by path, owner 0, time 0.
    """

    name: str
    """For people: ``numpy 2.1.0``, ``code``, ``python 3.12.7``."""
    digest: str
    members: tuple[Member, ...] = field(default=(), compare=False)
    size: int = field(default=0, compare=False)
    """Bytes of the uncompressed tar."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory on the node, ``trees/<key>`` below its root."""

    key: str
    """:data:`KEY_LENGTH` characters of base32, of the parts and their order."""
    name: str
    """For people: ``default build``, ``code``."""
    parts: tuple[Part, ...] = ()
    own: bool = False
    """Whether it lies with its generation: its links lead to files that are that generation's alone."""


@dataclass(frozen=True, slots=True)
class Health:
    """What must hold for a generation to stay. One of ``url``, ``port`` and ``command`` is given."""

    url: str = ""
    port: str = ""
    """``HOST:PORT``, or a port of the machine's."""
    command: tuple[str, ...] = ()
    status: int = 0
    """Of a URL: which status; 0 for any below 400."""
    timeout: float = 30.0
    """Seconds until it must hold; it is asked again until then."""
    service: str = ""
    """Of a command: the service whose directory and variables it has; empty for the first."""


@dataclass(frozen=True, slots=True)
class Service:
    """A process that is kept running. Paths are absolute on the node."""

    name: str
    """Unique in its recipe: ``APP``, ``APP-PROCESS``, with ``-2``, ``-3`` … for further ones."""
    app: str
    argv: tuple[str, ...]
    directory: str
    environment: tuple[tuple[str, str], ...] = ()
    """Without secrets; sorted."""
    secrets: tuple[str, ...] = ()
    """Names of variables that are secret: their values come in :attr:`Payload.secrets`."""
    ports: tuple[int, ...] = ()
    makes: tuple[str, ...] = ()
    """Directories that are made before it starts, where they are not there."""


@dataclass(frozen=True, slots=True)
class OneOff:
    """A command of an app that is run by name, or once before each switch (``release``)."""

    name: str
    service: Service
    release: bool = False


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A rendered file. ``path`` is absolute on the node; one that is secret has mode 0600."""

    path: str
    content: bytes | None
    """None in what is shown and kept: the content is secret."""
    secret: bool = False
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class HeldData:
    """A version of ``[data.NAME]`` that apps use on a machine, and where its host has it."""

    name: str
    version: str
    """Its tag, where it says no version; empty for neither."""
    path: str


@dataclass(frozen=True, slots=True)
class Payload:
    """All that one node is to hold and run. ``digest`` names it: equal ones change nothing."""

    recipe: str
    target: str
    address: str
    """The machine; empty for the local directory."""
    root: str
    """Absolute on the node."""
    trees: tuple[Tree, ...] = ()
    services: tuple[Service, ...] = ()
    commands: tuple[OneOff, ...] = ()
    files: tuple[PlacedFile, ...] = ()
    checks: tuple[Health, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    """What is shown in a difference: name → value, secrets as ``<secret>``."""
    keep: int = 5
    """How many generations stay on the machine."""
    data: tuple[HeldData, ...] = ()
    """Which data the generation runs with. They lie there; no deploy brings or changes them."""
    secrets: tuple[tuple[str, str, str], ...] = field(default=(), compare=False)
    """Service, variable, value. Never printed, logged, hashed without a key, or put into arguments."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a machine said of itself before anything was changed there."""

    system: str = ""
    """``Linux``."""
    machine: str = ""
    """``x86_64``."""
    glibc: str = ""
    """Its version; empty where it has none (musl)."""
    user: str = ""
    home: str = ""
    init: Literal["systemd", "systemd-user", "none"] = "none"
    free: int = 0
    """Bytes free where the root is, or would be."""
    writable: bool = True
    running: str = ""
    """Digest of the payload of the current generation; empty for none."""
    generation: int = 0
    standing: bool = True
    """Whether that generation is confirmed, and all its services run: else there is something to
    set right, though nothing else is to be changed."""
    parts: frozenset[str] = frozenset()
    """Digests of the parts that are there."""
    ports: tuple[tuple[int, str, str], ...] = ()
    """Ports that other recipes have on the machine, below the same root or in containers beside it: each
    with its service and its recipe."""
    libraries: frozenset[str] = frozenset()
    """Names of the shared libraries that the machine's loader finds (``libssl.so.3``)."""
    programs: frozenset[str] | None = None
    """Names of the programs in an image's base, empty where they are not known. None where
    processes run on the machine itself, which is to be asked."""
