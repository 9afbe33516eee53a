"""A bare folder with ``__main__.py``: code that runs, without any manifest.

A folder with ``__init__.py`` is a package and runs as ``python -m NAME`` from
the directory that holds it (a package within packages by its dotted name); any
other runs as ``python FOLDER``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.formats._static_name import exists
from stead.values.manifest import Layer, Manifest, Task
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = "package"


def read(file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    """Read the folder of a ``__main__.py`` (absolute path).

    FileNotFoundError when there is none. The task named like the folder runs in
    the caller's directory (its ``cwd`` is empty).
    """
    load(file)
    directory = os.path.dirname(file)
    folder = os.path.basename(directory)
    if exists(load, os.path.join(directory, "__init__.py")):
        names = [folder]
        parent = os.path.dirname(directory)
        while parent != os.path.dirname(parent) and exists(
            load, os.path.join(parent, "__init__.py")
        ):
            names.insert(0, os.path.basename(parent))
            parent = os.path.dirname(parent)
        command: tuple[str, ...] = ("python", "-m", ".".join(names))
        module = parent
    else:
        command = ("python", directory)
        module = directory
    task = Task(folder, command=command, origin=Origin(file))
    declared = Layer(layer, tasks=(task,), origin=Origin(file))
    return Manifest(
        file=file,
        format=FORMAT,
        directory=directory,
        layers=(Layer(), declared) if layer else (declared,),
        modules=(module,),
    )
