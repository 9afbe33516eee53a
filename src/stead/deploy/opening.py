"""From a declared target to the node itself, by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.deploy.recipes import node_of
from stead.values.errors import DeployError

if TYPE_CHECKING:
    from stead.deploy.recipes import Where
    from stead.deploy.targets import Node, Target
    from stead.values.context import Context


def opened(recipe: str, where: Where, context: Context, system: str) -> Target:
    """Give a way to a node; it must be closed. Raises DeployError.

    ``system`` is this machine's ``sys.platform``.
    A directory that begins with ``~`` is known once the machine was asked for its user's home.
    """
    target = where.target
    home = context.environ.get("HOME", "") if target.kind == "local" else ""
    node = node_of(recipe, target, home)
    if node.root or not target.directory:
        return _of_kind(where, node, context, system)
    first = _of_kind(where, node, context, system)
    try:
        home = first.facts().home
    finally:
        first.close()
    return _of_kind(where, node_of(recipe, target, home), context, system)


def _of_kind(where: Where, node: Node, context: Context, system: str) -> Target:
    kind = where.target.kind
    if kind == "local":
        from stead.deploy.targets import local

        return local.target(where.target.name, node, context.environ)
    if kind == "ssh":
        from stead.deploy.targets import ssh

        return ssh.target(where.target.name, where.address, node, context.environ, system=system)
    raise DeployError(
        f"target {where.target.name} is of kind {kind}, which cannot be deployed to here yet",
        where=where.target.origin,
    )
