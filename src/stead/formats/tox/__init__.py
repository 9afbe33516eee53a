"""tox's configuration files: ``tox.ini``, ``setup.cfg``, ``tox.toml``, ``pyproject.toml``.

:func:`find` says which of a directory's files counts, :func:`read` reads it into a
:class:`ToxProject`: environments by name, each evaluated to a frozen
:class:`~stead.values.testenv.TestEnvironment` when it is asked for. What depends on
the machine and the command line is handed in as a :class:`Caller`.

``docs/reference/tox.md`` lists what differs from tox.
"""

from __future__ import annotations

from stead.formats.tox._keys import LOCKED
from stead.formats.tox._overrides import Override, override
from stead.formats.tox._read import NAMES as FILES
from stead.formats.tox._read import find, read
from stead.formats.tox._scope import Caller, Scope
from stead.formats.tox.project import VERSION, ToxProject

__all__ = [
    "FILES",
    "LOCKED",
    "VERSION",
    "Caller",
    "Override",
    "Scope",
    "ToxProject",
    "find",
    "override",
    "read",
]
