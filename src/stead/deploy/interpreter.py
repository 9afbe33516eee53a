"""An interpreter that lies outside the store, as a tree of its own.

What it takes along: the executable, its ``libpython``, the standard library without what only
developers and desktops use, and the shared libraries of the standard library's extension
modules, as far as the run paths in the installation's own files let the loader find them beside
it. Neither headers nor installed packages come along. Compiled modules do if the installation
has all of them: such as were written when somebody first imported a module would let the same
interpreter have another tree each time.
"""

from __future__ import annotations

import os
import re
import stat

from stead.deploy import elf
from stead.deploy.cache import Cache
from stead.deploy.libraries import of_glibc
from stead.deploy.parts import source_of
from stead.deploy.relocating import Moves, members, with_parents
from stead.store.atomic import storage
from stead.store.listing import Found, scan_one
from stead.values.deployment import Member, Tree
from stead.values.digest import short_key
from stead.values.errors import InterpreterError
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHARED = ("/", "/usr", "/usr/local")
"""Prefixes that hold a whole system: what names them need not mean Python."""

_NAME = re.compile(r"(?:python|pypy)(\d+\.\d+)(t?)\Z")
_LEFT_OUT = re.compile(
    r"(?:.*/)?(?:tests?|__phello__|idlelib|tkinter|turtledemo|config-[^/]*|site-packages|"
    r"dist-packages)(?:/|\Z)"
    r"|(?:.*/)?(?:turtle\.py|EXTERNALLY-MANAGED|[^/]*\.opt-[12]\.pyc|[^/]*\.pyc\.\d+|turtle\.[^/]*\.pyc)\Z"
    r"|lib-dynload/(?:_?xx|_tkinter|_test|_ctypes_test|nis\.|ossaudiodev)"
)
"""Of the standard library, by its own paths."""

_COMPANIONS = ("libgcc_s.so.1", "libstdc++.so.6")
"""The compiler's libraries, which packages from PyPI expect of every machine; a bare one lacks them.
Those of the machine that the environment was made and tried on are the right ones."""

_TRIPLETS = {62: "x86_64-linux-gnu", 183: "aarch64-linux-gnu", 3: "i386-linux-gnu"}


def installation_of(executable: str) -> str:
    """Give the directory that an interpreter is installed in."""
    return os.path.dirname(os.path.dirname(os.path.realpath(executable)))


def moves_of(executable: str, root: str, tree: Tree) -> dict[str, str]:
    """Give what becomes of the interpreter's paths, and of the line in ``pyvenv.cfg`` that has them.

    An installation that shares its directory with a whole system is named by its program alone.
    """
    real = os.path.realpath(executable)
    prefix, new = installation_of(executable), f"{root}/trees/{tree.key}"
    program = f"{new}/bin/{os.path.basename(real)}"
    moved = {executable: program, real: program}
    moved[f"home = {os.path.dirname(executable)}"] = f"home = {new}/bin"
    if prefix not in _SHARED:
        moved[prefix] = new
    return moved


def tree_of_interpreter(executable: str, root: str, home: str | os.PathLike[str]) -> Tree:
    """Give the tree of an interpreter; ``bin/python`` and its other names lead to it.

    ``root`` is the node's, ``home`` the STEAD_HOME in which digests are kept. Raises
    InterpreterError where the standard library is not where it should be, and StoreError.
    """
    real = os.path.realpath(executable)
    prefix, program = installation_of(executable), os.path.basename(real)
    library = _library(prefix, program)
    found = _settled(list(_found(prefix, library, program)))
    times = {f.path: f for f in found}
    own = "" if prefix in _SHARED else prefix
    brought = _Brought(prefix, times)
    moves = Moves(own, root)

    def make() -> tuple[Member, ...]:
        made = {m.path: m for m in members(prefix, found, moves, {}, times)}
        for path, source in brought.take(made).items():
            size = os.stat(source).st_size
            made[path] = Member(path, "file", 0o755, source, size=size)
        minor = _NAME.match(program)
        for name in ("python", "python3", f"python{minor[1]}" if minor else "python3"):
            made.setdefault(f"bin/{name}", Member(f"bin/{name}", "link", 0o777, program))
        return with_parents(made)

    name = f"python {os.path.basename(library).removeprefix('python')}"
    part = Cache(home).part(name, found, ["interpreter", prefix, program, root], make)
    return Tree(short_key([part.digest]), name, (part,))


def _library(prefix: str, program: str) -> str:
    """Find the standard library, relative to the prefix."""
    match = _NAME.match(program)
    if match:
        base = "pypy" if program.startswith("pypy") else "python"
        for lib in ("lib", "lib64"):
            path = f"{lib}/{base}{match[1]}{match[2]}"
            if os.path.isfile(os.path.join(prefix, path, "os.py")):
                return path
    raise InterpreterError(
        "the standard library of this interpreter is not where it should be, so it cannot be sent",
        where=os.path.join(prefix, "bin", program),
        remedy="name another interpreter, or let Python come from a conda channel",
    )


def _found(prefix: str, library: str, program: str) -> Iterator[Found]:
    """Give what of an installation goes along, with paths relative to it."""
    yield _entry(prefix, f"bin/{program}")
    directories = {library, library.replace("lib/", "lib64/", 1)}
    for directory in sorted(directories):
        top = os.path.join(prefix, directory)
        if os.path.islink(os.path.dirname(top)) or not os.path.isdir(top):
            continue
        for entry in _below(top):
            if stat.S_ISDIR(entry.mode) or _LEFT_OUT.match(entry.path):
                continue
            if entry.target is not None and os.path.isabs(entry.target):
                continue  # the system's own settings
            yield entry._replace(path=f"{directory}/{entry.path}")
    for name in sorted(os.listdir(os.path.join(prefix, "lib"))):
        if name.startswith("libpython") and ".so." in name and prefix not in _SHARED:
            yield _entry(prefix, f"lib/{name}")


def _below(top: str) -> list[Found]:
    """List a library without looking into what is left out: packages may be many more than it."""
    found: list[Found] = []
    pending = [""]
    with storage(top):
        while pending:
            directory = pending.pop()
            if not _LEFT_OUT.match(directory):
                scan_one(top, directory, pending, found, read_only=False)
    return found


def _settled(found: list[Found]) -> list[Found]:
    """Leave compiled modules out where some have none: which have is how it was used so far."""
    has = {source_of(f.path) for f in found if f.path.endswith(".pyc")}
    if all(f.path in has for f in found if f.path.endswith(".py")):
        return found
    return [f for f in found if not f.path.endswith(".pyc")]


def _entry(prefix: str, path: str) -> Found:
    info = os.lstat(os.path.join(prefix, path))
    inode = (info.st_dev, info.st_ino)
    target = os.readlink(os.path.join(prefix, path)) if stat.S_ISLNK(info.st_mode) else None
    return Found(path, info.st_mode, info.st_size, info.st_mtime_ns, target, info.st_nlink, inode)


class _Brought:
    """Lets compiled files find their libraries in the tree, and gives those that it lacks."""

    def __init__(self, prefix: str, times: dict[str, Found]) -> None:
        self._prefix = prefix
        self._had = {os.path.basename(path) for path in times}

    def take(self, made: dict[str, Member]) -> dict[str, str]:
        """Change run paths in ``made``; give path → source of the libraries to take along."""
        taken: dict[str, str] = {}
        for path, member in list(made.items()):
            if member.kind != "file" or not (".so" in path or path.startswith("bin/")):
                continue
            found = elf.read(member.source)
            if found is None or not found.run_path:
                continue
            new = "$ORIGIN/" + os.path.relpath("lib", os.path.dirname(path))
            patches = elf.with_run_path(found, new, inherited=True)
            if patches:
                # After what was replaced in the same text, so that this one stays.
                made[path] = replace(member, patches=(*member.patches, *patches), keyed=())
                self._resolve(found, found.needed, taken)
                if path.startswith("bin/"):
                    self._resolve(found, _COMPANIONS, taken)
        return taken

    def _resolve(self, found: elf.Elf, names: Iterable[str], taken: dict[str, str]) -> None:
        for name in names:
            if name in self._had or of_glibc(name):
                continue
            source = self._find(name, found.machine, found.run_path)
            if source:
                self._had.add(name)
                taken[f"lib/{name}"] = source
                further = elf.read(source)
                if further is not None:
                    self._resolve(further, further.needed, taken)

    def _find(self, name: str, machine: int, run_path: str) -> str:
        triplet = _TRIPLETS.get(machine, "")
        usual = [f"/lib/{triplet}", f"/usr/lib/{triplet}"] if triplet else []
        for directory in (*run_path.split(":"), *usual, "/lib64", "/usr/lib64", "/lib", "/usr/lib"):
            path = os.path.join(directory, name)
            if os.path.isabs(path) and os.path.isfile(path):
                found = elf.read(path)
                if found is not None and found.machine == machine:
                    return os.path.realpath(path)
        return ""
