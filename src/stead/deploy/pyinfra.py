"""A recipe's deploy of pyinfra: what lies outside of Stead's own directories on its machines.

pyinfra runs in a process of its own, from the caller's `PATH` or else brought by uv for
this run alone. The inventory is Stead's: the machines of the target, with what a deploy
may want to know of them as data.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from stead.values.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.deploy.recipes import Where
    from stead.values.context import Context
    from stead.values.kinds import Recipe

VERSIONS = "pyinfra>=3,<4"


def inventory(recipe: Recipe, nodes: Sequence[Where]) -> str:
    """Write the inventory: one group, named after the target, with `-` and `.` as `_`."""
    hosts = []
    for node in nodes:
        name, data = _host(node)
        hosts.append((name, {"stead_recipe": recipe.name, "stead_target": node.target.name} | data))
    group = "".join(c if c.isalnum() else "_" for c in nodes[0].target.name)
    if group[0].isdigit():
        group = f"_{group}"
    lines = "".join(f"    {host!r},\n" for host in hosts)
    return f"{group} = [\n{lines}]\n"


def run(
    recipe: Recipe, nodes: Sequence[Where], context: Context, say: Callable[[str], None]
) -> None:
    """Run a recipe's deploy on nodes of one target, no more of them at once than it allows.

    ``say`` hears of each line. Raises DeployError with what pyinfra said last.
    """
    deploy = os.path.join(recipe.base, recipe.pyinfra)
    if not os.path.isfile(deploy):
        raise DeployError(
            f"recipe {recipe.name} names a deploy that is not there: {recipe.pyinfra}",
            where=recipe.origin,
            remedy="write it, or correct the path",
        )
    with tempfile.TemporaryDirectory(prefix="stead-pyinfra-") as private:
        path = os.path.join(private, "inventory.py")
        with open(path, "x", encoding="utf-8") as file:
            file.write(inventory(recipe, nodes))
        target = nodes[0].target
        most = min(target.parallel, target.serial or target.parallel)
        argv = [*program(context), "--yes", "--parallel", str(max(1, most)), path, deploy]
        done = context.run(argv, cwd=recipe.base, on_line=say)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise DeployError(
            f"pyinfra ended with {done.returncode} for target {target.name}",
            where=recipe.origin,
            details=said[-20:],
            remedy="nothing of the recipe was sent; correct the deploy and try again",
        )


def program(context: Context) -> list[str]:
    """Give the command that is pyinfra. Raises DeployError where there is none."""
    path = context.environ.get("PATH", os.defpath)
    if found := shutil.which("pyinfra", path=path):
        return [found]
    uv = shutil.which("uv", path=path) or _own_uv()
    if uv:
        return [uv, "tool", "run", "--from", VERSIONS, "pyinfra"]
    raise DeployError("there is no pyinfra", remedy="install it: `pip install pyinfra`")


def _own_uv() -> str:
    """Give the uv that comes with Stead."""
    from uv import find_uv_bin

    try:
        return str(find_uv_bin())
    except FileNotFoundError:
        return ""


def _host(node: Where) -> tuple[str, dict[str, object]]:
    """Give a machine's name for pyinfra, and how it is reached."""
    if not node.address:
        return "@local", {}
    user, at, host = node.address.rpartition("@")
    name, colon, port = host.rpartition(":")
    data: dict[str, object] = {}
    if colon and port.isdigit() and ":" not in name:
        host = name
        data["ssh_port"] = int(port)
    if at:
        data["ssh_user"] = user
    return host, data
