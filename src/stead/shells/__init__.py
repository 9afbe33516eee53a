"""One file per shell: activation to text. No decision lives here."""

from __future__ import annotations

import importlib

from stead.values.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.values.activation import Activation

_MODULES = {
    "sh": "posix",
    "bash": "bash",
    "zsh": "zsh",
    "fish": "fish",
    "powershell": "powershell",
    "pwsh": "powershell",
    "cmd": "cmd",
    "json": "json_form",
}
SHELLS: tuple[str, ...] = tuple(_MODULES)
"""What :func:`render` takes."""


def render(shell: str, activation: Activation) -> str:
    """Give text that a shell evaluates to get an environment.

    Raises UsageError for an unknown shell, SteadError for what it cannot set.
    """
    if shell not in _MODULES:
        raise UsageError(f"no shell {shell!r} is known", remedy=f"use one of {', '.join(SHELLS)}")
    module = importlib.import_module(f"stead.shells.{_MODULES[shell]}")
    render: Callable[[Activation], str] = module.render
    return render(activation)
