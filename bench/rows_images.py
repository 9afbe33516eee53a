"""Rows about images: made of an environment, against building one with its lock by buildah."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from measure import BenchError, Row, by_turns
from rows_build import requirements_of
from rows_start import MINOR

if TYPE_CHECKING:
    from world import World

ASKED = ("pandas", "rich", "requests", "jinja2", "flask")
"""What the place asks for; with what these need, some twenty packages."""

MANIFEST = """\
[workspace]
name = "tables"

[packages]
python = "=={minor}.*"

[packages.pypi]
{asked}
[app.report]
run = ["python", "main.py"]

[recipe.tables]
app = "report"

[target.image]
kind = "image"
base = "oci:{base}:bare"
output = "oci:{out}"
"""

DOCKERFILE = """\
FROM oci:{base}:python
COPY requirements.txt /requirements.txt
ENV {settings}
RUN /uv venv -q --python {python} /app && \
    /uv pip sync -q --require-hashes --python /app /requirements.txt
COPY main.py /app/main.py
ENTRYPOINT ["/app/bin/python", "/app/main.py"]
"""

MAIN = "import pandas\nprint(pandas.__version__)\n"


def rows(world: World) -> list[Row]:
    """Time an image of a built environment: new packages, nothing known, all of it known."""
    uv, buildah = world.tools["uv"].program, shutil.which("buildah")
    if not uv:
        raise BenchError(world.tools["uv"].why)
    if not buildah or os.geteuid() != 0:
        world.left_out.append("images: there is no buildah, or nobody may use it here")
        return []
    base, python = _bases(world)
    out = world.base / "images"
    asked = "".join(f'{name} = "*"\n' for name in ASKED)
    text = MANIFEST.format(minor=MINOR, asked=asked, base=base, out=out)
    place = world.place("images", {"stead.toml": text, "main.py": MAIN})
    world.settle(place)
    requirements, count = requirements_of(place)

    deploy = (world.stead, "deploy", "tables", "image")
    kept_python = _only_python(world, base, deploy)

    def forget() -> None:
        world.put_aside(world.home / "deploy", out)

    def forget_packages() -> None:
        forget()
        shutil.copytree(kept_python, world.home / "deploy")

    ours = world.program(*deploy, cwd=place, before=forget_packages)
    from_nothing = world.program(*deploy, cwd=place, before=forget)
    again = world.program(*deploy, cwd=place)

    storage, theirs_out = world.base / "storage", world.base / "theirs"
    # The driver that shares files between layers, where it works: it is the faster one.
    run = [buildah, "--root", f"{storage}/a", "--runroot", f"{storage}/b"]
    run += ["--storage-driver", _driver(world, buildah)]
    cache = world.uv_env["UV_CACHE_DIR"]
    Path(cache).mkdir(exist_ok=True)
    volumes = ["--volume", f"{uv}:/uv:ro", "--volume", f"{cache}:/cache"]
    # What is kept is kept by the index's address.
    indexes = [f"{n}={v}" for n, v in world.env.items() if n.startswith("UV_") and "INDEX" in n]
    known = ["UV_CACHE_DIR=/cache", "UV_LINK_MODE=copy", "UV_OFFLINE=1", *indexes]
    dockerfile = DOCKERFILE.format(base=base, python=python, settings=" ".join(known))
    files = {"Dockerfile": dockerfile, "requirements.txt": requirements, "main.py": MAIN}
    context = world.place("buildah", files)
    script = (
        f"{' '.join(run)} bud -q --isolation chroot {' '.join(volumes)} -t made . "
        f"&& {' '.join(run)} push -q made oci:{theirs_out}:made"
    )

    def anew() -> None:
        world.put_aside(theirs_out)
        world.do(*run, "rmi", "--force", "made", cwd=context)

    _fill(world, uv, requirements)
    world.do("/bin/sh", "-c", script, cwd=context)
    theirs = world.program("/bin/sh", "-c", script, cwd=context, before=anew)
    timed = {"ours": ours.time, "nothing": from_nothing.time, "buildah": theirs.time}
    ms = by_turns(timed, world.rounds(5, 1))
    kept = by_turns({"ours": again.time, "buildah": theirs.time}, world.rounds(3, 1), warm=0)
    sizes = [_size(path) for path in (out, theirs_out)]
    world.do(*run, "rmi", "--all", "--force", cwd=context)
    name = f"an image of {count} PyPI packages"
    peer = "`buildah bud` with uv, and its push"
    return [
        # Theirs has Python in its base, so nobody looks through its files again; but a push
        # compresses that layer anew, as it does all others.
        Row(f"{name}, Python's layer kept", ms["ours"], peer, ms["buildah"], 0.4),
        Row(f"{name}, nothing kept", ms["nothing"], peer, ms["buildah"], 0.4),
        Row(f"{name}, all of it kept", kept["ours"], peer, kept["buildah"], 0.1),
        Row(f"{name}: kilobytes", sizes[0], peer, sizes[1], round(1.1 * sizes[1]), counts=True),
    ]


def _bases(world: World) -> tuple[str, str]:
    """Make two bases: with a C library and a shell, and with a Python besides; gives the latter's.

    Images of Stead's bring their Python, so theirs need not.
    """
    from stead.deploy.cache import Cache
    from stead.deploy.interpreter import tree_of_interpreter
    from stead.deploy.oci import layers, layout
    from stead.deploy.relocating import Moves, members
    from stead.store.listing import scan
    from stead.testing.images import copy_system, image_of

    root, directory = world.base / "bare", world.base / "bases"
    kept = Cache(world.base / "bases-cache")
    copy_system(root)
    found = members(str(root), scan(root), Moves("", ""), {}, {})
    bare = layers.made(kept, "bare", found, "", ["bare"])
    executable = sys._base_executable  # noqa: SLF001 - no public name has it
    tree = tree_of_interpreter(executable, layers.ROOT, world.base / "bases-cache")
    at = f"{layers.ROOT}/trees/{tree.key}"
    python = layers.layer(kept, "python", tree.parts, at, tree.key)
    images = [image_of("bare", (bare,)), image_of("python", (bare, python))]
    layout.write(layout.Reference(False, str(directory)), images)
    return str(directory), f"{at}/bin/python"


def _only_python(world: World, base: str, deploy: tuple[str, ...]) -> Path:
    """Make an image without packages, and give a copy of what is kept of it."""
    out = world.base / "python-image"
    text = MANIFEST.format(minor=MINOR, asked="", base=base, out=out)
    place = world.place("only-python", {"stead.toml": text, "main.py": MAIN})
    world.settle(place)
    world.do(*deploy, cwd=place)
    kept = world.base / "python-kept"
    shutil.copytree(world.home / "deploy", kept)
    return kept


def _driver(world: World, buildah: str) -> str:
    """Name the storage driver that buildah is fastest with here."""
    trial = world.base / "trial"
    words = [buildah, "--root", f"{trial}/a", "--runroot", f"{trial}/b", "--storage-driver"]
    try:
        world.do(*words, "overlay", "from", "scratch", cwd=str(world.base))
    except BenchError:
        return "vfs"
    return "overlay"


def _fill(world: World, uv: str, requirements: str) -> None:
    """Fill the cache that the building of theirs reads, so that nobody waits for a network."""
    place = world.place("fill", {"requirements.txt": requirements})
    python = sys._base_executable  # noqa: SLF001 - no public name has it
    both = '"$0" venv -q --python "$1" .venv && "$0" pip sync -q --python .venv requirements.txt'
    world.do("/bin/sh", "-c", both, uv, python, cwd=place, **world.uv_env)


def _size(directory: Path) -> int:
    """Give how large a layout is, in kilobytes."""
    return sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()) // 1000
