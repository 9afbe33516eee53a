"""Locking: a request → artifacts, chosen by uv."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from stead.ecosystems.pypi import explain, question
from stead.ecosystems.pypi.indexes import DEFAULT, default_place, places, without_credentials
from stead.ecosystems.pypi.stubs import Stubs, make_stubs
from stead.ecosystems.pypi.uv import Uv, scratch, uv_for
from stead.values.errors import ArtifactError, HashMismatchError, UnsatisfiableError
from stead.values.frozen import dataclass, replace
from stead.values.lock import Artifact, File
from stead.values.names import normalize_pypi
from stead.values.requirement import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.ecosystems.protocol import LockRequest
    from stead.ecosystems.pypi.indexes import Place
    from stead.ecosystems.pypi.question import Question
    from stead.values.context import Context

_NEED = re.compile(
    r"DEBUG Adding transitive dependency for (?P<who>[^\s=]+)==(?P<version>[^\s:]+): (?P<need>.+)"
)
_FROM = re.compile(r"^\s+# from (\S+)\s*$")
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==")
_NEAR = 2
"""How many levels above the root a path may lead and still be written relative to it."""


def lock(request: LockRequest, context: Context) -> tuple[Artifact, ...]:
    """Choose artifacts with uv; see :meth:`stead.ecosystems.protocol.Ecosystem.lock`."""
    if not any(r.ecosystem == "pypi" for r in request.requirements):
        return ()
    question.check_python(request)
    uv = uv_for(context)
    indexes = places(request.indexes, context.environ)
    default = default_place(indexes, context.environ)
    stubs = None
    if request.distributions:
        where = os.path.join(context.home, "packages", "stubs")
        stubs = make_stubs(where, request.distributions)
    with scratch(context) as directory:
        asked = question.write(
            directory,
            request,
            context,
            indexes,
            default,
            first=[stubs.place] if stubs else (),
            constraints=tuple(stubs.constraints) if stubs else (),
        )
        if not asked.requirements:
            return ()
        with context.progress.task("solving PyPI packages"):
            said, pylock = _ask(uv, asked, stubs)
        reader = _Reader(request, asked, indexes, default, stubs, _needs(said))
        artifacts = reader.artifacts(pylock)
        if any(a.index is None for a in artifacts):
            found = _origins(uv, asked, [a.artifact for a in artifacts])
            artifacts = [a.with_index(found, indexes, default) for a in artifacts]
    chosen = sorted((a.artifact for a in artifacts), key=lambda a: a.name)
    return tuple(_with_hashes_asked(asked, chosen))


def located(
    request: LockRequest, name: str, directory: str, context: Context
) -> list[tuple[str, str, str]]:
    """Give name, address and sha256 of each file of the one version that a request leaves of ``name``.

    Addresses are URLs, with the login of their index, or absolute paths. ``directory`` is for
    files about the question. Raises what :func:`lock` raises.
    """
    indexes = places(request.indexes, context.environ)
    default = default_place(indexes, context.environ)
    asked = question.write(directory, request, context, indexes, default)
    _, pylock = _ask(
        uv_for(context), replace(asked, arguments=(*asked.arguments, "--no-deps")), None
    )
    found = []
    for package in pylock.get("packages", []):
        if normalize_pypi(package["name"]) != name:
            continue
        for entry in [*package.get("wheels", []), *filter(None, [package.get("sdist")])]:
            address = str(entry.get("url") or os.path.join(directory, str(entry.get("path"))))
            for place in indexes:
                plain = without_credentials(place.url)
                if plain != place.url and urlsplit(plain).netloc == urlsplit(address).netloc:
                    login = urlsplit(place.url).netloc.rpartition("@")[0]
                    address = address.replace("://", f"://{login}@", 1)
            file = _file(name, entry)
            found.append((file.name, address, file.sha256))
    return found


def _ask(uv: Uv, asked: Question, stubs: Stubs | None) -> tuple[str, dict[str, Any]]:
    """Run uv; give its log and the lock it wrote."""
    output = os.path.join(asked.directory, "pylock.toml")
    done = uv.run(
        [*asked.arguments, "--output-file", "pylock.toml", "--no-header", "--verbose"],
        cwd=asked.directory,
        config=asked.config,
    )
    if done.returncode != 0:
        error = explain.translate(done.stderr, build_sources=uv.context.build_sources)
        if "--exclude-newer" in asked.arguments and isinstance(error, UnsatisfiableError):
            date = asked.arguments[asked.arguments.index("--exclude-newer") + 1]
            error.details = (*error.details, f"only what was uploaded before {date} counted")
        raise _with_stubs(error, stubs)
    with open(output, "rb") as file:
        return done.stderr, tomllib.load(file)


def _with_stubs(error: Exception, stubs: Stubs | None) -> Exception:
    """Say which of the packages that an explanation names are conda's."""
    if stubs is None or not isinstance(error, UnsatisfiableError):
        return error
    words = {normalize_pypi(w) for d in error.details for w in re.findall(r"[A-Za-z0-9._-]+", d)}
    lines = [
        f"conda provides {name} {found.version} ({found.artifact})"
        for name, found in sorted(stubs.provided.items())
        if name in words
    ]
    lines += [
        f"conda's {found.name} {found.version} needs {need}"
        for need, found in sorted(stubs.constraints.items(), key=lambda item: item[0])
        if normalize_pypi(re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0]) in words
    ]
    if not lines:
        return error
    return UnsatisfiableError(
        error.message,
        where=error.where,
        details=(*error.details, *lines),
        remedy="ask conda for another version, or relax the request to PyPI",
    )


def _needs(log: str) -> dict[tuple[str, str], list[str]]:
    """Read what each version that uv looked at depends on: (name, version) → requirements."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in log.splitlines():
        if match := _NEED.match(line):
            name = normalize_pypi(re.split(r"[\[{]", match["who"])[0])
            need = re.sub(r"\{[^{}]*\}", "", match["need"]).replace(", ", ",").removesuffix("*")
            needs = found.setdefault((name, match["version"]), [])
            own = normalize_pypi(re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0]) == name
            if need not in needs and not own:
                needs.append(need)
    return found


def _origins(uv: Uv, asked: Question, chosen: Sequence[Artifact]) -> dict[str, str]:
    """Ask uv again, for the index of each package: name → address."""
    pins = os.path.join(asked.directory, "pins.txt")
    with open(pins, "w", encoding="utf-8") as file:
        file.writelines(f"{a.name}=={a.version}\n" for a in chosen if a.source is None)
    done = uv.run(
        [
            *asked.arguments,
            "--output-file",
            "pins.txt",
            "--quiet",
            "--no-header",
            "--emit-index-annotation",
            "--annotation-style",
            "line",
        ],
        cwd=asked.directory,
        config=asked.config,
    )
    if done.returncode != 0:
        raise explain.translate(done.stderr, build_sources=uv.context.build_sources)
    found: dict[str, str] = {}
    name = ""
    with open(pins, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line in lines:
        if match := _PIN.match(line):
            name = normalize_pypi(match[1])
        elif name and (match := _FROM.match(line)):
            found[name] = match[1]
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """An artifact whose index may not be known yet (None)."""

    artifact: Artifact
    index: str | None

    def with_index(
        self, found: dict[str, str], indexes: Sequence[Place], default: Place | None
    ) -> _Found:
        if self.index is not None:
            return self
        address = without_credentials(found.get(self.artifact.name, "")).rstrip("/")
        name = default.name if default else DEFAULT
        for place in indexes:
            if without_credentials(place.url).rstrip("/") == address:
                name = place.name
        return _Found(replace(self.artifact, index=name), name)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns uv's ``pylock.toml`` into artifacts."""

    request: LockRequest
    asked: Question
    indexes: Sequence[Place]
    default: Place | None
    stubs: Stubs | None
    needs: dict[tuple[str, str], list[str]]

    def artifacts(self, pylock: dict[str, Any]) -> list[_Found]:
        """Read all packages but those that conda provides."""
        found = []
        for package in pylock.get("packages", []):
            name = normalize_pypi(package["name"])
            if self.stubs and name in self.stubs.provided:
                self._refuse_direct(name, package)
                continue
            found.append(self._found(name, package))
        return found

    def _refuse_direct(self, name: str, package: dict[str, Any]) -> None:
        assert self.stubs is not None
        if not any(k in package for k in ("directory", "vcs", "archive")):
            return
        found = self.stubs.provided[name]
        asked = next((r for r in self.asked.requirements if r.name == name and r.source), None)
        raise UnsatisfiableError(
            f"{name} is to come from {asked.source if asked else 'a direct address'}, "
            f"but conda provides {name} {found.version}",
            where=asked.origin if asked else None,
            details=(f"brought by {found.artifact}",),
            remedy="ask for it in one ecosystem only",
        )

    def _found(self, name: str, package: dict[str, Any]) -> _Found:
        version = str(package.get("version", ""))
        if not version and "directory" in package:
            version = _static_version(self._path(package["directory"]))
        depends = tuple(sorted(self._depends(name, version)))
        if "directory" in package:
            entry = package["directory"]
            source = Source(
                "path",
                self._relative(self._path(entry)),
                editable=bool(entry.get("editable", False)),
            )
            return _Found(_artifact(name, version, depends, source), "")
        if "vcs" in package:
            entry = package["vcs"]
            source = Source(
                "git",
                without_credentials(self._location(entry)),
                revision=entry["commit-id"],
                subdirectory=entry.get("subdirectory", ""),
            )
            requested = entry.get("requested-revision", "")
            extra = (("requested", requested),) if requested else ()
            return _Found(_artifact(name, version, depends, source, extra=extra), "")
        if "archive" in package:
            return _Found(self._archive(name, version, depends, package["archive"]), "")
        files = [_file(name, w) for w in package.get("wheels", [])]
        if "sdist" in package:
            files.append(_file(name, package["sdist"]))
        index = self._index(name, package)
        found = Artifact("pypi", name, version, index or "", tuple(files), depends)
        return _Found(found, index)

    def _archive(
        self, name: str, version: str, depends: tuple[str, ...], entry: dict[str, Any]
    ) -> Artifact:
        subdirectory = entry.get("subdirectory", "")
        if entry.get("path"):
            path = self._path(entry)
            source = Source("path", self._relative(path), subdirectory=subdirectory)
        else:
            url = self._as_written(name, without_credentials(str(entry["url"])).split("#")[0])
            source = Source("url", url, subdirectory=subdirectory)
        return _artifact(name, version, depends, source, files=(_file(name, entry),))

    def _as_written(self, name: str, url: str) -> str:
        """Give a URL with the references to variables (``${TOKEN}``) that its requirement has.

        uv says what they stand for, which is nothing to keep.
        """
        for r in self.asked.requirements:
            source = r.source
            if r.name == name and source and source.kind == "url" and "${" in source.location:
                return source.location
        return url

    def _depends(self, name: str, version: str) -> list[str]:
        # A directory whose version is computed has none in the lock; uv looked at just one.
        needs = self.needs.get((name, version)) or next(
            (found for (n, _), found in self.needs.items() if n == name and not version), []
        )
        constraints = {
            question.requirement_line(r).replace(" ", "") for r in self.request.constraints
        } | {c.replace(" ", "") for c in (self.stubs.constraints if self.stubs else ())}
        return [n for n in needs if n not in constraints]

    def _index(self, name: str, package: dict[str, Any]) -> str | None:
        """Name the index of a package; None where uv must be asked again."""
        pinned = next((r.index for r in self.asked.requirements if r.name == name and r.index), "")
        if pinned:
            return pinned
        default = self.default.name if self.default else DEFAULT
        open_indexes = [p for p in self.indexes if not p.explicit and not p.default]
        if not open_indexes:
            return default
        urls = [str(w.get("url") or w.get("path") or "") for w in package.get("wheels", [])]
        urls += [str(package["sdist"].get("url", ""))] if "sdist" in package else []
        for place in open_indexes:
            if place.flat and urls and all(_lies_in(u, place.url) for u in urls):
                return place.name
        return None

    def _path(self, entry: dict[str, Any]) -> str:
        path = os.path.join(self.asked.directory, entry["path"])
        return os.path.normpath(os.path.join(path, entry.get("subdirectory", "")))

    def _location(self, entry: dict[str, Any]) -> str:
        """Give a repository's address, as the requirement writes it where one does."""
        url = str(entry.get("url") or entry.get("path") or "")
        for r in self.asked.requirements:
            if (
                r.source
                and r.source.kind == "git"
                and question.git_address(r.source.location) == url
            ):
                return r.source.location
        return url

    def _relative(self, path: str) -> str:
        """Write a path relative to the root, unless it lies far from it."""
        relative = os.path.relpath(path, self.request.root)
        parts = relative.split(os.sep)
        if parts.count(os.pardir) > _NEAR:
            return path
        return "/".join(parts)


def _artifact(
    name: str,
    version: str,
    depends: tuple[str, ...],
    source: Source,
    *,
    files: tuple[File, ...] = (),
    extra: tuple[tuple[str, Any], ...] = (),
) -> Artifact:
    return Artifact("pypi", name, version, files=files, depends=depends, source=source, extra=extra)


def _static_version(directory: str) -> str:
    """Read the version that a project's ``pyproject.toml`` states.

    Empty for one that is computed: computed from git, say, it would make the
    lock another one with each commit.
    """
    try:
        with open(os.path.join(directory, "pyproject.toml"), "rb") as file:
            version = tomllib.load(file).get("project", {}).get("version", "")
    except (OSError, tomllib.TOMLDecodeError, AttributeError):
        return ""
    return version if isinstance(version, str) else ""


def _file(name: str, entry: dict[str, Any]) -> File:
    """Read a wheel's, sdist's or archive's entry. Raises ArtifactError without a sha256."""
    address = str(entry.get("url") or entry.get("path") or "")
    file = entry.get("name") or unquote(os.path.basename(urlsplit(address).path))
    sha256 = entry.get("hashes", {}).get("sha256", "")
    if not sha256:
        raise ArtifactError(
            f"the index gives no sha256 of {file}, a file of {name}",
            remedy="use an index that gives hashes",
        )
    return File(file, sha256, int(entry.get("size", 0)))


def _lies_in(url: str, place: str) -> bool:
    """Say whether a file lies directly in a flat index: a directory, or a page of links."""
    if "://" not in place:
        path = unquote(urlsplit(url).path) if url.startswith("file://") else url
        return os.path.dirname(os.path.normpath(path)) == os.path.normpath(place)
    return without_credentials(url).startswith(without_credentials(place).rstrip("/") + "/")


def _with_hashes_asked(asked: Question, artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Keep of each artifact the files whose hashes its requirements give, if they give any."""
    given: dict[str, set[str]] = {}
    origins = {}
    for r in asked.requirements:
        hashes = {h.removeprefix("sha256:") for h in r.hashes if h.startswith("sha256:")}
        if hashes:
            given[r.name] = given.get(r.name, hashes) & hashes
            origins[r.name] = r.origin
    result = []
    for artifact in artifacts:
        allowed = given.get(artifact.name)
        if allowed is None or not artifact.files:
            result.append(artifact)
            continue
        files = tuple(f for f in artifact.files if f.sha256 in allowed)
        if not files:
            raise HashMismatchError(
                f"no file of {artifact.name} {artifact.version} has a hash that is asked for",
                where=origins[artifact.name],
                details=[f"found {f.name} sha256:{f.sha256}" for f in artifact.files],
                remedy="find out who changed the files; correct the hashes if that is meant",
            )
        result.append(replace(artifact, files=files))
    return result
