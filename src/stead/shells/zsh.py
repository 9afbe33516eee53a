"""zsh: the POSIX text, with aliases kept out; more names are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells import posix

if TYPE_CHECKING:
    from stead.values.activation import Activation


def render(activation: Activation) -> str:
    """Give text for ``eval``. Raises SteadError for a name that zsh cannot set."""
    return posix.render(activation, dialect="zsh", call="\\")
