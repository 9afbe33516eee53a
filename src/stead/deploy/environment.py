"""The variables that processes of a deployment get on a node, and what tells code of its project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config import project
from stead.config.outcome import to_changes
from stead.pipeline.activate import build_changes, program_directories
from stead.pipeline.steps import ecosystems_of
from stead.shells.state import ENVIRONMENT, PLACE
from stead.values.activation import DEFAULT_PATH, Change, apply
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stead.deploy.places import Places
    from stead.pipeline.steps import Prepared
    from stead.values.context import Context
    from stead.values.deployment import Facts
    from stead.values.kinds import Host
    from stead.values.table import Table


def around(facts: Facts) -> dict[str, str]:
    """Give what a service finds on the machine by itself, which values may refer to."""
    found = {"HOME": facts.home, "USER": facts.user, "LOGNAME": facts.user}
    return {name: value for name, value in found.items() if value}


def described(prepared: Prepared, table: Table, where: Places, host: Host | None) -> str:
    """Write the project's description for its code there; empty where it would say nothing."""
    description = _description(prepared, table, where, host)
    if description.empty:
        return ""
    return project.text(description)


def variables(
    prepared: Prepared,
    table: Table,
    where: Places,
    *,
    host: Host | None,
    build: str,
    imported: Sequence[str],
    file: str,
    runtime: str,
    facts: Facts,
    context: Context,
) -> dict[str, str]:
    """Give all variables of a process but the secret ones.

    ``build`` is where the environment's tree is on the node (empty for none), ``imported`` are
    directories here that packages in use where they lie import from, ``file``
    where the project's description is, ``runtime`` the directory of ``stead.project``.
    """
    composed = prepared.composed
    spec = composed.spec
    # As in every environment: what a user of the machine installed for herself is no part of it.
    changes: list[Change] = [Change("set", "PYTHONNOUSERSITE", "1")]
    here = prepared.activation.build
    if here:
        ecosystems = ecosystems_of(prepared.locked)
        directories = program_directories(build, spec.platform, ecosystems)
        changes += [Change("prepend", "PATH", d) for d in reversed(directories)]
        changes += _there(build_changes(_path(here), ecosystems, context), here, build)
    modules = (*spec.configuration.modules, *imported)
    if modules:
        changes.append(Change("set", "PYTHONPATH", ":".join(where.there(m) for m in modules)))
    changes.append(Change("set", PLACE, where.there(spec.place)))
    changes.append(Change("set", ENVIRONMENT, spec.environment))
    if file:
        changes.append(Change("set", project.VARIABLE, file))
        description = _description(prepared, table, where, host)
        changes += [Change("set", n, path) for n, path in project.locations(description)]
    changes += to_changes(table, ":")
    if file:
        changes.append(Change("append", "PYTHONPATH", runtime))
    before = {"PATH": DEFAULT_PATH} | around(facts)
    after = apply(changes, before)
    return {n: v for n, v in sorted(after.items()) if n == "PATH" or before.get(n) != v}


def _description(
    prepared: Prepared, table: Table, where: Places, host: Host | None
) -> project.Description:
    composed = prepared.composed
    spec = composed.spec
    return project.describe(
        root=where.there(spec.root),
        place=where.there(spec.place),
        environment=spec.environment,
        entries=[e for e in table.entries if e.declared or e.value is not None or e.secret],
        paths=table.paths,
        data=tuple((o.name, o.value) for o in host.data) if host else (),
        modules=tuple((u.name, where.there(composed.modules.directory(u))) for u in spec.uses),
    )


def _there(changes: tuple[Change, ...], here: str, there: str) -> list[Change]:
    """Let what packages ask for name the tree on the node in place of the build."""
    return [replace(c, value=c.value.replace(here, there)) for c in changes]


def _path(text: str) -> Path:
    from pathlib import Path

    return Path(text)
