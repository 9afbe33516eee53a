"""Images to make others upon, of this machine's own files: nothing is fetched.

base_image(tmp_path / "base")            a C library and a shell
base_image(tmp_path / "base", perl=True)      and a Perl
"""

from __future__ import annotations

import glob
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from stead.deploy.cache import Cache
from stead.deploy.oci import layers, layout
from stead.deploy.oci.model import Image, Layer, dumped
from stead.deploy.relocating import Moves, members
from stead.store.atomic import remove_tree
from stead.store.listing import scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LIBRARIES = (
    "c.so.6 m.so.6 pthread.so.0 dl.so.2 rt.so.1 util.so.1 resolv.so.2 gcc_s.so.1 crypt.so.1"
)


def base_image(directory: str | os.PathLike[str], tag: str = "base", *, perl: bool = False) -> str:
    """Write an image layout with one image, and give its name (``oci:DIRECTORY:TAG``)."""
    target = Path(directory)
    root, kept = target.with_name(f"{target.name}.root"), target.with_name(f"{target.name}.kept")
    try:
        copy_system(root, perl=perl)
        found = members(str(root), scan(root), Moves("", ""), {}, {})
        made = layers.made(Cache(kept), "system", found, "", [tag, perl])
        images = [image_of(tag, (made,))]
        layout.write(layout.Reference(False, str(target)), images)
    finally:
        remove_tree(root)
        remove_tree(kept)
    return f"oci:{target}:{tag}"


def image_of(tag: str, made: Sequence[Layer]) -> Image:
    """Give an image of these layers, for this machine's architecture."""
    config = {
        "os": "linux",
        "architecture": architecture(),
        "config": {"Env": ["PATH=/usr/bin:/bin", "GREETING=none"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in made]},
    }
    return Image(tag, tuple(made), dumped(config))


def architecture() -> str:
    """Name this machine's architecture as images do."""
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def copy_system(root: str | os.PathLike[str], *, perl: bool = False) -> None:
    """Copy this machine's C library and a shell to where an image has them."""
    top = Path(root)
    triplet = f"{os.uname().machine}-linux-gnu"
    files = [f"/lib/{triplet}/lib{name}" for name in _LIBRARIES.split()]
    files += [*glob.glob("/lib64/ld-linux*"), *glob.glob("/lib/ld-linux*")]
    if perl:
        files.append(shutil.which("perl", path="/usr/bin") or "/usr/bin/perl")
        files += map(str, _below(Path("/usr/lib", triplet, "perl-base")))
    for path in files:
        if os.path.exists(path):
            target = top / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    (top / "bin").mkdir(exist_ok=True)
    shutil.copy(shutil.which("dash") or "/bin/sh", top / "bin/sh")
    for name in ("tmp", "proc", "sys", "dev", "etc"):
        (top / name).mkdir()


def _below(directory: Path) -> Iterable[Path]:
    return (path for path in directory.rglob("*") if path.is_file())


__all__ = ["architecture", "base_image", "copy_system", "image_of"]
