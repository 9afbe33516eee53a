"""``.python-version``: the interpreter that pyenv, and after it uv, reads.

The first line that is neither empty nor a comment counts. ``system`` asks for
nothing in particular.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stead.formats._pep508 import check_specifiers
from stead.values.errors import ManifestError
from stead.values.manifest import Layer, Manifest
from stead.values.origin import Origin
from stead.values.patterns import regex
from stead.values.requirement import PYTHON, Requirement

if TYPE_CHECKING:
    from collections.abc import Callable

FORMAT = ".python-version"
_VERSION = regex(
    r"(?:cpython[-@]?|python[-@]?)?(\d+)(?:\.(\d+))?(?:\.(\d+(?:(?:a|b|rc)\d+)?))?(t)?"
)
_OTHERS = regex(
    r"(pypy|graalpy|jython|ironpython|stackless|micropython|miniconda|anaconda|miniforge"
    r"|mambaforge|nogil|cinder|pyston|activepython)",
    re.IGNORECASE,
)


def read(file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    """Read a ``.python-version`` (absolute path). Raises ManifestError."""
    requirements: tuple[Requirement, ...] = ()
    for number, raw in enumerate(load(file).removeprefix("\ufeff").splitlines(), 1):
        text = raw.partition("#")[0].strip()
        if text:
            origin = Origin(file, number)
            if text != "system":
                spec = specifiers(text, origin)
                requirements = (Requirement(PYTHON, PYTHON, spec, origin=origin),)
            break
    declared = Layer(layer, requirements=requirements, origin=Origin(file))
    return Manifest(
        file=file,
        format=FORMAT,
        directory=os.path.dirname(file),
        layers=(Layer(), declared) if layer else (declared,),
    )


def specifiers(text: str, origin: Origin) -> str:
    """Give the PEP 440 specifiers that a version request such as ``3.12`` means."""
    if match := _VERSION.fullmatch(text):
        major, minor, patch, threading = match.groups(default="")
        if not minor and not threading:
            return f"=={major}.*"
        if minor:
            # pyenv and uv name the free-threaded build by a letter, and so do Stead's requests.
            return f"=={major}.{minor}.{patch or '*'}{threading}"
    if text[0] in "<>=!~":
        return check_specifiers(text, origin)
    if other := _OTHERS.match(text):
        raise ManifestError(
            f"{text!r} asks for {other[1]}, and Stead knows CPython only",
            where=origin,
            remedy="write the version of Python itself, such as 3.12",
        )
    raise ManifestError(
        f"{text!r} is not a version of Python",
        where=origin,
        remedy="write a version such as 3.12 or 3.12.1",
    )
