"""``requirements.txt``: what pip is asked to install.

Read are requirements with extras, versions, markers, ``--hash`` and URLs; paths of
projects and archives; ``-e``; ``-r`` and ``-c`` with the files they name; the
indexes of ``-i``, ``--extra-index-url``, ``-f`` and ``--no-index``; comments and
continued lines. A variable (``${TOKEN}``) stays as written.

Options that change nothing here are passed over: :data:`IGNORED` says why of each.
Those whose wish could not be granted are an error: :data:`REFUSED` says what to do.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stead.formats import _pep508
from stead.formats._static_name import project_name, unique
from stead.values.errors import CycleError, ManifestError
from stead.values.frozen import dataclass, field, replace
from stead.values.manifest import Index, Layer, Manifest
from stead.values.names import nearest
from stead.values.origin import Origin
from stead.values.patterns import regex
from stead.values.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stead.values.lock import Artifact, File, LockedEnvironment

    Load = Callable[[str], str]

FORMAT = "requirements.txt"

IGNORED = {
    "--require-hashes": "the lock holds a hash of every file anyway",
    "--prefer-binary": "wheels are preferred anyway",
    "--use-pep517": "source distributions are always built that way",
    "--use-feature": "it chooses among pip's own implementations",
    "--trusted-host": "certificates are always checked; set SSL_CERT_FILE for one of your own",
    "--no-cache-dir": "it steers pip's own cache",
    "--disable-pip-version-check": "pip is not run",
}
REFUSED = {
    "--pre": "name the pre-release in the requirement itself: NAME>=2.0rc1",
    "--no-binary": "take the line out, and name the source distribution by URL where you need it",
    "--only-binary": "take the line out; `stead lock` says which packages have no wheel",
    "--config-settings": "put build settings into the project's own pyproject.toml",
    "--global-option": "put build settings into the project's own pyproject.toml",
    "--build-option": "put build settings into the project's own pyproject.toml",
    "--install-option": "put build settings into the project's own pyproject.toml",
    "--target": "take the line out: the environment's directory is the store's to choose",
    "--user": "take the line out: the environment's directory is the store's to choose",
}
_SHORT = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
    "-C": "--config-settings",
    "--pypi-url": "--index-url",
    "--config-setting": "--config-settings",
}
_TAKEN = {
    "--requirement",
    "--constraint",
    "--editable",
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-index",
}
_COMMENT = regex(r"(^|\s+)#.*$")
_PER_REQUIREMENT = regex(r"\s--(?=[A-Za-z])")
_EXTRAS_AFTER_PATH = regex(r"(.*?)\s*\[([^\[\]]*)\]\s*$")
_NAMED = regex(r"[A-Za-z0-9._-]+\s*(?:\[[^\[\]]*\]\s*)?@\s*\S")
_HASH = regex(r"(sha256|sha384|sha512|sha224|sha1|md5):([0-9a-fA-F]+)")


@dataclass
class Collected:
    """What the lines read so far ask for; filled by :func:`collect`."""

    requirements: list[Requirement] = field(default_factory=list)
    constraints: list[Requirement] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    no_index: Origin | None = None

    def layer(self, name: str, origin: Origin) -> Layer:
        """Give it as a layer; ``--no-index`` makes the flat indexes replace the default one."""
        indexes = tuple(dict.fromkeys(self.indexes))
        if self.no_index:
            if not any(i.flat for i in indexes):
                raise ManifestError(
                    "--no-index without --find-links leaves nowhere to take packages from",
                    where=self.no_index,
                    remedy="add --find-links with a directory or page of packages",
                )
            indexes = tuple(replace(i, default=True) for i in indexes if i.flat)
        return Layer(
            name,
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            indexes=indexes,
            origin=origin,
        )


def read(file: str, load: Load, layer: str = "") -> Manifest:
    """Read a requirements file (absolute path) as the given layer.

    Raises ManifestError with file and line, CycleError for files that include
    each other.
    """
    collected = Collected()
    collect(load(file), file, load, collected)
    declared = collected.layer(layer, Origin(file))
    return Manifest(
        file=file,
        format=FORMAT,
        directory=os.path.dirname(file),
        layers=(Layer(), declared) if layer else (declared,),
        reads=unique(f for f in collected.reads if f != file),
    )


def collect(
    text: str,
    file: str,
    load: Load,
    into: Collected,
    *,
    line: int = 0,
    constraints: bool = False,
    within: tuple[str, ...] = (),
) -> None:
    """Read the lines of a requirements file, and of those that it names, into ``into``.

    ``line``, if given, is the line that all of the text stands on (an entry of
    another file's list). ``within`` are the files being read, outermost first.
    """
    reader = _Reader(file, load, into, constraints, (*within, file))
    for number, content in _logical_lines(text):
        reader.take(content, Origin(file, line or number))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join continued lines, drop comments; give each line with the number it begins at."""
    pending: list[str] = []
    start = 0
    lines = text.removeprefix("\ufeff").splitlines()
    for number, raw in enumerate(lines, 1):
        start = start or number
        continued = raw.endswith("\\") and not _COMMENT.match(raw)
        pending.append(raw[:-1] if continued else raw)
        if continued and number < len(lines):
            continue
        content = _COMMENT.sub("", "".join(pending)).strip()
        if content:
            yield start, content
        pending, start = [], 0


class _Reader:
    """Reads the lines of one file."""

    def __init__(
        self, file: str, load: Load, into: Collected, constraints: bool, within: tuple[str, ...]
    ) -> None:
        self._base = os.path.dirname(file)
        self._load = load
        self._into = into
        self._constraints = constraints
        self._within = within

    def take(self, content: str, origin: Origin) -> None:
        if content.startswith("-"):
            self._option(content, origin)
            return
        requirement = self._requirement(*self._hashes(content, origin), origin)
        self._add(requirement)

    def _add(self, requirement: Requirement) -> None:
        into = self._into
        (into.constraints if self._constraints else into.requirements).append(requirement)

    def _option(self, content: str, origin: Origin) -> None:
        match = re.match(r"(--[A-Za-z0-9-]+|-[A-Za-z])\s*=?\s*(.*)", content, re.DOTALL)
        if match is None:
            raise ManifestError(
                f"{content!r} is neither a requirement nor an option",
                where=origin,
                remedy=_pep508.REMEDY,
            )
        option, value = _SHORT.get(match[1], match[1]), _unquoted(match[2].strip())
        if option in IGNORED:
            return
        if option == "--no-index":
            self._into.no_index = origin
            return
        if option not in _TAKEN:
            raise _refused_option(option, origin)
        if not value:
            raise ManifestError(
                f"{match[1]} lacks its value", where=origin, remedy="write it on the same line"
            )
        if option in ("--requirement", "--constraint"):
            self._include(value, origin, constraints=option == "--constraint")
        elif option == "--editable":
            value, hashes = self._hashes(value, origin)
            self._add(self._editable(value, hashes, origin))
        else:
            self._into.indexes.append(index_of(option, value, self._base, origin))

    def _include(self, value: str, origin: Origin, *, constraints: bool) -> None:
        if value.startswith("file:"):
            source, _ = _pep508.source_of_url(value, self._base, origin)
            value = source.location
        if _pep508.is_url(value):
            raise ManifestError(
                f"requirements cannot be included from a URL: {value}",
                where=origin,
                remedy="keep a copy of the file in the tree and name its path",
            )
        path = _pep508.path_of(value, self._base)
        if path in self._within:
            chain = [*self._within[self._within.index(path) :], path]
            raise CycleError(
                "requirements files include each other: " + " → ".join(chain),
                where=origin,
                remedy="take one of the includes out",
            )
        try:
            text = self._load(path)
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise ManifestError(
                f"{value} does not exist", where=origin, remedy=f"make {path}, or correct the name"
            ) from exc
        except OSError as exc:
            raise ManifestError(
                f"{value} cannot be read: {exc.strerror or exc}",
                where=origin,
                remedy="name a readable file",
            ) from exc
        self._into.reads.append(path)
        collect(
            text,
            path,
            self._load,
            self._into,
            constraints=constraints or self._constraints,
            within=self._within,
        )

    def _hashes(self, content: str, origin: Origin) -> tuple[str, tuple[str, ...]]:
        """Split ``--hash`` and other options off the end of a requirement."""
        text, *options = _PER_REQUIREMENT.split(content)
        hashes = []
        for raw in options:
            option, _, value = raw.replace(" ", "=", 1).partition("=")
            option = f"--{option.strip()}"
            if option != "--hash":
                raise _refused_option(option, origin)
            match = _HASH.fullmatch(_unquoted(value.strip(" =")))
            if match is None:
                raise ManifestError(
                    f"{value.strip()!r} is not a hash",
                    where=origin,
                    remedy="write --hash=sha256: and its hexadecimal digits",
                )
            hashes.append(f"{match[1]}:{match[2].lower()}")
        return text.strip(), tuple(hashes)

    def _requirement(self, text: str, hashes: tuple[str, ...], origin: Origin) -> Requirement:
        if _pep508.is_url(text) or _is_path(text):
            found = self._unnamed(text, origin)
        else:
            found = _pep508.parse(text, self._base, origin)
        return replace(found, hashes=(*found.hashes, *hashes)) if hashes else found

    def _editable(self, text: str, hashes: tuple[str, ...], origin: Origin) -> Requirement:
        named = _NAMED.match(text)
        found = _pep508.parse(text, self._base, origin) if named else self._unnamed(text, origin)
        source = found.source
        if source is None or source.kind == "url":
            raise ManifestError(
                f"{text!r} cannot be installed editable",
                where=origin,
                remedy="-e takes the directory of a project, or a git URL",
            )
        # pip clones what `-e git+…` names into src/; here it is an installed package
        # like any other, since a checkout inside an immutable build cannot be edited.
        return replace(
            found,
            source=replace(source, editable=source.kind == "path"),
            hashes=(*found.hashes, *hashes),
        )

    def _unnamed(self, text: str, origin: Origin) -> Requirement:
        """Read a path or URL that stands without ``name @`` before it.

        Where its name cannot be read without running code or fetching, it is empty.
        """
        address, marker = _split_marker(text)
        extras = ""
        if match := _EXTRAS_AFTER_PATH.match(address):
            address, extras = match[1], match[2]
        source, hashes = _pep508.source_of_url(address, self._base, origin)
        if source.kind != "path":
            name = _pep508.name_of_url(address)
        else:
            name = _pep508.name_of_archive(os.path.basename(source.location))
            if not name:
                directory = os.path.join(source.location, source.subdirectory).rstrip("/")
                name, read = project_name(directory, self._load)
                self._into.reads.extend(read)
        return Requirement(
            "pypi",
            name,
            extras=_pep508.extras_of(extras),
            marker=_pep508.check_marker(marker, origin),
            source=source,
            hashes=hashes,
            origin=origin,
        )


def index_of(option: str, value: str, base: str, origin: Origin) -> Index:
    """Give the index that a pip option names; its name is made from its address."""
    path = value.removeprefix("file://") if value.startswith("file://") else value
    name = re.sub(r"//[^/@]*@", "//", path)
    name = re.sub(r"[^A-Za-z0-9]+", "-", re.sub(r"^[a-z+]+://|/simple/?$", "", name)).strip("-")
    return Index(
        name=name.lower() or "here",
        url=path,
        base=base,
        flat=option == "--find-links",
        default=option == "--index-url",
        origin=origin,
    )


def _is_path(text: str) -> bool:
    if text.startswith((".", "/", "~", "${")) or re.match(r"[A-Za-z]:[/\\]", text):
        return True
    if _NAMED.match(text):
        return False
    address = _split_marker(text)[0].partition("[")[0].strip()
    return address.endswith(_pep508.ARCHIVES) or "/" in address or os.sep in address


def _split_marker(text: str) -> tuple[str, str]:
    match = re.match(r"(.*?)(?:\s+;|;\s)(.*)", text, re.DOTALL)
    return (match[1].strip(), match[2]) if match else (text.strip(), "")


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _refused_option(option: str, origin: Origin) -> ManifestError:
    if option in REFUSED:
        return ManifestError(
            f"{option} cannot be honoured here", where=origin, remedy=REFUSED[option]
        )
    close = nearest(option, (*_TAKEN, *IGNORED, *REFUSED, "--hash"))
    return ManifestError(
        f"unknown option {option}",
        where=origin,
        remedy=f"did you mean {close}?" if close else "take the line out",
    )


def write(
    envs: Sequence[LockedEnvironment],
    address: Callable[[Artifact, File], str],  # noqa: ARG001 (the writers' form: no URL is needed)
    *,
    hashes: bool = True,
    options: Sequence[str] = (),
) -> str:
    """Write the PyPI packages of one locked environment, pinned, with hashes.

    ``options`` are lines that say where to look. Raises UsageError unless ``envs`` holds one
    environment: markers that would tell several apart are no longer known.
    """
    from stead.formats._artifacts import single

    env = single(envs, FORMAT)
    python = f" and Python {env.python}" if env.python else ""
    lines = [f"# For {env.platform}{python}.", *options]
    for artifact in sorted(env.of("pypi"), key=lambda a: a.name):
        line = pinned(artifact)
        direct = artifact.source is not None
        if hashes and not direct:
            line += "".join(
                f" \\\n    --hash=sha256:{h}" for h in sorted({f.sha256 for f in artifact.files})
            )
        lines.append(line)
    return "\n".join(lines) + "\n"


def pinned(artifact: Artifact) -> str:
    """Give the requirement that means this PyPI artifact and no other."""
    source = artifact.source
    if source is None:
        return f"{artifact.name}=={artifact.version}"
    if source.kind == "path":
        path = source.location
        if not path.startswith(("/", ".")):
            path = f"./{path}"
        return f"-e {path}" if source.editable else path
    location = f"git+{source.location}" if source.kind == "git" else source.location
    if source.revision:
        location += f"@{source.revision}"
    fragment = [f"subdirectory={source.subdirectory}"] if source.subdirectory else []
    if source.kind == "url" and artifact.files:
        fragment.insert(0, f"sha256={artifact.files[0].sha256}")
    return f"{artifact.name} @ {location}" + (f"#{'&'.join(fragment)}" if fragment else "")
