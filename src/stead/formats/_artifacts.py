"""What the readers and writers of locks share: artifacts from addresses, wheels for a platform."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urlsplit, urlunsplit

from stead.values.errors import LockError, UsageError
from stead.values.lock import Artifact, File
from stead.values.names import normalize_pypi
from stead.values.patterns import regex
from stead.values.requirement import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.values.lock import LockedEnvironment
    from stead.values.origin import Origin
    from stead.values.platform import Platform

_FILE = regex(r"(?P<stem>[A-Za-z0-9_][A-Za-z0-9._+!~-]*)\.(?:conda|tar\.bz2)\Z")
_HEX = {64: "sha256", 32: "md5"}
_MACHINES = {
    "linux-64": r"(?:many|musl)?linux\w*_x86_64",
    "linux-aarch64": r"(?:many|musl)?linux\w*_aarch64",
    "osx-64": r"macosx_\d+_\d+_(?:x86_64|universal2|intel|fat64|fat3|fat)",
    "osx-arm64": r"macosx_\d+_\d+_(?:arm64|universal2)",
    "win-64": r"win_amd64",
    "win-arm64": r"win_arm64",
}


def refuse(message: str, origin: Origin, remedy: str = "") -> NoReturn:
    """Raise LockError about another tool's lock."""
    raise LockError(
        message, where=origin, remedy=remedy or "write the file anew with the tool it comes from"
    )


def conda_artifact(
    url: str,
    origin: Origin,
    *,
    sha256: str = "",
    md5: str = "",
    size: int = 0,
    depends: Iterable[str] = (),
    further: dict[str, Any] | None = None,
) -> Artifact:
    """Give the conda package that lies at an address; what its file name says is taken from there.

    A path without a scheme is a local file. ``further`` are fields of its record.
    The channel is the address above the platform's directory, without user,
    password and token: those come from the usual files. Raises LockError.
    """
    url = url if "://" in url else f"file://{url}"
    parts = urlsplit(url)
    base, _, file = unquote(parts.path).rpartition("/")
    base, _, subdir = base.rpartition("/")
    match = _FILE.match(file)
    pieces = match["stem"].rsplit("-", 2) if match else []
    if len(pieces) != 3 or not re.fullmatch(r"noarch|[a-z]+-\w+", subdir) or ".." in file:
        refuse(f"{url!r} is not the address of a conda package", origin)
    _check_hash(sha256, "sha256", file, origin)
    _check_hash(md5, "md5", file, origin)
    if not sha256 and not md5:
        refuse(f"no hash stands beside {file}", origin, "write the file anew, with hashes")
    name, version, build = pieces
    needs = tuple(depends)
    extra = {"build": build, "subdir": subdir, **(further or {})}
    number = re.search(r"(?:^|_)(\d+)\Z", build)
    extra.setdefault("build_number", int(number[1]) if number else 0)
    if subdir == "noarch":
        of_python = "py" in build or any(re.match(r"python\b", d) for d in needs)
        extra.setdefault("noarch", "python" if of_python else "generic")
    if md5:
        extra["md5"] = md5
    channel = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], _no_token(base), "", ""))
    return Artifact(
        "conda",
        name.lower(),
        version,
        index=f"{channel}/",
        files=(File(file, sha256, size),),
        depends=needs,
        extra=tuple(sorted(extra.items())),
    )


def wheel_artifact(
    url: str, origin: Origin, *, name: str, version: str, hashes: dict[str, str], root: str = ""
) -> Artifact:
    """Give the PyPI package that a lock names by one address: a file, a path or a git URL.

    Raises LockError, also where a file has no sha256.
    """
    normal = normalize_pypi(name)
    if url.startswith("git+"):
        address, _, commit = url.removeprefix("git+").partition("#")
        address, _, query = address.partition("?")
        fields = dict(p.partition("=")[::2] for p in query.split("&") if p)
        if not commit or "=" in commit:
            location, _, at = address.rpartition("@")
            address, commit = (location, at) if location and "/" not in at else (address, "")
        if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
            refuse(f"{name} comes from git without the commit", origin)
        requested = fields.get("rev") or fields.get("tag") or fields.get("branch") or ""
        extra = (("requested", requested),) if requested else ()
        source = Source(
            "git", address, revision=commit, subdirectory=fields.get("subdirectory", "")
        )
        return Artifact("pypi", normal, version, source=source, extra=extra)
    parts = urlsplit(url)
    file = unquote(parts.path.rpartition("/")[2])
    is_file = file.endswith((".whl", ".tar.gz", ".zip", ".tar.bz2"))
    if "://" not in url or (parts.scheme == "file" and not (is_file and hashes.get("sha256"))):
        path = unquote(parts.path) if parts.scheme == "file" else url
        path = relative(os.path.normpath(os.path.join(os.path.dirname(origin.file), path)), root)
        sha256 = hashes.get("sha256", "")
        files = (File(os.path.basename(path), sha256),) if sha256 else ()
        return Artifact("pypi", normal, version, files=files, source=Source("path", path))
    sha256 = hashes.get("sha256", "")
    if not sha256:
        refuse(f"no sha256 stands beside {file}", origin, "write the file anew, with sha256 hashes")
    _check_hash(sha256, "sha256", file, origin)
    address = urlunsplit(parts._replace(fragment=""))
    return Artifact(
        "pypi", normal, version, files=(File(file, sha256),), extra=(("urls", {file: address}),)
    )


def split_hash(text: str) -> tuple[str, str]:
    """Give kind and digits of a hash written as ``sha256:…``, or as its digits alone."""
    kind, _, digits = text.rpartition(":")
    return (kind or _HEX.get(len(digits), ""), digits.lower())


def relative(path: str, root: str) -> str:
    """Write an absolute path relative to ``root``, if one is given, with ``/``."""
    return os.path.relpath(path, root).replace(os.sep, "/") if root else path


def best_file(artifact: Artifact, platform: Platform, python: str) -> File | None:
    """Choose the file of a PyPI artifact for a platform and Python (``3.12``).

    A compiled wheel comes before a pure one, any wheel before the source
    distribution. None when no file will do, or the artifact has none.
    """
    best: tuple[int, File] | None = None
    for file in artifact.files:
        rank = _rank(file.name, platform.name, python) if file.name.endswith(".whl") else 1
        if rank and (best is None or rank > best[0]):
            best = (rank, file)
    return best[1] if best else None


def _rank(name: str, platform: str, python: str) -> int:
    pieces = name.removesuffix(".whl").rsplit("-", 3)
    if len(pieces) != 4:
        return 0
    _, pythons, abis, platforms = pieces
    major, _, minor = python.partition(".")
    minor = minor.partition(".")[0]
    own = f"cp{major}{minor}"
    rank = 0
    for tag in pythons.split("."):
        match = re.fullmatch(r"(cp|py)(\d)(\d*)", tag)
        if match is None or match[2] != major:
            continue
        if match[1] == "py":
            if not match[3] or not minor or int(match[3]) <= int(minor):
                rank = max(rank, 2)
        elif tag == own and {own, "none", "abi3"} & set(abis.split(".")):
            rank = max(rank, 4)
        elif "abi3" in abis.split(".") and match[3] and minor and int(match[3]) <= int(minor):
            rank = max(rank, 3)
    if not rank:
        return 0
    if platforms == "any":
        return rank * 10
    if not any(re.fullmatch(_MACHINES[platform], p) for p in platforms.split(".")):
        return 0
    # musl's wheels run on few machines; glibc's come first.
    return rank * 10 + (4 if "musllinux" in platforms and "manylinux" not in platforms else 5)


def in_order(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Sort conda artifacts so that each comes after what it depends on; else by name."""
    by_name = {a.name: a for a in artifacts}
    done: dict[str, Artifact] = {}
    waiting: set[str] = set()

    def visit(artifact: Artifact) -> None:
        if artifact.name in done or artifact.name in waiting:
            return
        waiting.add(artifact.name)
        for need in sorted(re.split(r"[\s\[<>=!~]", d)[0] for d in artifact.depends):
            if need in by_name:
                visit(by_name[need])
        done[artifact.name] = artifact

    for artifact in sorted(artifacts, key=lambda a: a.name):
        visit(artifact)
    return list(done.values())


def single(envs: Sequence[LockedEnvironment], what: str) -> LockedEnvironment:
    """Give the one environment of an export; UsageError when there are more or none."""
    if len(envs) != 1:
        raise UsageError(
            f"{what} holds one environment for one platform, not {len(envs)}",
            remedy="choose with -e and --platform",
        )
    return envs[0]


def _no_token(path: str) -> str:
    return re.sub(r"/t/[^/]+", "", path)


def _check_hash(digits: str, kind: str, what: str, origin: Origin) -> None:
    length = 64 if kind == "sha256" else 32
    if digits and not re.fullmatch(rf"[0-9a-f]{{{length}}}", digits):
        refuse(f"{digits!r} is not the {kind} of {what}", origin)
