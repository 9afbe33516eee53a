"""The interpreter outside the store that an environment stands on: chosen, and put under a build.

A build that was made elsewhere names the interpreter of the machine that made it. Here another
one of the same minor version and ABI does as well, wherever it lies.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stead.ecosystems import interpreters
from stead.values.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.context import Context
    from stead.values.interpreter import Interpreter

_FROM_PYENV = "python-from pyenv"


def choose(
    request: str, python: str, context: Context, *, only: tuple[str, ...] = ()
) -> Interpreter:
    """Find an interpreter for a request, of the minor version ``python`` that is locked, if one is.

    It is fetched where none is here. Raises InterpreterError, NetworkError.
    """
    kept = f"=={python}.*" if python else ""
    asked = ",".join(text for text in (request, kept) if text)
    return interpreters.find(asked, context=context, only=only)


def choose_for(requests: Iterable[str], python: str, context: Context) -> Interpreter:
    """Find one for what a lock says was asked for. Raises as :func:`choose` does."""
    texts = tuple(requests)
    asked = (text.partition(" ; ")[0] for text in texts if text.startswith("python "))
    request = ",".join(sorted({text.partition(" ")[2] for text in asked}))
    only = ("pyenv",) if _FROM_PYENV in texts else ()
    return choose(request, python, context, only=only)


def seat(tree: str, interpreter: Interpreter) -> None:
    """Let a build that nobody sees yet stand on an interpreter of this machine.

    Raises StoreError for one of another minor version or ABI than the build was made for, and for a
    build that is no virtual environment, or whose parts lead out of it.
    """
    from stead.ecosystems.pypi import venv
    from stead.store.atomic import storage

    layout = venv.layout_of(tree)
    library = venv.library(interpreter)
    if layout is None or layout.site_packages != f"lib/{library}/site-packages":
        raise StoreError(f"it cannot stand on Python {interpreter.version}", where=interpreter.path)
    programs = os.path.join(tree, "bin")
    with storage(tree):
        # What strangers have made: nothing is removed where a link leads to.
        if not stat.S_ISDIR(os.lstat(programs).st_mode):
            raise StoreError("it is no virtual environment: this is no directory", where=programs)
        venv.reseat(tree, interpreter)
