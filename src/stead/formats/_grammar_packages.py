"""The tables under ``[packages]``: an interpreter, conda packages, PyPI packages."""

# No `from __future__ import annotations` here: the reader looks at the annotations, and types
# are ten times as fast to get as texts that must be evaluated first.

from typing import Literal

from stead.formats._grammar_matrix import LAYER
from stead.formats.models import Model, entry


class CondaPackage(Model):
    """A conda package in table form."""

    version: str = entry(
        "Versions that will do, as conda writes them.",
        default="",
        examples=('version = ">=2,<3"',),
    )
    build: str = entry(
        "The build string, with `*` for anything.", default="", examples=('build = "*mkl*"',)
    )
    channel: str = entry(
        "The channel it must come from.", default="", examples=('channel = "conda-forge"',)
    )


class CondaTable(Model):
    """`[packages.conda]` asks for conda packages: every key but `channels` is a package.

    A version is a text in conda's language. A bare version takes what begins with it: `"3.12"`
    means `3.12.*`; one version exactly is `"==3.12.1"`; any version is `"*"`. `false` takes an
    inherited request away. A package named `channels` is written as a table.
    """

    channels: tuple[str, ...] = entry(
        "Channels, most important first: a name, a URL, or a path (`./`, `../` or absolute)"
        " relative to this file. Those of a parent manifest come after these.",
        default=(),
        examples=('channels = ["conda-forge"]',),
    )
    requirements: dict[str, str | Literal[False] | CondaPackage] = entry(
        "A package and its versions.",
        factory=dict,
        rest=True,
        keys=r"[A-Za-z0-9_][A-Za-z0-9_.-]*",
        means="a name of a conda package",
        examples=(
            'numpy = ">=2"',
            'numpy = "*"',
            "numpy = false",
            'numpy = { version = ">=2", build = "py312*", channel = "conda-forge" }',
        ),
    )


class PypiPackage(Model):
    """A PyPI package in table form: from an index (`version`, `index`), or from one of `path`,
    `url` and `git`.
    """

    version: str = entry(
        "Versions that will do: PEP 440 specifiers.", default="", examples=('version = ">=2.31"',)
    )
    extras: tuple[str, ...] = entry(
        "Optional parts to install too.", default=(), examples=('extras = ["socks"]',)
    )
    marker: str = entry(
        "Where the request applies: a PEP 508 marker.",
        default="",
        examples=("marker = \"sys_platform == 'linux'\"",),
    )
    path: str = entry(
        "A directory with a project, or a wheel or source archive, relative to this file.",
        default="",
        examples=('path = "../lib"',),
    )
    editable: bool = entry(
        "Use the directory's code where it lies, so that an edit takes effect at once.",
        default=False,
        examples=("editable = true",),
    )
    url: str = entry(
        "The address of a wheel or source archive; `#sha256=…` says which content is meant.",
        default="",
        examples=('url = "https://example.org/wheels/viewer-1.0-py3-none-any.whl"',),
    )
    git: str = entry(
        "The address of a git repository.",
        default="",
        examples=('git = "https://example.org/team/viewer.git"',),
    )
    rev: str = entry("A commit.", default="", examples=('rev = "9f2c41d"',))
    tag: str = entry("A tag.", default="", examples=('tag = "v1.2"',))
    branch: str = entry("A branch.", default="", examples=('branch = "main"',))
    subdirectory: str = entry(
        "Where the project lies in the repository or archive.",
        default="",
        examples=('subdirectory = "python"',),
    )
    index: str = entry(
        "The name of the index it must come from.", default="", examples=('index = "internal"',)
    )


class IndexTable(Model):
    """A package index in table form."""

    url: str = entry(
        "A URL, or a path relative to this file.",
        examples=('url = "https://packages.example.org/simple"',),
    )
    name: str = entry(
        "What requests and the lock call it; made from the address if absent.",
        default="",
        pattern=LAYER,
        means="made of letters, digits, dots, dashes and underscores",
        examples=('name = "internal"',),
    )
    explicit: bool = entry(
        "Only for requests that name it.", default=False, examples=("explicit = true",)
    )
    default: bool = entry(
        "Takes the place of the usual index.", default=False, examples=("default = true",)
    )
    flat: bool = entry(
        "A directory or page of files instead of a simple index.",
        default=False,
        examples=("flat = true",),
    )


class PypiTable(Model):
    """`[packages.pypi]` asks for packages of PyPI's kind: every key but `indexes` and
    `find-links` is a package.

    A version is a text of PEP 440 specifiers. A bare version means exactly that one: `"2.1"` is
    `==2.1`; `"2.1.*"` takes what begins with it; any version is `"*"`. `false` takes an inherited
    request away. A package named `indexes` or `find-links` is written as a table.
    """

    indexes: tuple[str | IndexTable, ...] = entry(
        "Package indexes, most important first, asked before the usual one.",
        default=(),
        examples=(
            'indexes = ["https://packages.example.org/simple"]',
            'indexes = [{ name = "internal", url = "https://packages.example.org/simple", explicit = true }]',
        ),
    )
    find_links: tuple[str, ...] = entry(
        "Directories (relative to this file) or pages of files to look in as well.",
        default=(),
        examples=('find-links = ["wheels"]',),
    )
    requirements: dict[str, str | Literal[False] | PypiPackage] = entry(
        "A package and its versions.",
        factory=dict,
        rest=True,
        keys=r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?",
        means="a name of a PyPI package",
        examples=(
            'requests = ">=2.31,<3"',
            'requests = "*"',
            "requests = false",
            'requests = { version = ">=2.31", extras = ["socks"] }',
            'viewer = { path = ".", editable = true }',
            'viewer = { git = "https://example.org/team/viewer.git", tag = "v1.2" }',
        ),
    )


class PackagesTable(Model):
    """`[packages]` asks for software: an interpreter, and packages per ecosystem."""

    python: str | Literal[False] = entry(
        "The interpreter, wherever it comes from: a version (`3.12` takes any 3.12) or PEP 440"
        " specifiers. `false` takes an inherited request away.",
        default="",
        examples=('python = "3.12"', 'python = ">=3.11,<3.14"'),
    )
    conda: CondaTable = entry("Conda packages.", factory=CondaTable)
    pypi: PypiTable = entry("PyPI packages.", factory=PypiTable)
    others: dict[str, dict[str, str | Literal[False]]] = entry(
        "Packages of an ecosystem that a plugin brings.", factory=dict, rest=True, closed=True
    )
