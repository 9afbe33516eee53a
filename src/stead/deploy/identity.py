"""By what a project is known on machines: two of them may have recipes of one name.

That is what stands in ``stead.id`` beside the manifest, which the first deploy writes. It belongs
to the project as its manifest does, so all clones have it, wherever they are; the code that is
sent never has it. A workspace's name is not enough: who adds a module gets the directory's, and
two projects in directories of one name would take each other's services away.
"""

from __future__ import annotations

import os
import re
import secrets

from stead.values.errors import DeployError

FILE = "stead.id"
_MOST = 100
"""Characters: more is no name that people could compare."""


def known(root: str) -> str:
    """Give by what the project in a directory is known; empty where nothing says so yet.

    Raises DeployError for a ``stead.id`` that says nothing.
    """
    path = os.path.join(root, FILE)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file.read(4096).splitlines()]
    except FileNotFoundError:
        return ""
    except OSError as exc:
        raise DeployError(f"{path} cannot be read: {exc.strerror}") from exc
    said = next((" ".join(line.split()) for line in lines if line and line[0] != "#"), "")
    if not said or len(said) > _MOST or not said.isprintable():
        raise DeployError(
            f"{path} does not say by what the project is known",
            remedy="get it back from where the project is kept, or remove it: then the next "
            "deploy makes a new one, and machines take this for another project",
        )
    return said


def fresh(root: str, name: str = "") -> str:
    """Make up what no other project is known by.

    It begins with the workspace's name, else the directory's, for people.
    """
    name = re.sub(r"[^a-z0-9]+", "-", (name or os.path.basename(root)).lower()).strip("-")
    return f"{name[:40] or 'project'}-{secrets.token_hex(5)}"


def keep(root: str, project: str) -> str:
    """Write by what the project is known from now on; gives the file's path.

    Raises DeployError where it cannot be written, or another deploy was faster.
    """
    path = os.path.join(root, FILE)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(f"# By this, machines know the project: keep it with the code.\n{project}\n")
    except FileExistsError as exc:
        raise DeployError(f"{path} was made meanwhile", remedy="deploy again") from exc
    except OSError as exc:
        raise DeployError(
            f"{path} cannot be written: {exc.strerror}",
            remedy=f"write a line into it where it can be, such as {project}, and keep it with the code",
        ) from exc
    return path
