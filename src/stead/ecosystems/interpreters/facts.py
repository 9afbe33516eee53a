"""What an executable is: asked of it once, then remembered.

The memory is ``$STEAD_HOME/interpreters.json``: what was found at a path, with
the identity of the file there (device, inode, size, modification time). A file
that is the same needs no process; one that changed is asked again. What gave no
answer is asked again too: it may have been the machine that failed, and not the
file. Several processes may write: each replaces the file whole, and what one of
them loses is asked once more.
"""

from __future__ import annotations

import os
import stat

from stead.ecosystems.interpreters.places import in_virtual_environment
from stead.values.frozen import dataclass
from stead.values.interpreter import Interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from stead.ecosystems.interpreters.places import Found
    from stead.values.context import Context

_FORMAT = 2

# Runs on any Python since 3.4 with `-I -S`: its own settings and packages have no say.
# The free-threaded build of Windows shows itself only in sysconfig.
_QUESTION = """
import sys
i = sys.implementation
v = sys.version_info
n = "%d.%d.%d" % v[:3]
if v[3] != "final":
    n += {"alpha": "a", "beta": "b", "candidate": "rc"}[v[3]] + str(v[4])
flags = getattr(sys, "abiflags", "")
if sys.platform == "win32":
    import sysconfig
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        flags += "t"
    if sysconfig.get_config_var("Py_DEBUG"):
        flags += "d"
tag = {"cpython": "cp", "pypy": "pp"}.get(i.name, i.name) + "%d%d" % v[:2] + flags
bits = 64 if sys.maxsize > 2**32 else 32
print("\\n".join(["stead", n, tag, str(bits), sys.prefix]))
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """What was found out: empty ``version`` where it is no usable Python."""

    identity: tuple[int, int, int, int]
    real: str = ""
    version: str = ""
    tag: str = ""


class Memory:
    """The facts known so far; :meth:`save` when done."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._file = os.path.join(context.home, "interpreters.json")
        self._facts: dict[str, Fact] = _load(self._file)
        self._new: dict[str, Fact] = {}

    def look_up(
        self, candidates: Iterable[tuple[str, Found]], wanted: Callable[[str], bool]
    ) -> list[Interpreter]:
        """Give the interpreters among the candidates, each real file once.

        ``wanted`` is asked with the minor version that a file's name tells
        (``3.12``), before the file would have to be run; it may say no.
        """
        identities: dict[str, tuple[int, int, int, int]] = {}
        found: dict[str, Found] = {}
        unknown = []
        for path, kind in candidates:
            if path in found:
                continue
            identity = _identity(path)
            if identity is None:
                continue
            identities[path], found[path] = identity, kind
            known = self._facts.get(path)
            if known is None or known.identity != identity or not _still(known):
                unknown.append(path)
        self._ask(unknown, identities, wanted)
        result: dict[str, Interpreter] = {}
        for path, kind in found.items():
            fact = self._facts.get(path)
            if fact is not None and fact.identity == identities[path] and fact.version:
                result.setdefault(
                    fact.real, Interpreter(fact.real, fact.version, fact.tag, _kind(fact, kind))
                )
        return list(result.values())

    def save(self) -> None:
        """Write what is new. A memory that cannot be kept is no error: all is asked again."""
        if not self._new:
            return
        import contextlib
        import json
        import tempfile

        # What others have written meanwhile stays; what is gone from the disk goes.
        merged = {**_load(self._file), **self._new}
        entries = {
            path: [list(f.identity), f.real, f.version, f.tag]
            for path, f in sorted(merged.items())
            if os.path.exists(path)
        }
        text = json.dumps({"format": _FORMAT, "interpreters": entries}, indent=0)
        self._new = {}
        try:
            os.makedirs(self._context.home, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._context.home, prefix=".interpreters-")
            try:
                with open(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(text)
                os.replace(temporary, self._file)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError:
            pass

    def _ask(
        self,
        paths: list[str],
        identities: dict[str, tuple[int, int, int, int]],
        wanted: Callable[[str], bool],
    ) -> None:
        """Find out about paths that are not known; each real file is run once."""
        groups: dict[str, list[str]] = {}
        for path in paths:
            real = os.path.realpath(path)
            minor = _minor_of(os.path.basename(real))
            if minor and not wanted(minor):
                continue
            groups.setdefault("" if in_virtual_environment(path) else real, []).append(path)
        for path in groups.pop("", []):
            self._learn(path, Fact(identities[path]))
        if not groups:
            return
        if len(groups) == 1:
            answers = [self._question(real) for real in groups]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(8, len(groups))) as pool:
                answers = list(pool.map(self._question, groups))
        for (real, members), answer in zip(groups.items(), answers, strict=True):
            if answer is None:
                continue
            for path in members:
                self._learn(path, Fact(identities[path], real, *answer))

    def _learn(self, path: str, fact: Fact) -> None:
        self._facts[path] = self._new[path] = fact

    def _question(self, real: str) -> tuple[str, str] | None:
        """Give version and tag: empty ones where a file is no Python, or not for this machine.

        None where that was not found out: it may not be run, was killed, failed.
        """
        from stead.values.errors import SteadError

        nothing = ("", "")
        start = _start_of(real)
        if start in _NO_PROGRAM:
            return nothing
        if start is None:
            return None
        try:
            answer = self._context.run(
                [real, "-I", "-S", "-c", _QUESTION], env=_environment(self._context.environ)
            )
        except SteadError as exc:
            import errno

            return nothing if getattr(exc.__cause__, "errno", 0) == errno.ENOEXEC else None
        if answer.returncode:
            return None
        lines = answer.stdout.splitlines()
        if len(lines) != 5 or lines[0] != "stead":
            return nothing
        import sys

        mine = 64 if sys.maxsize > 2**32 else 32
        return (lines[1], lines[2]) if int(lines[3]) == mine else nothing


_NO_PROGRAM = (b"#!", b"")
"""How files begin that are no programs of their own: a script named ``python`` is a shim or a
wrapper, whatever directory it is in."""


def _start_of(path: str) -> bytes | None:
    """Give a file's first two bytes; None where it may be neither run nor read."""
    if not os.access(path, os.X_OK):
        return None
    try:
        with open(path, "rb") as file:
            return file.read(2)
    except OSError:
        return None


def _identity(path: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _still(fact: Fact) -> bool:
    """Say whether the real path recorded still leads to the same file."""
    return not fact.real or _identity(fact.real) == fact.identity


def _kind(fact: Fact, kind: Found) -> Found:
    """Tell conda's own from others found on PATH: its environments carry their records."""
    if kind == "system":
        prefix = os.path.dirname(os.path.dirname(fact.real))
        if os.path.isdir(os.path.join(prefix, "conda-meta")):
            return "conda"
    return kind


def _minor_of(name: str) -> str:
    """Give ``3.12`` of ``python3.12``, and nothing where a name does not tell."""
    stem = name.removesuffix(".exe").removeprefix("python").rstrip("td")
    major, dot, minor = stem.partition(".")
    return stem if name.startswith("python") and dot and (major + minor).isdigit() else ""


def _environment(environ: Any) -> dict[str, str]:
    """Give the caller's environment without what only Python itself would read."""
    return {k: v for k, v in environ.items() if not k.startswith(("PYTHON", "__PYVENV"))}


def _load(path: str) -> dict[str, Fact]:
    """Read the memory; whatever is not in its form counts as nothing known."""
    import json

    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            document = json.load(file)
        if document["format"] != _FORMAT:
            return {}
        return {
            path: Fact((dev, ino, size, mtime), str(real), str(version), str(tag))
            for path, ((dev, ino, size, mtime), real, version, tag) in document[
                "interpreters"
            ].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
