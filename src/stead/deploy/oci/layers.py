"""Layers: one per package, the same bytes wherever it is needed, compressed once.

A layer follows from its part, the directory that the tree stands in, and the version of the zlib
that this Python has; not even from how many cores compress it. Another zlib may give other bytes,
and then another digest, for the same ``diff_id``. Therefore
an environment does not stand below its key in an image, which would be another one after each
change of any package, but below a name that stays (:func:`places`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib

from stead.deploy.oci.model import LAYER, Descriptor, Layer
from stead.deploy.oci.packing import blocks, cores, packed
from stead.deploy.tar import stream
from stead.store.atomic import storage, temporary_name
from stead.values.deployment import KEY_LENGTH, Member
from stead.values.errors import DeployError
from stead.values.frozen import replace
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Executor
    from hashlib import _Hash

    from stead.deploy.cache import Cache
    from stead.values.deployment import Part, Tree

ROOT = "/opt/stead"
"""The root in each image, so that images share layers."""

LEVEL = 2
"""Of gzip: smaller than what engines make of the same, in two thirds of the next levels' time."""
FORMAT = 3
"""Part of what each layer follows from: raise it when the same part comes to give other bytes."""

MOST = 100
"""Layers that an image has at most, those of its base included: engines stop at 127."""
GROUPS = 16
"""Layers for packages that are too small for one of their own, where there are too many."""


def places(trees: Iterable[Tree]) -> dict[str, str]:
    """Give by which name each tree's key is replaced in an image.

    What changes with any of its parts gets a name that stays, as long as a key:
    ``environment-00000001``, ``code-000000000000001``. Others keep their key, which follows from
    their only part.
    """
    numbers: dict[str, int] = {}
    found = {}
    for tree in sorted(trees, key=lambda t: (t.name, t.key)):
        start = "code-" if is_code(tree) else "environment-" if len(tree.parts) > 1 else ""
        numbers[start] = numbers.get(start, 0) + 1
        number = f"{numbers[start]:0{KEY_LENGTH - len(start)}}"
        found[tree.key] = f"{start}{number}" if start else tree.key
    return found


def is_code(tree: Tree) -> bool:
    """Say whether a tree holds the project's code."""
    return tree.name == "code" or tree.name.startswith("code of ")


def grouped(parts: Sequence[Part], most: int) -> list[tuple[str, tuple[Part, ...]]]:
    """Give name and parts of each layer, no more than ``most``.

    Where the parts are too many, those below a size (a power of two, so that it seldom changes)
    are put together, each where its package's name belongs: so a change stays in one layer.
    """
    if len(parts) <= most:
        return [(part.name, (part,)) for part in parts]
    room = max(most - GROUPS, 0)
    least = 1
    while sum(part.size >= least for part in parts) > room:
        least *= 2
    result: list[tuple[str, tuple[Part, ...]]] = [
        (part.name, (part,)) for part in parts if part.size >= least
    ]
    together: dict[int, list[Part]] = {}
    for part in parts:
        if part.size < least:
            name = part.name.rpartition(" ")[0] or part.name
            number = sha256(name.encode()).digest()[0] % min(GROUPS, most)
            together.setdefault(number, []).append(part)
    for _, some in sorted(together.items()):
        result.append((", ".join(p.name for p in some), tuple(some)))
    return result


def layer(
    cache: Cache,
    name: str,
    parts: Sequence[Part],
    directory: str,
    key: str,
    *,
    pool: Executor | None = None,
) -> Layer:
    """Give the layer with these parts below an absolute ``directory``, made if it is not kept yet.

    ``key`` is written over the placeholders; what is new is compressed in ``pool``, or in one of
    its own. Raises StoreError.
    """
    by = [FORMAT, LEVEL, directory, key, [part.digest for part in parts]]
    members = parts[0].members
    if len(parts) > 1:
        merged = {m.path: m for part in parts for m in part.members}
        members = tuple(merged[path] for path in sorted(merged))
    return made(cache, name, members, directory, by, key=key, pool=pool)


def made(
    cache: Cache,
    name: str,
    members: Sequence[Member],
    directory: str,
    by: object,
    *,
    key: str = "",
    pool: Executor | None = None,
) -> Layer:
    """Give the layer with these members below ``directory``; ``by`` is all that it follows from."""
    # What another zlib packed would be found here, and not on a machine that packs anew.
    text = json.dumps([zlib.ZLIB_RUNTIME_VERSION, by], separators=(",", ":")).encode()
    path = cache.path("layers", f"{sha256(text).hexdigest()}.tar.gz")
    known = _known(path, cache.path("layers", f"{os.path.basename(path)}.json"))
    if known is None:
        with packing_pool() if pool is None else contextlib.nullcontext(pool) as used:
            known = _compress(cache, path, stream(below(members, directory), key=key), used)
    digest, diff_id, size = known
    return Layer(Descriptor(LAYER, digest, size), diff_id, name, path)


def _known(path: str, about: str) -> tuple[str, str, int] | None:
    try:
        with open(about, "rb") as file:
            digest, diff_id, size = json.loads(file.read())
        if os.stat(path).st_size == size:
            return str(digest), str(diff_id), int(size)
    except (OSError, ValueError, TypeError):
        pass
    return None


def packing_pool() -> Executor:
    """Give threads that compress, as many as there are cores."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(cores())


def _compress(
    cache: Cache, path: str, tar: Iterator[bytes], pool: Executor
) -> tuple[str, str, int]:
    diff, compressed, size = hashlib.sha256(), hashlib.sha256(), 0
    with storage(path):
        cache.prepare("layers")
        temporary = temporary_name(path)
        try:
            with open(temporary, "xb") as out:
                for data in packed(_hashed(blocks(tar), diff), LEVEL, pool):
                    compressed.update(data)
                    size += len(data)
                    out.write(data)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    known = f"sha256:{compressed.hexdigest()}", f"sha256:{diff.hexdigest()}", size
    cache.keep(f"{path}.json", json.dumps(known).encode())
    return known


def _hashed(pieces: Iterable[bytes], digest: _Hash) -> Iterator[bytes]:
    for data in pieces:
        digest.update(data)
        yield data


def below(members: Sequence[Member], directory: str) -> list[Member]:
    """Give members as they stand in the image, with all directories above them.

    An engine makes missing ones for nobody but root.
    """
    top = directory.strip("/")
    names = top.split("/") if top else []
    above = ("/".join(names[: at + 1]) for at in range(len(names)))
    prefix = f"{top}/" if top else ""
    for member in members:
        if "/.wh." in f"/{member.path}":
            raise DeployError(
                "a name that begins with .wh. means in an image that a file is removed",
                where=member.path,
                remedy="exclude the file from the recipe",
            )
    return [
        *(Member(path, "directory", 0o755) for path in above),
        *(replace(m, path=prefix + m.path) for m in members),
    ]
