"""Environments whose tree is a build of the store: found by its key, made once, shared."""

from __future__ import annotations

import os

from stead.matrix import own, prefix, resolution
from stead.matrix.kinds import Made
from stead.store.builds import Builds
from stead.store.layout import Layout, key_of
from stead.values.digest import short_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.matrix.kinds import Asked, Log
    from stead.matrix.resolution import Resolution
    from stead.values.activation import Change
    from stead.values.context import Context


class Stored:
    """What venv and conda environments have in common; a kind says its name and formats."""

    ecosystems: tuple[str, ...] = ("pypi",)
    """Those whose packages may ask for something when the environment is activated."""

    def key(self, asked: Asked, context: Context) -> str:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.key`."""
        held = own.copied(asked)
        done = resolution.kept(held, context)
        if done is None:
            return self._key(asked, resolution.request(held))
        return self._key(asked, self._build_name(held, done, context))

    def find(self, asked: Asked, context: Context) -> Made | None:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.find`."""
        if asked.afresh:
            return None
        held = own.copied(asked)
        done = resolution.kept(held, context)
        if done is None:
            return None
        name = self._build_name(held, done, context)
        build = Builds(Layout(context.home)).find(name[:20], name[21:])
        if build is None:
            return None
        return self._made(asked, os.fspath(build), context)

    def create(self, asked: Asked, context: Context, log: Log) -> Made:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.create`."""
        from stead.pipeline import build as building

        held = own.copied(asked)
        done = resolution.resolve(held, context, log)
        wanted = resolution.wanted_build(held, done, context)
        found = building.find(wanted, context.home)
        if found is None:
            log(f"making {asked.environment.name}: {_counted(len(wanted.artifacts))}")
            spec, plan = resolution.plan_of(held, context)
            found = building.build(wanted, spec, plan, context)
        resolution.remember(held, done, found.name, context)
        build = os.fspath(found)
        copied, where = own.is_own(asked), asked.environment.prefix
        linked = not copied and where in ("", build)
        made = self._made(asked, build, context) if linked or not asked.afresh else None
        if made is not None:
            return made
        key = self._key(asked, found.name)
        if copied:
            where = own.directory(asked, context)
            own.make(asked, build, self._changes(where, build, context), context, log)
        else:
            system = asked.environment.contents.system_site_packages
            log(f"linking it at {where}")
            if asked.afresh:
                prefix.forget(where)
            name = asked.product.name if asked.product else ""
            prefix.make(where, build, key, context, system=system, product=name)
        made = self._made(asked, build, context)
        assert made is not None
        return made

    def activation(self, asked: Asked, made: Made, context: Context) -> tuple[Change, ...]:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.activation`."""
        return self._changes(made.prefix, made.store, context)

    def _changes(self, where: str, build: str, context: Context) -> tuple[Change, ...]:
        from stead.pipeline.activate import build_changes
        from stead.values.activation import Change
        from stead.values.paths import Directory

        changes = build_changes(Directory(build), self.ecosystems, context)
        if where == build:
            return changes
        return tuple(
            Change(c.kind, c.name, c.value.replace(build, where), c.separator) for c in changes
        )

    def verify(self, made: Made, context: Context) -> tuple[str, ...]:
        """See :meth:`stead.matrix.kinds.EnvironmentKind.verify`."""
        from pathlib import Path

        from stead.ecosystems import ecosystem

        store = Path(made.store)
        return tuple(
            line for name in self.ecosystems for line in ecosystem(name).verify(store, context)
        )

    def _build_name(self, asked: Asked, done: Resolution, context: Context) -> str:
        """Give ``<key>-<name>`` of the build that a resolution comes to."""
        known = done.build(asked)
        if known:
            return known
        wanted = resolution.wanted_build(asked, done, context)
        return f"{wanted.key}-{wanted.name}"

    def _key(self, asked: Asked, build: str) -> str:
        if own.is_own(asked):
            return own.key(asked, build)
        held = key_of(build) or build[:20]
        if asked.environment.contents.system_site_packages:
            return short_key([held, "system"])
        return held

    def _made(self, asked: Asked, build: str, context: Context) -> Made | None:
        """Give the environment where its commands see it; None where it is not there."""
        key = self._key(asked, os.path.basename(build))
        copied = own.is_own(asked)
        where = own.directory(asked, context) if copied else asked.environment.prefix or build
        if where != build and not prefix.is_made(where, build, key, own=copied):
            return None
        return Made(key, where, where if copied else build, (os.path.join(where, "bin"),))


def _counted(number: int) -> str:
    return "1 package" if number == 1 else f"{number} packages"
