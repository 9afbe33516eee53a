"""What trees need of the machine that they are brought to: shared libraries, and how new a glibc."""

from __future__ import annotations

import functools
import os

from stead.deploy import elf
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.deployment import Part, Tree

OF_GLIBC = frozenset(
    f"lib{name}"
    for name in (
        "c.so.6",
        "m.so.6",
        "pthread.so.0",
        "dl.so.2",
        "rt.so.1",
        "util.so.1",
        "resolv.so.2",
        "anl.so.1",
        "mvec.so.1",
    )
)
"""Libraries that come with glibc: its version says whether they will do."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be on a machine already."""

    libraries: tuple[str, ...] = ()
    """Names of shared libraries that no tree has (``libssl.so.3``), sorted."""
    glibc: str = ""
    """The lowest version that will do; empty where nothing needs any."""
    wanted_by: tuple[tuple[str, str], ...] = ()
    """Each library, and ``glibc``, with a file that needs it, for messages."""


def needs_of(trees: Iterable[Tree]) -> Needs:
    """Give what the trees' compiled files need and the trees do not have. Raises StoreError."""
    return _needs_of(tuple(trees))


@functools.lru_cache(maxsize=16)
def _needs_of(trees: tuple[Tree, ...]) -> Needs:
    # It is asked again for each node, and where an image is made.
    parts = [part for tree in trees for part in tree.parts]
    wanted: dict[str, str] = {}
    had: set[str] = set()
    highest: tuple[int, ...] = (0,)
    whose = ""
    for part in parts:
        for path, found in _compiled(part):
            had.update(filter(None, (os.path.basename(path), found.soname)))
            for name in found.needed:
                wanted.setdefault(name, f"{part.name}: {path}")
            for version in found.versions:
                number = glibc_number(version)
                if number > highest:
                    highest, whose = number, f"{part.name}: {path}"
        had.update(os.path.basename(m.path) for m in part.members if m.kind == "link")
    missing = sorted(n for n in wanted if n not in had and not of_glibc(n))
    by = [(name, wanted[name]) for name in missing]
    if whose:
        by.append(("glibc", whose))
    return Needs(tuple(missing), ".".join(map(str, highest)) if whose else "", tuple(by))


def of_glibc(name: str) -> bool:
    """Say whether a library comes with glibc itself."""
    return name in OF_GLIBC or name.startswith("ld-linux")


def glibc_number(version: str) -> tuple[int, ...]:
    """Give ``GLIBC_2.34`` as numbers that compare; ``(0,)`` for what is no version of glibc."""
    name, _, number = version.partition("_")
    pieces = number.split(".")
    if name != "GLIBC" or not all(p.isdecimal() for p in pieces):
        return (0,)
    return tuple(map(int, pieces))


def _compiled(part: Part) -> Iterable[tuple[str, elf.Elf]]:
    from stead.store.atomic import translate

    for member in part.members:
        if member.kind != "file" or member.content is not None or not _likely(member.path):
            continue
        try:
            found = elf.read(member.source)
        except OSError as exc:
            raise translate(exc, member.source) from exc
        if found is not None:
            yield member.path, found


def _likely(path: str) -> bool:
    """Say whether a name may be that of compiled code: a program's has no ending, or a version."""
    name = path.rpartition("/")[2]
    end = name.rpartition(".")[2] if "." in name else ""
    return not end or end in ("so", "node") or ".so." in name or end.isdecimal()


def refusals(needs: Needs, glibc: str, libraries: Iterable[str]) -> tuple[str, ...]:
    """Say what a machine lacks, a line each; ``glibc`` is empty where it has none.

    Nothing is said of libraries where none of the machine's are known.
    """
    by = dict(needs.wanted_by)
    said = []
    if needs.glibc and glibc_number(f"GLIBC_{glibc}") < glibc_number(f"GLIBC_{needs.glibc}"):
        has = f"has {glibc}" if glibc else "has none"
        said.append(f"glibc {needs.glibc} is needed, and it {has} ({by['glibc']})")
    known = set(libraries)
    if known:
        lacking = [name for name in needs.libraries if name not in known]
        said += [f"{name} is needed ({by[name]})" for name in lacking]
    return tuple(said)
