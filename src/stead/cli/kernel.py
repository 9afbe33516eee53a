"""`stead kernel`: the environment as a kernel of Jupyter."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from stead.cli import options
from stead.values.errors import SteadError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from stead.cli.app import App
    from stead.values.activation import Activation

HELP = """Register the environment with Jupyter.

Every Jupyter of the user, in whatever environment it runs, then offers it. The
kernel is started through `stead run`: it gets the same variables, follows
changes of the manifests at its next start, and runs in the notebook's
directory. The environment must contain ipykernel.
"""

# Does what `python -m ipykernel_launcher` does; asked of the environment's own Python.
_QUESTION = """
import json, os, sys
import ipykernel, ipykernel_launcher
resources = os.path.join(os.path.dirname(ipykernel.__file__), "resources")
print(json.dumps({
    "python": "%d.%d.%d" % sys.version_info[:3],
    "version": ipykernel.__version__,
    "resources": resources if os.path.isdir(resources) else "",
}))
"""
_NAME = re.compile(r"[a-z0-9._-]+\Z")
_LOGOS = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")


def configure(parser: argparse.ArgumentParser) -> None:
    options.environment(parser)
    options.locking(parser)
    options.json(parser)
    parser.add_argument("--name", help="Jupyter's name for it (default: place and environment)")
    parser.add_argument("--display-name", metavar="TEXT", help="what people see in its menus")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user (the default)")
    where.add_argument("--prefix", metavar="DIR", help="below DIR/share/jupyter instead")
    parser.add_argument("--remove", action="store_true", help="take the registration away")


def execute(args: argparse.Namespace, app: App) -> int:
    spec = app.spec(args.environment)
    environment = app.environment(args.environment)
    name = args.name or default_name(spec.name, environment)
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} cannot name a kernel",
            remedy="use lower-case letters, digits, `.`, `_` and `-`",
        )
    directory = os.path.join(_kernels(args, app), name)
    owner = {"place": spec.place, "environment": environment}
    _check_owner(directory, name, owner)
    if args.remove:
        _remove(directory, name)
        _report(args, app, f"removed {directory}", directory, name)
        return 0
    activation = app.activation(args.environment)
    found = _ipykernel(app, activation)
    shown = args.display_name or f"{spec.name} ({environment})"
    document = kernelspec(
        app.launcher_command(args.environment),
        shown,
        {"stead": owner, "debugger": int(found["version"].split(".")[0]) >= 6},
        app.context.environ,
    )
    _write(directory, document, found["resources"])
    text = f"{shown}: Python {found['python']}, ipykernel {found['version']}, in {directory}"
    _report(args, app, text, directory, name)
    return 0


def default_name(place: str, environment: str) -> str:
    """Name a kernel after its place and environment, in the letters Jupyter allows."""
    text = place if environment == "default" else f"{place}-{environment}"
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-") or "stead"


def kernelspec(
    launcher: list[str], display_name: str, metadata: dict[str, Any], environ: Mapping[str, str]
) -> dict[str, Any]:
    """Give the content of ``kernel.json``; ``launcher`` ends with ``--``.

    A Jupyter that was started elsewhere must find the same store, so a
    ``STEAD_HOME`` that is set now is set then.
    """
    document: dict[str, Any] = {
        "argv": [
            *launcher[:-1],
            "--here",
            "--",
            *("python", "-m", "ipykernel_launcher", "-f", "{connection_file}"),
        ],
        "display_name": display_name,
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": metadata,
    }
    if environ.get("STEAD_HOME"):
        document["env"] = {"STEAD_HOME": os.path.abspath(environ["STEAD_HOME"])}
    return document


def data_directory(environ: Mapping[str, str], sys_platform: str) -> str:
    """Say where Jupyter looks for what belongs to a user; UsageError without a home."""
    if environ.get("JUPYTER_DATA_DIR"):
        return environ["JUPYTER_DATA_DIR"]
    home = environ.get("HOME", "")
    if sys_platform == "win32":
        base, below = environ.get("APPDATA", ""), "jupyter"
    elif sys_platform == "darwin":
        base, below = home, "Library/Jupyter"
    elif environ.get("XDG_DATA_HOME"):
        base, below = environ["XDG_DATA_HOME"], "jupyter"
    else:
        base, below = home, ".local/share/jupyter"
    if not base:
        raise UsageError("no home directory is set", remedy="say where with --prefix DIR")
    return os.path.join(base, below)


def _kernels(args: argparse.Namespace, app: App) -> str:
    if args.prefix:
        base = os.path.join(app.cwd, args.prefix, "share", "jupyter")
    else:
        base = os.path.join(app.cwd, data_directory(app.context.environ, sys.platform))
    return os.path.join(os.path.normpath(base), "kernels")


def _check_owner(directory: str, name: str, owner: dict[str, str]) -> None:
    """Refuse to touch a kernel that is not this environment's."""
    if not os.path.lexists(directory):
        return
    try:
        with open(os.path.join(directory, "kernel.json"), encoding="utf-8") as file:
            recorded = json.load(file)["metadata"]["stead"]
            other = (recorded["place"], recorded["environment"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"there is a kernel {name!r} already, which Stead did not make",
            where=directory,
            remedy="choose another name with --name",
        ) from None
    if other != (owner["place"], owner["environment"]) and os.path.isdir(other[0]):
        raise UsageError(
            f"the kernel {name!r} belongs to the environment {other[1]} of {other[0]}",
            where=directory,
            remedy="choose another name with --name, or run `stead kernel --remove` there",
        )


def _ipykernel(app: App, activation: Activation) -> dict[str, str]:
    """Ask the environment's Python for its ipykernel."""
    from stead.pipeline.run import environment

    environ = environment(activation, app.context.environ)
    python = _program("python", environ.get("PATH", ""))
    # From the root directory: a file of the place could pass for ipykernel.
    answer = app.context.run([python, "-c", _QUESTION], env=environ, cwd=os.path.abspath(os.sep))
    if answer.returncode:
        missing = "No module named 'ipykernel" in answer.stderr
        asked = "" if activation.environment == "default" else f" --layer {activation.environment}"
        raise SteadError(
            f"the environment {activation.environment} has no ipykernel"
            if missing
            else "the environment's ipykernel cannot be used",
            where=activation.place,
            details=() if missing else answer.stderr.strip().splitlines()[-3:],
            remedy=f"`stead add ipykernel{asked}`, then try again",
        )
    result: dict[str, str] = json.loads(answer.stdout)
    return result


def _program(name: str, path: str) -> str:
    import shutil

    found = shutil.which(name, path=path)
    if found is None:
        raise SteadError(
            f"the environment has no {name}", remedy="ask for one: `python` under [packages]"
        )
    return found


def _write(directory: str, document: dict[str, Any], resources: str) -> None:
    import shutil

    os.makedirs(directory, exist_ok=True)
    for logo in _LOGOS:
        source = os.path.join(resources, logo)
        if resources and os.path.isfile(source):
            # Not copy2: what the store has is read-only, and this must stay removable.
            shutil.copyfile(source, os.path.join(directory, logo))
    temporary = os.path.join(directory, ".kernel.json")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, ensure_ascii=False)
        file.write("\n")
    os.replace(temporary, os.path.join(directory, "kernel.json"))


def _remove(directory: str, name: str) -> None:
    import shutil

    if not os.path.lexists(directory):
        raise UsageError(
            f"there is no kernel {name!r}", where=directory, remedy="see `jupyter kernelspec list`"
        )
    shutil.rmtree(directory)


def _report(args: argparse.Namespace, app: App, text: str, directory: str, name: str) -> None:
    if args.json:
        app.out_json({"name": name, "path": directory, "removed": bool(args.remove)})
    else:
        app.out(text)
