"""Small packages, each of which shows one thing that real ones do."""

from __future__ import annotations

import json

from stead.testing.channel import PLACEHOLDER, Entry, Package, text
from stead.testing.python import MINOR

NUL = b"\0"


def versions(name: str, *numbers: str, depends: tuple[str, ...] = ()) -> tuple[Package, ...]:
    """Give one package in several versions; each brings ``share/NAME/version``."""
    return tuple(
        Package(
            name,
            number,
            depends=depends,
            entries=(text(f"share/{name}/version", f"{number}\n"),),
            noarch="generic",
        )
        for number in numbers
    )


def text_placeholder(name: str = "with-text") -> Package:
    """A script whose shebang and body name the prefix."""
    return Package(
        name,
        entries=(
            text(
                f"bin/{name}", f"#!{PLACEHOLDER}/bin/python\nprint('{PLACEHOLDER}')\n", mode=0o755
            ),
            text(f"etc/{name}.conf", f"home={PLACEHOLDER}\n"),
        ),
    )


def binary_placeholder(name: str = "with-binary") -> Package:
    """A "library" with the prefix in a C string: replacing it keeps length and offsets."""
    content = b"\x7fELF" + NUL + f"{PLACEHOLDER}/lib/data".encode() + NUL + b"\xfe\xfftail"
    entry = Entry(f"lib/{name}.bin", content, mode=0o755, placeholder=PLACEHOLDER, binary=True)
    return Package(name, entries=(entry,))


def entry_point(name: str = "greeter") -> Package:
    """A noarch Python package with one program."""
    module = name.replace("-", "_")
    code = 'import sys\n\n\ndef main():\n    print("hello from", sys.prefix)\n    return 0\n'
    return Package(
        name,
        depends=(f"python >={MINOR.split('.')[0]}",),
        entries=(
            text(f"site-packages/{module}.py", code),
            *dist_info(name, "1.0"),
        ),
        noarch="python",
        entry_points=(f"{name} = {module}:main",),
    )


def dist_info(name: str, version: str, *requires: str, python: str = "") -> tuple[Entry, ...]:
    """The ``*.dist-info`` of a Python distribution, for a noarch package."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] if python else []
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    directory = f"site-packages/{name.replace('-', '_')}-{version}.dist-info"
    return (
        text(f"{directory}/METADATA", "\n".join(lines) + "\n"),
        text(f"{directory}/INSTALLER", "conda\n"),
    )


def activation(name: str = "toolchain") -> Package:
    """Activation scripts like those of real compilers and libraries.

    They set, prepend, append, set if unset, define a function, use backticks,
    and leave a copy of what they replaced; ``env_vars.d`` sets two more.
    """
    script = f"""\
# shellcheck shell=sh
function_of_toolchain() {{ echo "$1"; }}
export CC_{MARK}="{PLACEHOLDER}/bin/cc"
if [ -n "${{CFLAGS:-}}" ]; then
  export CONDA_BACKUP_CFLAGS="$CFLAGS"
fi
export CFLAGS="-O2 ${{CFLAGS:-}}"
export GDAL_DATA="$CONDA_PREFIX/share/gdal"
export PKG_CONFIG_PATH="$CONDA_PREFIX/lib/pkgconfig${{PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}}"
export XDG_DATA_DIRS="${{XDG_DATA_DIRS:+$XDG_DATA_DIRS:}}$CONDA_PREFIX/share"
: "${{PROJ_NETWORK:=ON}}"; export PROJ_NETWORK
export TOOL_WORDS=`echo one two`
local_only=1
unset JAVA_TOOL_OPTIONS
"""
    return Package(
        name,
        entries=(
            text(f"etc/conda/activate.d/{name}.sh", script),
            text(f"etc/conda/deactivate.d/{name}.sh", f"unset CC_{MARK}\n"),
            text(
                f"etc/conda/env_vars.d/{name}.json",
                json.dumps({f"{MARK}_LEVEL": "3", f"{MARK}_QUOTED": 'it\'s "so" $HOME `x`\nline'}),
            ),
            text("share/gdal/marker", "here\n"),
        ),
    )


MARK = "TOOLCHAIN"


def restless_activation(name: str = "restless") -> Package:
    """An activation script that cannot be replayed: it writes a file and differs each time."""
    script = 'export RESTLESS="$$-$(date +%N)"\necho x > "$CONDA_PREFIX/restless.txt"\n'
    return Package(name, entries=(text(f"etc/conda/activate.d/{name}.sh", script),))


def post_link(name: str = "linker") -> Package:
    """A package with a post-link script, which writes ``post-link-ran`` into the prefix."""
    script = '#!/bin/sh\necho ran > "$PREFIX/post-link-ran"\n'
    return Package(
        name,
        entries=(
            text(f"bin/.{name}-post-link.sh", script, mode=0o755),
            text(f"share/{name}/data", "data\n"),
        ),
    )


def unsatisfiable(name: str = "impossible") -> tuple[Package, ...]:
    """A package that needs two versions of another at once."""
    return (
        *versions(f"{name}-base", "1.0", "2.0"),
        Package(f"{name}-left", depends=(f"{name}-base <2",), entries=(text("share/left", "l"),)),
        Package(
            f"{name}-right", depends=(f"{name}-base >=2",), entries=(text("share/right", "r"),)
        ),
        Package(name, depends=(f"{name}-left", f"{name}-right"), entries=(text("share/i", "i"),)),
    )


def colliding() -> tuple[Package, Package]:
    """Two packages, ``clash-a`` and ``clash-b``, that bring the same file with other content."""
    return (
        Package("clash-a", entries=(text("share/clash", "a\n"), text("share/only-a", "a\n"))),
        Package("clash-b", entries=(text("share/clash", "b\n"), text("share/only-b", "b\n"))),
    )


def hostile() -> tuple[Package, ...]:
    """Archives that would write outside the prefix they are installed into.

    Each tries to leave a file named ``stead-escaped`` somewhere above it.
    """
    inside = text("share/inside", "x\n")
    return (
        Package(
            "hostile-parent",
            entries=(inside, text("../../../stead-escaped", "parent\n")),
            by_hand=True,
        ),
        Package(
            "hostile-absolute",
            entries=(inside, text("/tmp/stead-escaped", "absolute\n")),  # noqa: S108
            by_hand=True,
        ),
        Package(
            "hostile-symlink",
            entries=(
                Entry("out", symlink="../../.."),
                text("out/stead-escaped", "symlink\n"),
            ),
            by_hand=True,
        ),
        Package(
            "hostile-entry-point",
            depends=("python",),
            entries=(text("site-packages/hostile_entry_point.py", "def main(): ...\n"),),
            noarch="python",
            entry_points=("../../../stead-escaped = hostile_entry_point:main",),
        ),
    )


def all_specimens() -> tuple[Package, ...]:
    """Give all of them, as one channel can hold them."""
    return (
        *versions("tool", "1.0", "1.1", "2.0", "2.1"),
        Package("uses-tool", "3.0", depends=("tool >=1.1",), entries=(text("share/ut", "u"),)),
        text_placeholder(),
        binary_placeholder(),
        entry_point(),
        activation(),
        restless_activation(),
        post_link(),
        *unsatisfiable(),
        *colliding(),
        *hostile(),
    )
