"""Handing locked artifacts to uv: what is written for it, and what it says while it works."""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from stead.ecosystems.pypi import explain
from stead.ecosystems.pypi.indexes import (
    DEFAULT,
    Place,
    default_place,
    places,
    quoted,
    without_credentials,
)
from stead.ecosystems.pypi.question import direct_url
from stead.ecosystems.pypi.recipes import URLS
from stead.ecosystems.pypi.uv import Uv, was_offline
from stead.values.errors import ArtifactError, LockError, SteadError, UnsatisfiableError
from stead.values.names import normalize_pypi
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.ecosystems.protocol import BuildTarget
    from stead.values.context import Context, Task
    from stead.values.lock import Artifact

_NAME = regex(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_VERSION = regex(r"[A-Za-z0-9.!+_-]+\Z")
_SHA256 = regex(r"[0-9a-f]{64}\Z")


class Installer:
    """Installs artifacts into one prefix, from the cache where that has them."""

    def __init__(self, uv: Uv, target: BuildTarget, context: Context, work: str) -> None:
        """Prepare; ``work`` is a directory for files that uv reads."""
        self._uv = uv
        self._target = target
        self._context = context
        self._work = work
        self._indexes = places(target.indexes, context.environ)
        self._default = default_place(self._indexes, context.environ)
        self._python = (
            target.interpreter.path
            if target.interpreter
            else os.path.join(target.prefix, "bin", "python")
        )

    def install(self, artifacts: Sequence[Artifact], *, again: bool = False) -> None:
        """Install; each index's artifacts from that index alone.

        ``again`` replaces what is installed of them. Raises HashMismatchError,
        NetworkError, ArtifactError, LockError.
        """
        groups: dict[str, list[Artifact]] = {}
        for artifact in artifacts:
            _check(artifact)
            groups.setdefault(self._group(artifact), []).append(artifact)
        for group, members in sorted(groups.items()):
            config = self._config(group)
            if group == URLS:
                arguments = ["--requirements", self._pylock(members)]
            else:
                arguments = ["--requirements", self._requirements(members)]
            # uv knows a directory by its manifests alone, so it would install older code of it.
            fresh = [a.name for a in members if _is_tree(a) and not _is_editable(a)]
            for name in [a.name for a in members] if again else fresh:
                arguments += ["--reinstall-package", name]
            self._run(arguments, config, members)
        for artifact in artifacts:
            if (
                artifact.source
                and artifact.source.kind == "url"
                and "${" in artifact.source.location
            ):
                self._withhold(artifact)

    def _withhold(self, artifact: Artifact) -> None:
        """Put a variable's name where uv noted its value, the token, in ``direct_url.json``."""
        pattern = os.path.join(
            glob.escape(os.fspath(self._target.prefix)),
            "lib",
            "*",
            "*",
            "*.dist-info",
            "direct_url.json",
        )
        for path in glob.glob(pattern):
            name = os.path.basename(os.path.dirname(path)).split("-")[0]
            if normalize_pypi(name) != artifact.name or artifact.source is None:
                continue
            with open(path, encoding="utf-8") as file:
                said = json.load(file)
            content = json.dumps({**said, "url": artifact.source.location}).encode()
            _replace(path, content)
            record = os.path.join(os.path.dirname(path), "RECORD")
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            entry = f"direct_url.json,sha256={digest.decode()},{len(content)}"
            with open(record, encoding="utf-8", newline="") as file:
                listed = file.read()
            _replace(record, re.sub(r"direct_url\.json,[^,\r\n]*,\d*", entry, listed).encode())

    def forget(self, names: Sequence[str]) -> None:
        """Remove what is cached of these packages."""
        self._uv.run(["cache", "clean", *names], cwd=self._work)

    def origin(self, name: str, artifacts: Sequence[Artifact]) -> str:
        """Say where an artifact comes from, for a message."""
        for artifact in artifacts:
            if artifact.name != normalize_pypi(name):
                continue
            if artifact.source:
                return without_credentials(str(artifact.source))
            index = self._index(artifact.index)
            return (
                f"index {index.name} ({without_credentials(index.url)})"
                if index
                else (f"index {artifact.index or DEFAULT}")
            )
        return ""

    def _run(self, arguments: Sequence[str], config: str, members: Sequence[Artifact]) -> None:
        full = ["pip", "install", "--no-deps", "--link-mode", "hardlink", "--python", self._python]
        full += ["--prefix", os.fspath(self._target.prefix), *arguments]
        if not self._context.build_sources:
            full.append("--no-build")
        # A warm cache answers without asking any index whether it is still fresh: the lock
        # has named the files, and their hashes are compared.
        done = self._uv.run(full, cwd=self._work, config=config, offline=True)
        if done.returncode != 0 and not self._context.offline and was_offline(done):
            with self._context.progress.task("fetching PyPI packages", unit="packages") as task:
                follow = _Follow(task)
                done = self._uv.run(
                    [*full, "--verbose"], cwd=self._work, config=config, on_line=follow.line
                )
        if done.returncode != 0:
            raise self._error(done.stderr, members)

    def _error(self, stderr: str, members: Sequence[Artifact]) -> SteadError:
        if (
            self._context.offline
            and "hashes" not in stderr
            and re.search(r"network|not found in the cache", stderr)
        ):
            return explain.offline(stderr)
        error = explain.translate(
            stderr,
            origin=lambda name: self.origin(name, members),
            build_sources=self._context.build_sources,
        )
        if not isinstance(error, UnsatisfiableError):
            return error
        # One version of each was asked for, so there is no choice to be explained.
        words = {normalize_pypi(w) for w in re.findall(r"[A-Za-z0-9._-]+", str(error))}
        names = [a.name for a in members if a.name in words]
        if not self._context.build_sources and "no usable wheels" in stderr:
            return explain.no_build(", ".join(names))
        return ArtifactError(
            f"what is locked of {', '.join(names)} cannot be had",
            details=error.details,
            remedy=f"it was locked from {self.origin(names[0], members)}; see what is there, "
            f"or take another version with `stead lock --upgrade {names[0]}`"
            if names
            else "see what the index has, or run `stead lock --upgrade`",
        )

    def _group(self, artifact: Artifact) -> str:
        if artifact.source is not None:
            return ""
        if artifact.get(URLS):
            return URLS
        if not artifact.files:
            raise LockError(
                f"stead.lock names no file for {artifact.name} {artifact.version}",
                remedy="run `stead lock` to write it anew",
            )
        default = self._default.name if self._default else DEFAULT
        if artifact.index in ("", DEFAULT, default):
            return ""
        if self._index(artifact.index) is None:
            raise LockError(
                f"{artifact.name} was locked from the index {artifact.index!r}, "
                "which no manifest describes any more",
                remedy="run `stead lock`",
            )
        return artifact.index

    def _index(self, name: str) -> Place | None:
        if name in ("", DEFAULT):
            return self._default
        return next((p for p in self._indexes if p.name == name), None)

    def _config(self, group: str) -> str:
        tables = []
        index = self._index(group) if group and group != URLS else None
        if index and not index.default:
            tables.append(f"[[index]]\n{index.toml(explicit=False)}")
        if self._default:
            tables.append(f"[[index]]\n{self._default.toml(default=True, explicit=False)}")
        return self._write(f"uv-{group or DEFAULT}.toml", "\n".join(tables))

    def _requirements(self, artifacts: Sequence[Artifact]) -> str:
        lines = [self._line(a) for a in artifacts]
        return self._write("requirements.txt", "\n".join(lines) + "\n")

    def _line(self, artifact: Artifact) -> str:
        hashes = "".join(f" --hash=sha256:{f.sha256}" for f in artifact.files)
        source = artifact.source
        if source is None:
            return f"{artifact.name}=={artifact.version}{hashes}"
        if source.kind == "path":
            path = os.path.normpath(
                os.path.join(self._target.root, source.location, source.subdirectory)
            )
            if not self._context.build_sources and _is_tree(artifact):
                raise explain.no_build(artifact.name)
            url = Path(path).as_uri()
            return f"-e {url}" if source.editable else f"{artifact.name} @ {url}{hashes}"
        if source.kind == "git" and not self._context.build_sources:
            raise explain.no_build(artifact.name)
        return f"{artifact.name} @ {direct_url(source)}{hashes}"

    def _pylock(self, artifacts: Sequence[Artifact]) -> str:
        lines = ['lock-version = "1.0"', 'created-by = "stead"']
        for artifact in artifacts:
            urls = dict(artifact.get(URLS))
            lines += ["[[packages]]", f"name = {quoted(artifact.name)}"]
            lines.append(f"version = {quoted(artifact.version)}")
            wheels = []
            for file in artifact.files:
                hashes = f"hashes = {{ sha256 = {quoted(file.sha256)} }}"
                url = urls.get(file.name)
                if url is None:
                    continue
                place = f"url = {quoted(url)}"
                if "://" not in url:
                    place = f"path = {quoted(os.path.join(self._target.root, url))}"
                entry = f"{{ name = {quoted(file.name)}, {place}, {hashes} }}"
                if file.name.endswith(".whl"):
                    wheels.append(entry)
                else:
                    lines.append(f"sdist = {entry}")
            if wheels:
                lines.append(f"wheels = [{', '.join(wheels)}]")
        return self._write("pylock.toml", "\n".join(lines) + "\n")

    def _write(self, name: str, text: str) -> str:
        path = os.path.join(self._work, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def _replace(path: str, content: bytes) -> None:
    """Replace a file by another one: it may be linked to the cache's."""
    temporary = f"{path}.new"
    with open(temporary, "wb") as file:
        file.write(content)
    os.replace(temporary, path)


def _is_tree(artifact: Artifact) -> bool:
    """Say whether an artifact is a directory, which uv's cache may know an older state of."""
    return artifact.source is not None and artifact.source.kind == "path" and not artifact.files


def _is_editable(artifact: Artifact) -> bool:
    return artifact.source is not None and artifact.source.editable


def _check(artifact: Artifact) -> None:
    """Raise LockError for what no lock of Stead's holds; it would be read as uv's options."""
    source = artifact.source
    texts = [source.location, source.revision, source.subdirectory] if source else []
    sound = (
        _NAME.match(artifact.name)
        and (_VERSION.match(artifact.version) or (source and not artifact.version))
        and all(_SHA256.match(f.sha256) for f in artifact.files)
        and all(
            text.isprintable() and (not source or source.kind == "path" or " " not in text)
            for text in texts
        )
    )
    if not sound:
        raise LockError(
            f"stead.lock cannot be meant: {artifact.name!r} {artifact.version!r}",
            remedy="run `stead lock` to write it anew",
        )


class _Follow:
    """Turns uv's log into progress."""

    _WANTED = regex(r"DEBUG Identified uncached distribution")
    _HAD = regex(r" *(?:Downloaded|Built) \S")
    _ALL = regex(r"Prepared (\d+) packages?")

    def __init__(self, task: Task) -> None:
        self._task = task
        self._wanted = 0
        self._had = 0

    def line(self, text: str) -> None:
        if self._WANTED.match(text):
            self._wanted += 1
            self._task.total(self._wanted)
        elif self._HAD.match(text) and self._had < self._wanted:
            self._had += 1
            self._task.advance()
        elif match := self._ALL.match(text):
            rest = int(match[1]) - self._had
            if rest > 0:
                self._had += rest
                self._task.advance(rest)
