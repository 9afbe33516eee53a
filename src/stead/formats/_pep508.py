"""Requirements of Python packages: one text to one value.

The usual forms are split by regular expressions, because importing
``packaging`` costs more than reading a whole manifest; what they do not match
is left to ``packaging``, which then also gives the reason when a text is wrong.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stead.formats._secrets import secret_parameter
from stead.values.errors import ManifestError
from stead.values.names import normalize_pypi
from stead.values.patterns import regex
from stead.values.requirement import Requirement, Source

if TYPE_CHECKING:
    from stead.values.origin import Origin

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_HEAD = regex(rf"\s*({_NAME})\s*(?:\[([^\[\]]*)\])?\s*")
_RELEASE = r"v?(?:\d+!)?\d+(?:\.\d+)*"
_SUFFIX = r"(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?"
_CLAUSE = (
    rf"(?:(?:==|!=)\s*{_RELEASE}(?:\.\*|{_SUFFIX}(?:\+[a-z0-9]+(?:\.[a-z0-9]+)*)?)"
    rf"|(?:>=|<=|>|<)\s*{_RELEASE}{_SUFFIX}"
    rf"|~=\s*\d+(?:\.\d+)+{_SUFFIX})"
)
_SPEC = regex(rf"(?:{_CLAUSE}(?:\s*,\s*{_CLAUSE})*)?")
_EXTRAS = regex(rf"\s*(?:{_NAME}(?:\s*,\s*{_NAME})*)?\s*")
_STRING = r"(?:\"[^\"]*\"|'[^']*')"
_VARIABLE = (
    "(?:python_version|python_full_version|os_name|sys_platform|platform_release"
    "|platform_system|platform_version|platform_machine|platform_python_implementation"
    "|implementation_name|implementation_version|extra)"
)
_ATOM = (
    rf"(?:{_VARIABLE}\s*(?:===?|!=|~=|<=|>=|<|>|\bin\b|\bnot\s+in\b)\s*{_STRING}"
    rf"|{_STRING}\s*(?:===?|!=|~=|<=|>=|<|>|\bin\b|\bnot\s+in\b)\s*{_VARIABLE})"
)
_MARKER = regex(rf"{_ATOM}(?:\s+(?:and|or)\s+{_ATOM})*")
_SCHEME = regex(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\\)")
ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")
_HASHES = ("sha256", "sha384", "sha512", "md5", "sha1", "sha224")

REMEDY = "write NAME, NAME>=VERSION, NAME[EXTRA] or NAME @ URL, then ; MARKER if it has one"


def parse(text: str, base: str, origin: Origin) -> Requirement:
    """Give the ``pypi`` requirement that a PEP 508 text means.

    ``base`` is the absolute directory that a relative ``file:`` URL starts from.
    Raises ManifestError.
    """
    head = _HEAD.match(text)
    if head is None:
        raise _refused(text, origin)
    name, extras_text = head[1], head[2]
    rest = text[head.end() :]
    if rest.startswith("@"):
        url, marker = _split_url(rest[1:].strip())
        source, hashes = source_of_url(url, base, origin)
        spec = ""
    else:
        spec, _, marker = rest.partition(";")
        spec = spec.strip()
        if spec.startswith("(") and spec.endswith(")"):
            spec = spec[1:-1].strip()
        source, hashes = None, ()
        if _SPEC.fullmatch(spec):
            spec = re.sub(r"\s+", "", spec)
        else:
            return _by_packaging(text, origin)
    if extras_text and not _EXTRAS.fullmatch(extras_text):
        raise _refused(text, origin)
    return Requirement(
        "pypi",
        normalize_pypi(name),
        spec,
        extras=extras_of(extras_text or ""),
        marker=check_marker(marker, origin),
        source=source,
        hashes=hashes,
        origin=origin,
    )


def extras_of(text: str) -> tuple[str, ...]:
    """Give the extras named in ``a, b``: normalised, sorted, each once."""
    return tuple(sorted({normalize_pypi(e.strip()) for e in text.split(",") if e.strip()}))


def check_marker(text: str, origin: Origin) -> str:
    """Give a PEP 508 marker as written, less space around it; ManifestError when it is none."""
    text = text.strip()
    if not text or _MARKER.fullmatch(text):
        return text
    from packaging.markers import InvalidMarker, Marker

    try:
        return str(Marker(text))
    except InvalidMarker as exc:
        raise ManifestError(
            f"{text!r} is not an environment marker: {_first_line(exc)}",
            where=origin,
            remedy="write a comparison such as python_version < '3.12', joined by and / or",
        ) from exc


def both_markers(first: str, second: str) -> str:
    """Give the marker that holds when both do."""
    if not first or not second or first == second:
        return first or second
    return " and ".join(f"({m})" if re.search(r"\bor\b", m) else m for m in (first, second))


def check_specifiers(text: str, origin: Origin) -> str:
    """Give PEP 440 specifiers without spaces; ManifestError when they are none."""
    text = text.strip()
    if _SPEC.fullmatch(text):
        return re.sub(r"\s+", "", text)
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier as exc:
        raise ManifestError(
            f"{text!r} is not a version request",
            where=origin,
            remedy="write comparisons such as >=3.11 or ==3.12.*, joined by commas",
        ) from exc


def is_url(text: str) -> bool:
    """Say whether a text begins with a scheme (a Windows drive is none)."""
    match = _SCHEME.match(text)
    return match is not None and match.end() > 2


def source_of_url(url: str, base: str, origin: Origin) -> tuple[Source, tuple[str, ...]]:
    """Give the source that a direct URL means, and the hashes in its fragment.

    Raises ManifestError for a scheme that nothing here fetches, and for a
    password or another secret in the URL: what a URL says is copied into the lock.
    """
    from urllib.parse import unquote, urlsplit, urlunsplit

    url = url.replace("${PROJECT_ROOT}", base).replace("{root:uri}", f"file://{base}")
    if not is_url(url):
        return Source("path", path_of(url, base)), ()
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError as exc:
        raise ManifestError(
            f"{url!r} is not a URL: {exc}", where=origin, remedy="correct it"
        ) from exc
    if password and "${" not in password:
        raise ManifestError(
            "a URL of a package contains a password, which would be copied into the lock",
            where=origin,
            remedy="put the password in ~/.netrc, or write a variable there: ${TOKEN}",
        )
    if secret := secret_parameter(url):
        raise ManifestError(
            f"a URL of a package contains a credential ({secret}=…), which would be copied into the lock",
            where=origin,
            remedy=f"write a variable there: {secret}=${{TOKEN}}",
        )
    fragment = dict(p.partition("=")[::2] for p in parts.fragment.split("&") if p)
    hashes = tuple(f"{k}:{v.lower()}" for k, v in fragment.items() if k in _HASHES)
    subdirectory = unquote(fragment.get("subdirectory", "")).strip("/")
    if parts.scheme == "file":
        path = unquote(parts.path)
        if parts.netloc not in ("", "localhost"):
            path = f"//{parts.netloc}{path}"
        if re.match(r"/[A-Za-z]:[/\\]", path):
            path = path[1:]
        location = path_of(path, base)
        return Source("path", location, subdirectory=subdirectory), hashes
    if parts.scheme in ("http", "https"):
        location = urlunsplit(parts._replace(fragment=""))
        return Source("url", location, subdirectory=subdirectory), hashes
    if parts.scheme.startswith("git+"):
        path, at, revision = parts.path.rpartition("@")
        if not at:
            path, revision = parts.path, ""
        scheme = parts.scheme.removeprefix("git+")
        location = urlunsplit((scheme, parts.netloc, path, parts.query, ""))
        return Source("git", location, revision=revision, subdirectory=subdirectory), hashes
    raise ManifestError(
        f"packages cannot be fetched by {parts.scheme or 'this'!r} URLs: {url}",
        where=origin,
        remedy="use an https:, file: or git+https: URL, or a path",
    )


def path_of(path: str, base: str) -> str:
    """Give the absolute form of a path; one that begins with a variable stays as written."""
    if path.startswith("${"):
        return path
    return os.path.normpath(os.path.join(base, path))


def name_of_archive(file_name: str) -> str:
    """Give the normalised distribution name that an archive's file name holds, or nothing."""
    stem, dot, kind = file_name.rpartition(".")
    if kind == "whl" and dot:
        return normalize_pypi(stem.split("-")[0])
    for suffix in ARCHIVES[1:]:
        if file_name.endswith(suffix):
            name = re.fullmatch(r"(.+?)-\d[^-]*", file_name.removesuffix(suffix))
            return normalize_pypi(name[1]) if name else ""
    return ""


def name_of_url(url: str) -> str:
    """Give the name that a URL without ``name @`` states by ``egg=`` or its file; else nothing.

    An archive of a repository is named after a branch or tag, which is no name.
    """
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    for piece in parts.fragment.split("&"):
        key, _, value = piece.partition("=")
        if key == "egg" and (match := _HEAD.match(unquote(value))):
            return normalize_pypi(match[1])
    if parts.scheme not in ("http", "https") or "/archive/" in parts.path:
        return ""
    return name_of_archive(unquote(parts.path.rpartition("/")[2]))


def _split_url(text: str) -> tuple[str, str]:
    match = re.match(r"(\S+?)(?:\s*;\s|\s+;|;\s*$|\s*$)(.*)", text, re.DOTALL)
    return (match[1], match[2].strip()) if match else (text, "")


def _by_packaging(text: str, origin: Origin) -> Requirement:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed

    try:
        parsed = Parsed(text)
    except InvalidRequirement as exc:
        raise _refused(text, origin, _first_line(exc)) from exc
    return Requirement(
        "pypi",
        normalize_pypi(parsed.name),
        str(parsed.specifier),
        extras=extras_of(",".join(parsed.extras)),
        marker=str(parsed.marker or ""),
        origin=origin,
    )


def _refused(text: str, origin: Origin, reason: str = "") -> ManifestError:
    message = f"{text.strip()!r} is not a requirement"
    return ManifestError(f"{message}: {reason}" if reason else message, where=origin, remedy=REMEDY)


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0].rstrip(": ")
