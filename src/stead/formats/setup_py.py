"""``setup.py``: a project that setuptools installs.

The file is never run. Its project is asked for as an editable path, and the
build back end tells what it depends on; only its name is read here, from
``setup.cfg`` or a literal in ``setup.py``. Where it is computed the requirement has
no name, and the manifest's ``project`` is the directory's.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.formats._static_name import project_name
from stead.values.manifest import Layer, Manifest
from stead.values.names import normalize_pypi
from stead.values.origin import Origin
from stead.values.requirement import Requirement, Source

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = "setup.py"


def read(file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    """Read a ``setup.py`` (absolute path); FileNotFoundError when there is none."""
    load(file)
    directory = os.path.dirname(file)
    name, read = project_name(directory, load)
    requirement = Requirement(
        "pypi", name, source=Source("path", directory, editable=True), origin=Origin(file)
    )
    declared = Layer(layer, requirements=(requirement,), origin=Origin(file))
    return Manifest(
        file=file,
        format=FORMAT,
        directory=directory,
        layers=(Layer(), declared) if layer else (declared,),
        project=name or normalize_pypi(os.path.basename(directory)) or "project",
        reads=tuple(f for f in read if f != file),
    )
