"""The files that make a directory a place, and the order in which they count.

Entries of all of them are joined; the order says which is shown first, and
settles the few cases where two files state one thing:

- ``environment.yml`` is read, and ``environment.yaml`` only where it is missing
  (likewise ``conda-lock.yml`` before ``conda-lock.yaml``);
- ``setup.py`` counts only where ``pyproject.toml`` describes no project;
- ``__main__.py`` counts only where no other file but a ``.env`` does;
- what `stead export` wrote counts only where nothing else asks for packages;
- another tool's lock does not count beside a ``stead.toml`` that asks for packages,
  whose lock is ``stead.lock``;
- a ``pyproject.toml`` that holds nothing but other tools' settings does not count.
"""

from __future__ import annotations

import importlib
import os
import re

from stead.formats._static_name import exists as there
from stead.formats._static_name import unique
from stead.formats.exported import is_marked
from stead.values.frozen import replace
from stead.values.names import is_environment_name
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from stead.values.lock import Artifact
    from stead.values.manifest import Manifest, TakenLock
    from stead.values.platform import Platform
else:
    Protocol = object

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "win-arm64")

DOTENV = ".env"
"""The file whose variables are one person's own; by itself it describes no project."""

_MODULES = {
    "stead.toml": "stead_toml",
    "pyproject.toml": "pyproject",
    "setup.py": "setup_py",
    "environment.yml": "environment_yml",
    "environment.yaml": "environment_yml",
    "requirements.txt": "requirements_txt",
    "pylock.toml": "pylock",
    "conda-lock.yml": "conda_lock",
    "conda-lock.yaml": "conda_lock",
    "explicit.txt": "explicit",
    "spec-file.txt": "explicit",
    **{f"conda-{platform}.lock": "explicit" for platform in PLATFORMS},
    ".python-version": "python_version",
    DOTENV: "env_file",
    "__main__.py": "package_dir",
}
NAMES: tuple[str, ...] = tuple(_MODULES)
"""The names of files that are looked for in each directory, in order of precedence."""

_LAYER_FILES = (
    ("requirements-{}.txt", "requirements_txt"),
    ("requirements_{}.txt", "requirements_txt"),
    ("requirements/{}.txt", "requirements_txt"),
    ("environment-{}.yml", "environment_yml"),
    ("pylock.{}.toml", "pylock"),
)
_SHAPES = tuple(
    (regex(re.escape(shape).replace(r"\{\}", r"([A-Za-z0-9._-]+)") + r"\Z"), module)
    for shape, module in _LAYER_FILES
)
_EITHER = (("environment.yml", "environment.yaml"), ("conda-lock.yml", "conda-lock.yaml"))


class Reader(Protocol):
    """Reads one format."""

    def __call__(self, file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
        """Read ``file`` (absolute) with ``load``; its entries belong to ``layer``."""


def layer_files(layer: str) -> tuple[str, ...]:
    """Give the names of files that define a layer by being there, relative to a directory."""
    if not layer or not is_environment_name(layer):
        return ()
    return tuple(shape.format(layer) for shape, _ in _LAYER_FILES)


def reader_for(name: str) -> Reader | None:
    """Give the reader of a file by its name, None for a name that means nothing here.

    ``name`` is one of :data:`NAMES` or of :func:`layer_files`.
    """
    module = _MODULES.get(name) or next((m for shape, m in _SHAPES if shape.match(name)), None)
    if module is None:
        return None
    if module == "stead_toml":
        return _read_stead_toml
    read: Reader = importlib.import_module(f"stead.formats.{module}").read
    return read


def _read_stead_toml(
    file: str,
    load: Callable[[str], str],
    layer: str = "",  # noqa: ARG001 (the readers' form)
) -> Manifest:
    from stead.formats import stead_toml

    return stead_toml.read(file, load)


def read_directory(
    directory: str,
    exists: Callable[[str], bool],
    layers: Iterable[str],
    load: Callable[[str], str],
) -> tuple[Manifest, ...]:
    """Read all files of a directory that count, in order of precedence.

    ``exists`` says of an absolute path whether it is there; nothing is listed.
    ``layers`` are the names whose own files are looked for too. Raises
    ManifestError for a file that is there and cannot be read.
    """
    names = [n for n in NAMES if exists(os.path.join(directory, n))]
    for first, second in _EITHER:
        if first in names and second in names:
            names.remove(second)
    if "__main__.py" in names and {*names} - {"__main__.py", DOTENV}:
        names.remove("__main__.py")
    found: list[Manifest] = []
    silent: list[str] = []
    exported: set[str] = set()

    def noting(path: str) -> str:
        text = load(path)
        if is_marked(text):
            exported.add(path)
        return text

    for name in names:
        if name == "setup.py" and any(m.project for m in found):
            continue
        manifest = _read(os.path.join(directory, name), name, noting)
        if name == "pyproject.toml" and _says_nothing(manifest):
            silent.append(manifest.file)
        else:
            found.append(manifest)
    for layer in dict.fromkeys(layers):
        for name in layer_files(layer):
            path = os.path.join(directory, *name.split("/"))
            if exists(path):
                found.append(_read(path, name, noting, layer))
    passed = exported if any(_asks(m) and m.file not in exported for m in found) else set()
    if any(m.format == "stead.toml" and any(y.requirements for y in m.layers) for m in found):
        passed |= {m.file for m in found if m.taken}
    silent += [m.file for m in found if m.file in passed]
    found = [m for m in found if m.file not in passed]
    if silent and not found and exists(os.path.join(directory, "__main__.py")):
        found.append(_read(os.path.join(directory, "__main__.py"), "__main__.py", load))
    if found:
        found[0] = replace(
            found[0],
            reads=unique((*found[0].reads, *silent)),
            modules=found[0].modules or _modules(directory, found, load),
        )
    return tuple(found)


def _read(path: str, name: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    reader = reader_for(name)
    assert reader is not None, name  # each of the names has its module
    return reader(path, load, layer)


def _says_nothing(manifest: Manifest) -> bool:
    """Say whether a ``pyproject.toml`` holds only what concerns other tools."""
    layer = manifest.layers[0] if manifest.layers else None
    return not (
        manifest.project
        or manifest.modules
        or manifest.workspace
        or not manifest.foreign
        or len(manifest.layers) > 1
        or (layer and (layer.requirements or layer.constraints))
    )


def _modules(directory: str, found: list[Manifest], load: Callable[[str], str]) -> tuple[str, ...]:
    """Give the directories of code that nothing installs: the tree's own modules."""
    formats = {m.format for m in found}
    if any(m.project or m.modules for m in found) or not formats & _FOREIGN_CODE:
        return ()
    source = os.path.join(directory, "src")
    return (directory, source) if there(load, source) else (directory,)


def _asks(manifest: Manifest) -> bool:
    return manifest.format not in (".python-version", "package")


_FOREIGN_CODE = frozenset(
    {
        "environment.yml",
        "requirements.txt",
        "pylock.toml",
        "conda-lock.yml",
        "explicit",
        ".python-version",
    }
)


def for_platform(taken: Iterable[TakenLock], platform: str) -> tuple[TakenLock, ...]:
    """Leave out the locks whose file name says that they are for another platform."""
    other = {f"conda-{p}.lock" for p in PLATFORMS if p != platform}
    return tuple(t for t in taken if os.path.basename(t.file) not in other)


def artifacts(
    taken: TakenLock, text: str, platform: Platform, python: str = "", *, root: str = ""
) -> tuple[Artifact, ...]:
    """Give the artifacts that another tool's lock holds for a platform, in Stead's shape.

    ``python`` (``3.12`` or full) decides environment markers. Paths are written
    relative to ``root``, where one is given. Raises LockError when the lock is
    not for this platform or Python, or is nonsense.
    """
    if taken.format == "pylock":
        from stead.formats.pylock import artifacts as read_lock
    elif taken.format == "conda-lock":
        from stead.formats.conda_lock import artifacts as read_lock
    else:
        from stead.formats.explicit import artifacts as read_lock
    return read_lock(taken.file, text, platform, python, layer=taken.layer, root=root)
