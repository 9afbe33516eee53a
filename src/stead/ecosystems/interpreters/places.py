"""Where interpreters may lie; pure but for listing directories.

Each candidate is an executable's path and who brought it. Shims are never
among them: they answer for whatever version is set at the moment, or fail.
Neither are virtual environments: what they stand on is found by itself.
"""

from __future__ import annotations

import os

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    Found = Literal["conda", "pyenv", "system", "uv", "stead"]

_OLDEST, _NEWEST = 6, 20  # of 3.x, as names to try; a directory may hold thousands of others
_FREE_THREADED_SINCE = 13


@dataclass(frozen=True, slots=True)
class Layout:
    """How a system arranges things; made by :func:`layout_of`."""

    windows: bool
    macos: bool

    def executables(self, prefix: str) -> tuple[str, ...]:
        """Give the places of an installation's interpreter, likeliest first."""
        if self.windows:
            return (f"{prefix}\\python.exe", f"{prefix}\\pypy3.exe")
        return (f"{prefix}/bin/python3", f"{prefix}/bin/python", f"{prefix}/bin/pypy3")

    def names(self) -> tuple[str, ...]:
        """Give the names by which a directory on PATH may hold interpreters."""
        if self.windows:
            return ("python.exe", "python3.exe", "pypy3.exe")
        minors = range(_NEWEST, _OLDEST - 1, -1)
        return (
            "python3",
            "python",
            *(f"python3.{n}" for n in minors),
            *(f"python3.{n}t" for n in minors if n >= _FREE_THREADED_SINCE),
            "pypy3",
        )

    def join(self, *parts: str) -> str:
        """Join parts of a path with this system's separator."""
        return ("\\" if self.windows else "/").join(parts)


def layout_of(sys_platform: str) -> Layout:
    """Give the layout of the system with this ``sys.platform``."""
    return Layout(windows=sys_platform == "win32", macos=sys_platform == "darwin")


def fetched_directory(home: str) -> str:
    """Say where under ``$STEAD_HOME`` fetched interpreters lie."""
    return f"{home}{os.sep}interpreters"


def candidates(
    home: str, environ: Mapping[str, str], layout: Layout, own: str = ""
) -> Iterator[tuple[str, Found]]:
    """Give all candidates, perhaps several times; who brought one knows it first.

    ``own`` is the interpreter that Stead itself runs under, if it may be used.
    Only directories are listed; nothing is said about the files being there.
    """
    for prefix in _children(fetched_directory(home)):
        yield from ((e, "stead") for e in layout.executables(prefix))
    for found, root in version_directories(environ, layout):
        for prefix in _children(root):
            yield from ((e, found) for e in layout.executables(prefix))
    for prefix in conda_roots(environ, layout):
        yield from ((e, "conda") for e in layout.executables(prefix))
    for directory in path_directories(environ, layout):
        yield from ((f"{directory}{os.sep}{name}", "system") for name in layout.names())
    if own:
        yield own, "system"


def version_directories(environ: Mapping[str, str], layout: Layout) -> Iterator[tuple[Found, str]]:
    """Give the directories whose children are installations, one per version."""
    home = environ.get("USERPROFILE" if layout.windows else "HOME", "")

    def at(variable: str, *default: str) -> str:
        return environ.get(variable) or (layout.join(home, *default) if home else "")

    if layout.windows:
        pyenv = environ.get("PYENV_ROOT") or environ.get("PYENV") or at("", ".pyenv", "pyenv-win")
        data = environ.get("APPDATA", "")
        uv = environ.get("UV_PYTHON_INSTALL_DIR") or (
            layout.join(data, "uv", "data", "python") if data else ""
        )
    else:
        pyenv = at("PYENV_ROOT", ".pyenv")
        data = at("XDG_DATA_HOME", ".local", "share")
        uv = environ.get("UV_PYTHON_INSTALL_DIR") or (f"{data}/uv/python" if data else "")
    if pyenv:
        yield "pyenv", layout.join(pyenv, "versions")
    if uv:
        yield "uv", uv
    if layout.windows:
        for variable, *below in (
            ("LOCALAPPDATA", "Programs", "Python"),
            ("PROGRAMFILES",),
            ("SYSTEMDRIVE", ""),
        ):
            if environ.get(variable):
                yield "system", layout.join(environ[variable], *below)
        return
    for variable, default in (
        ("ASDF_DATA_DIR", (".asdf",)),
        ("MISE_DATA_DIR", (".local", "share", "mise")),
    ):
        root = at(variable, *default)
        if root:
            yield "system", layout.join(root, "installs", "python")
    if layout.macos:
        yield "system", "/Library/Frameworks/Python.framework/Versions"


def conda_roots(environ: Mapping[str, str], layout: Layout) -> Iterator[str]:
    """Give the roots of conda installations: their base, which outlives environments."""
    conda = environ.get("CONDA_EXE", "")
    separator = "\\" if layout.windows else "/"
    if conda.count(separator) >= 2:
        yield conda.rsplit(separator, 2)[0]
    root = environ.get("MAMBA_ROOT_PREFIX", "")
    if root:
        yield root
    home = environ.get("USERPROFILE" if layout.windows else "HOME", "")
    names = ("miniforge3", "miniconda3", "anaconda3", "mambaforge")
    if home:
        yield from (layout.join(home, name) for name in names)
    if layout.windows:
        shared = environ.get("PROGRAMDATA", "")
        yield from (layout.join(shared, name) for name in names if shared)
    else:
        yield from (f"/opt/{name}" for name in ("conda", *names))


def path_directories(environ: Mapping[str, str], layout: Layout) -> Iterator[str]:
    """Give the directories of PATH that may hold real interpreters, and the usual ones."""
    seen = set()
    usual = () if layout.windows else ("/usr/local/bin", "/usr/bin")
    separator = ";" if layout.windows else ":"
    for entry in (*environ.get("PATH", "").split(separator), *usual):
        directory = entry.rstrip("/\\" if layout.windows else "/")
        # A relative entry means whatever directory one stands in: nothing to run from there.
        if directory in seen or not (
            directory.startswith("/") or (layout.windows and directory[1:2] == ":")
        ):
            continue
        seen.add(directory)
        if not is_shims(directory):
            yield directory


def is_shims(directory: str) -> bool:
    """Say whether a directory holds stand-ins instead of programs.

    pyenv, asdf, mise and others call theirs ``shims``; Windows keeps offers to
    open its shop under ``WindowsApps``.
    """
    parts = directory.replace("\\", "/").split("/")
    return parts[-1] == "shims" or "WindowsApps" in parts


def is_stand_in(path: str, layout: Layout) -> bool:
    """Say whether starting this file could do something else than run Python.

    macOS's own ``/usr/bin/python3`` opens a dialog where its developer tools are missing.
    """
    if layout.macos and path.startswith("/usr/bin/"):
        return not os.path.isdir("/Library/Developer/CommandLineTools")
    return False


def in_virtual_environment(path: str) -> bool:
    """Say whether an executable belongs to a virtual environment."""
    directory = os.path.dirname(path)
    return os.path.exists(os.path.join(os.path.dirname(directory), "pyvenv.cfg")) or (
        os.path.exists(os.path.join(directory, "pyvenv.cfg"))
    )


def _children(directory: str) -> list[str]:
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    # Hidden ones are half-made: installers unpack there.
    return [os.path.join(directory, name) for name in sorted(names) if not name.startswith(".")]
