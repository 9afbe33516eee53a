"""The text of a new ``stead.toml``, proposed from what stands in the directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.formats import _toml_text

if TYPE_CHECKING:
    from collections.abc import Iterable

CHANNEL = "conda-forge"


def ecosystem_of(formats: Iterable[str]) -> str:
    """Choose ``conda`` or ``pypi`` by the formats of the files that are there."""
    conda = {"environment.yml", "conda-lock.yml", "explicit", "explicit.txt"}
    return "conda" if conda & set(formats) else "pypi"


def write(
    name: str,
    ecosystem: str,
    *,
    python: str = "",
    beside: Iterable[str] = (),
    tasks: Iterable[tuple[str, list[str]]] = (),
    workspace: bool = True,
) -> str:
    """Write the manifest.

    ``python`` is a version to ask for, empty where another file says it already;
    ``beside`` are names of files that are read as well; ``workspace`` says whether
    this is the root of a tree rather than a directory of one.
    """
    parts = []
    files = list(beside)
    if files:
        parts.append(
            f"# Read here as well: {', '.join(files)}. What stands there need not be repeated.\n"
        )
    if workspace:
        parts.append(f"[workspace]\nname = {_toml_text.string(name)}\n")
    if python:
        parts.append(f"[packages]\npython = {_toml_text.string(python)}\n")
    if ecosystem == "conda":
        channels = f'channels = ["{CHANNEL}"]\n'
        parts.append(f"[packages.conda]\n{'' if 'environment.yml' in files else channels}")
    else:
        parts.append("[packages.pypi]\n")
    lines = "".join(f"{_toml_text.key(n)} = {_toml_text.value(c)}\n" for n, c in tasks)
    parts.append(
        f"[tasks]\n{lines}" if lines else '# [tasks]\n# hello = ["python", "-c", "print(1)"]\n'
    )
    return "\n".join(parts)
