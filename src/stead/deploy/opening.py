"""From a declared target to the node itself, by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.deploy.recipes import node_of
from stead.values.platform import platform_named

if TYPE_CHECKING:
    from stead.deploy.recipes import Where
    from stead.deploy.targets import Node, Target
    from stead.values.context import Context
    from stead.values.platform import Platform


def opened(recipe: str, where: Where, context: Context, here: Platform) -> Target:
    """Give a way to a node; it must be closed. Raises DeployError.

    ``here`` is this machine's platform.
    A directory that begins with ``~`` is known once the machine was asked for its user's home.
    """
    target = where.target
    home = context.environ.get("HOME", "") if target.kind == "local" else ""
    node = node_of(recipe, target, home)
    if node.root or not target.directory:
        return _of_kind(where, node, context, here)
    first = _of_kind(where, node, context, here)
    try:
        home = first.facts().home
    finally:
        first.close()
    return _of_kind(where, node_of(recipe, target, home), context, here)


def _of_kind(where: Where, node: Node, context: Context, here: Platform) -> Target:
    kind = where.target.kind
    if kind == "local":
        from stead.deploy.targets import local

        return local.target(where.target.name, node, context.environ)
    if kind == "ssh":
        from stead.deploy.targets import ssh

        return ssh.target(
            where.target.name, where.address, node, context.environ, system=here.sys_platform
        )
    from stead.deploy.targets.image import ImageTarget, Making

    declared = where.target
    making = Making(
        declared.output,
        platform_named(declared.platform) if declared.platform else here,
        declared.image,
        declared.user,
        declared.base,
    )
    if kind == "image":
        return ImageTarget(declared.name, node.recipe, making, context)
    from stead.deploy.targets.container import ContainerTarget

    return ContainerTarget(
        declared.name, node.recipe, making, context, declared.engine, project=node.project
    )
