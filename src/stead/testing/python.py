"""CPython, and distributions, as conda packages."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stead.testing.channel import Entry, Package, text
from stead.testing.relocate import relocatable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
SITE_PACKAGES = f"lib/python{MINOR}/site-packages"

_LEFT_OUT = frozenset(
    [
        "test",
        "idlelib",
        "turtledemo",
        "tkinter",
        "lib2to3",
        "__pycache__",
        "site-packages",
        "dist-packages",
        "EXTERNALLY-MANAGED",
        "sitecustomize.py",
    ]
)
# Debian's interpreter installs to and reads dist-packages, unless it is a virtual environment.
# Its sysconfig can be told otherwise; its site module is frozen into the executable.
_DEBIAN = re.compile(r'sys\.base_prefix != sys\.prefix or hasattr\(sys, "real_prefix"\)')


def _debian_site(major: int, minor: int) -> str:
    return f"""\
import os, site, sys

packages = os.path.join(sys.prefix, "lib", "python{major}.{minor}", "site-packages")
if packages not in sys.path:
    site.addsitedir(packages)
"""


_FACTS = """
import json, os, sys, sysconfig
print(json.dumps({
    "version": sys.version_info[:3],
    "stdlib": sysconfig.get_path("stdlib"),
    "dynload": next((p for p in sys.path if p.endswith("lib-dynload")), ""),
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "base": sys.base_prefix,
    "shared": sysconfig.get_config_var("Py_ENABLE_SHARED"),
    "library": sysconfig.get_config_var("INSTSONAME") or "",
    "libdir": sysconfig.get_config_var("LIBDIR") or "",
}))
"""


def cpython(executable: str = "") -> Package:
    """Give a CPython as the package ``python``; it runs from whatever prefix it is in.

    ``executable`` is that of another interpreter than the running one. Left out are
    its tests, IDLE and Tk, and compiled caches; what it needs of the machine besides the C
    library comes along. Works for CPython of Debian, pyenv, uv and conda; on POSIX
    systems only.
    """
    said = subprocess.run(
        [executable or sys.executable, "-I", "-c", _FACTS],
        check=True,
        capture_output=True,
        text=True,
    )
    facts = json.loads(said.stdout)
    major, minor, micro = facts["version"]
    stdlib, dynload = facts["stdlib"], facts["dynload"]
    library = f"lib/python{major}.{minor}"
    entries = [*_tree(stdlib, library)]
    if dynload and os.path.dirname(os.path.realpath(dynload)) != os.path.realpath(stdlib):
        entries += _tree(dynload, f"{library}/lib-dynload")
    entries.append(Entry(f"bin/python{major}.{minor}", source=facts["executable"], mode=0o755))
    entries += [Entry(f"bin/{n}", symlink=f"python{major}.{minor}") for n in ("python", "python3")]
    readme = f"{library}/site-packages/README.txt"
    entries.append(Entry(readme, b"Third-party packages go here.\n"))
    entries += _shared_library(facts)
    if "dist-packages" in Path(stdlib, "site.py").read_text():
        entries.append(text(f"{library}/sitecustomize.py", _debian_site(major, minor)))
    return Package(
        "python",
        f"{major}.{minor}.{micro}",
        build="0_cpython",
        entries=relocatable(entries),
        license="PSF-2.0",
        run_exports=(f"python >={major}.{minor},<{major}.{minor + 1}.0a0",),
    )


def _tree(directory: str, below: str) -> Iterator[Entry]:
    for base, folders, files in os.walk(directory):
        folders[:] = sorted(
            f for f in folders if f not in _LEFT_OUT and not f.startswith("config-")
        )
        inside = os.path.relpath(base, directory)
        for name in sorted(files):
            if name in _LEFT_OUT or name.startswith("_tkinter"):
                continue
            source = os.path.realpath(os.path.join(base, name))
            path = os.path.normpath(os.path.join(below, inside, name))
            if path.endswith(("/sysconfig.py", "/sysconfig/__init__.py")):
                yield Entry(path, _DEBIAN.sub("True", Path(source).read_text()).encode())
            elif stat.S_ISREG(os.stat(source).st_mode):
                yield Entry(path, source=source)


def _shared_library(facts: dict[str, Any]) -> Iterator[Entry]:
    name = facts["library"]
    if not facts["shared"] or ".so" not in name:
        return
    for directory in (f"{facts['base']}/lib", facts["libdir"]):
        source = os.path.join(directory, name)
        if os.path.isfile(source):
            yield Entry(f"lib/{name}", source=os.path.realpath(source), mode=0o755)
            return


def installed(names: Iterable[str], directory: str | None = None) -> tuple[Package, ...]:
    """Give distributions that are installed (here, or in ``directory``) as conda packages.

    Compiled ones are for the running Python and platform, pure ones
    ``noarch: python``. Dependencies come from the metadata, markers evaluated
    for the running Python, without extras.
    """
    path = [directory] if directory else sys.path
    found = []
    for name in names:
        distribution = next(iter(metadata.distributions(name=name, path=path)), None)
        if distribution is None:
            raise metadata.PackageNotFoundError(name)
        found.append(_package(distribution))
    return tuple(found)


def from_index(
    requirements: Sequence[str], scratch: str | Path | None = None
) -> tuple[Package, ...]:
    """Give what uv chooses for ``requirements``, with all dependencies, as conda packages.

    Asks the package index (or uv's cache). The files lie in ``scratch``, which
    must live until the channel is written; a temporary directory by default.
    """
    from uv import find_uv_bin

    target = str(scratch or tempfile.mkdtemp(prefix="stead-wheels-"))
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", target,
         "--only-binary", ":all:", *requirements],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = sorted(d.metadata["Name"] for d in metadata.distributions(path=[target]))
    return installed(names, target)


def _package(distribution: metadata.Distribution) -> Package:
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
    wheel = distribution.read_text("WHEEL") or ""
    pure = re.search(r"(?mi)^Root-Is-Purelib:\s*true", wheel) is not None
    entry_points = tuple(
        f"{e.name} = {e.value}" for e in distribution.entry_points if e.group == "console_scripts"
    )
    site = "site-packages" if pure else SITE_PACKAGES
    entries: list[Entry] = []
    for file in distribution.files or ():
        inside = str(file)
        source = str(distribution.locate_file(file))
        if "__pycache__" in inside or not os.path.isfile(source):
            continue
        if inside.startswith(("..", "bin/", "/")) or file.name in ("RECORD", "direct_url.json"):
            continue
        mode = 0o755 if os.access(source, os.X_OK) else 0o644
        entries.append(Entry(f"{site}/{inside}", source=source, mode=mode))
    if not pure:
        entries += [_script(point) for point in entry_points]
    return Package(
        name,
        distribution.version,
        build="pyh_0" if pure else f"py{MINOR.replace('.', '')}_0",
        depends=(_python_dependency(distribution, pure=pure), *_dependencies(distribution)),
        entries=tuple(entries),
        noarch="python" if pure else "",
        entry_points=entry_points if pure else (),
    )


def _script(entry_point: str) -> Entry:
    name, _, reference = entry_point.partition(" = ")
    module, _, function = reference.partition(":")
    # Finds the Python beside it: rattler-build records no placeholder that could be replaced.
    body = (
        "#!/bin/sh\n'''exec' \"$(dirname \"$0\")/python\" \"$0\" \"$@\"\n' '''\n"
        f"import sys\nfrom {module} import {function.split('.')[0]}\nsys.exit({function}())\n"
    )
    return Entry(f"bin/{name}", body.encode(), mode=0o755)


def _python_dependency(distribution: metadata.Distribution, *, pure: bool) -> str:
    if pure:
        asked = (distribution.metadata["Requires-Python"] or "").replace(" ", "")
        return f"python {asked}".strip()
    return f"python >={MINOR},<{sys.version_info[0]}.{sys.version_info[1] + 1}.0a0"


def _dependencies(distribution: metadata.Distribution) -> Iterator[str]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    for requirement_text in distribution.requires or ():
        requirement = Requirement(requirement_text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        versions = ",".join(
            s.version if s.operator == "==" and s.version.endswith(".*") else str(s)
            for s in sorted(requirement.specifier, key=str)
        )
        yield f"{canonicalize_name(requirement.name)} {versions}".strip()
