"""Whether a package that has been built fits an interpreter: known only when it is there."""

from __future__ import annotations

import os
import re

from stead.ecosystems.interpreters import request
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.interpreter import Interpreter
    from stead.values.suite import Product

_USUAL = regex(
    r"(?:(?:[<>]=?|[!=]=)\s*\d+(?:\.\d+)*|[!=]=\s*\d+(?:\.\d+)*\.\*|~=\s*\d+(?:\.\d+)+)\Z",
    re.ASCII,
)


def unfit(product: Product, interpreter: Interpreter | None) -> str:
    """Say why a package cannot be installed for an interpreter; empty where it can.

    Without an interpreter (conda brings its own) the solver says it.
    """
    if interpreter is None:
        return ""
    if product.requires_python:
        admitted = admits(product.requires_python, interpreter.version)
        if admitted is None:
            return ""
        if not admitted:
            return f"Requires-Python {product.requires_python} does not admit {interpreter.version}"
    if product.tags and not _universal(product.tags):
        fitting = _tags(interpreter)
        if fitting is not None and not fitting & set(product.tags):
            name = os.path.basename(product.path)
            return f"the tag of {name} does not fit {interpreter.version}"
    return ""


def admits(specifiers: str, version: str) -> bool | None:
    """Say whether specifiers of PEP 440 admit a version; None for what are none.

    The usual ones are compared without :mod:`packaging`, which takes longer to load than
    all else that is to be done for a package that is there.
    """
    clauses = [clause for part in specifiers.split(",") if (clause := part.strip())]
    if all(map(_USUAL.match, clauses)):
        return request.admits(",".join(clauses), version)
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(specifiers).contains(version, prereleases=True)
    except InvalidSpecifier:
        return None


def _universal(tags: tuple[str, ...]) -> bool:
    return any(tag.endswith("-none-any") and tag.startswith("py3-") for tag in tags)


def _tags(interpreter: Interpreter) -> set[str] | None:
    """Give the tags that an interpreter of this machine takes; None for other kinds than CPython."""
    if not interpreter.tag.startswith("cp"):
        return None
    from packaging.tags import compatible_tags, cpython_tags, platform_tags

    major, minor = interpreter.version.split(".")[:2]
    version, platforms = (int(major), int(minor)), list(platform_tags())
    own = cpython_tags(version, [interpreter.tag], platforms)
    return {str(tag) for tag in (*own, *compatible_tags(version, f"cp{major}{minor}", platforms))}
