"""Kinds whose environments are directories that one fills; what plugins begin with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.matrix import own, prefix
from stead.matrix.kinds import Made

if TYPE_CHECKING:
    from stead.matrix.kinds import Asked, Log
    from stead.values.activation import Change
    from stead.values.context import Context


class InDirectory:
    """A kind of which only the key and the filling of a directory are to be written.

    That it is made by one process while others wait, made anew when it was not finished,
    and found again by its key, is seen to here.
    """

    name = ""
    installs: tuple[str, ...] = ()

    def key(self, asked: Asked, context: Context) -> str:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.key`."""
        raise NotImplementedError

    def fill(self, asked: Asked, directory: str, context: Context, log: Log) -> None:
        """Fill a directory, which is empty but perhaps for ``log``, and stays where it is.

        Raises subclasses of :class:`stead.values.errors.SteadError`.
        """
        raise NotImplementedError

    def programs(self, directory: str) -> tuple[str, ...]:
        """Give the directories for ``PATH``."""
        return (os.path.join(directory, "bin"),)

    def find(self, asked: Asked, context: Context) -> Made | None:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.find`."""
        return None if asked.afresh else self._made(asked, context)

    def create(self, asked: Asked, context: Context, log: Log) -> Made:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.create`."""
        where = own.directory(asked, context)
        with prefix.alone(where, context):
            made = None if asked.afresh else self._made(asked, context)
            if made is None:
                prefix.clear(where)
                self.fill(asked, where, context, log)
                prefix.note(where, "", self.key(asked, context))
                made = self._made(asked, context)
        assert made is not None
        return made

    def activation(self, asked: Asked, made: Made, context: Context) -> tuple[Change, ...]:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.activation`."""
        return ()

    def verify(self, made: Made, context: Context) -> tuple[str, ...]:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.verify`."""
        if prefix.is_made(made.prefix, "", made.key, own=True):
            return ()
        return (f"{made.prefix} is not whole",)

    def _made(self, asked: Asked, context: Context) -> Made | None:
        where, key = own.directory(asked, context), self.key(asked, context)
        if not prefix.is_made(where, "", key, own=True):
            return None
        return Made(key, where, where, self.programs(where))
