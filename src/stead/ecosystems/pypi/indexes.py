"""Where PyPI packages come from: the manifest's indexes, and the user's mirror of the default.

A lock names indexes by their short names. Which address serves the default
index on this machine is the machine's business: a company's mirror, set for uv
or pip in the user's or the system's scope, is used and never written down.
Further indexes of that scope are not used: what they bring could not be had
elsewhere.
"""

from __future__ import annotations

import os

from stead.values.errors import ManifestError
from stead.values.frozen import dataclass
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from stead.values.manifest import Index

DEFAULT = "pypi"
"""The short name of the default index."""

_REFERENCE = regex(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = regex(r"[A-Za-z0-9._-]+\Z")
_PIP_INDEX = regex(r"(?im)^\s*index-url\s*[=:]")
_CREDENTIALS = regex(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Place:
    """An index with its address made absolute: a URL, or a directory's path if flat."""

    name: str
    url: str
    flat: bool = False
    explicit: bool = False
    default: bool = False

    def toml(self, *, default: bool | None = None, explicit: bool | None = None) -> str:
        """Give its ``[[index]]`` entry for uv, without the bracketed head."""
        lines = [f"name = {quoted(self.name)}", f"url = {quoted(self.url)}"]
        if self.flat:
            lines.append('format = "flat"')
        if self.explicit if explicit is None else explicit:
            lines.append("explicit = true")
        if self.default if default is None else default:
            lines.append("default = true")
        return "\n".join(lines) + "\n"


def places(indexes: Iterable[Index], environ: Mapping[str, str]) -> tuple[Place, ...]:
    """Make the addresses of a manifest's indexes absolute, in order.

    ``${NAME}`` in an address is taken from ``environ``, so that a manifest need
    hold no credentials. Raises ManifestError for a variable that is not set, or
    for a name that cannot be one.
    """
    found: list[Place] = []
    for index in indexes:
        if not _NAME.match(index.name):
            raise ManifestError(
                f"{index.name!r} cannot be the name of an index",
                where=index.origin,
                remedy="use letters, digits, '-', '_' and '.'",
            )
        url = _expanded(index, environ)
        if "://" not in url:
            path = os.path.expanduser(url) if url.startswith("~") else url
            path = os.path.normpath(os.path.join(index.base, path))
            url = path if index.flat else _file_url(path)
        found.append(Place(index.name, url, index.flat, index.explicit, index.default))
    return tuple(found)


def default_place(found: Sequence[Place], environ: Mapping[str, str]) -> Place | None:
    """Give the default index, if it is another than uv's own.

    That is the manifest's, else the mirror of the user's or the system's scope.
    """
    for place in found:
        if place.default:
            return place
    url = mirror(environ)
    return Place(DEFAULT, url, default=True) if url else None


def mirror(environ: Mapping[str, str]) -> str:
    """Find the address that the user or the system sets for the default index.

    Variables come before files, uv's before pip's, the user's files before the
    system's. Empty when nothing is set. An unreadable file sets nothing.
    """
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if environ.get(name):
            return _url_of(environ[name])
    for path in _uv_files(environ):
        if found := _from_uv(path):
            return found
    if environ.get("PIP_INDEX_URL"):
        return _url_of(environ["PIP_INDEX_URL"])
    for path in _pip_files(environ):
        if found := _from_pip(path):
            return found
    return ""


def without_credentials(url: str) -> str:
    """Give a URL without user and password, for messages and locks."""
    return _CREDENTIALS.sub("", url)


def quoted(text: str) -> str:
    """Quote a text for TOML (a basic string; JSON's escapes are among TOML's)."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _expanded(index: Index, environ: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in environ:
            raise ManifestError(
                f"the address of index {index.name!r} names the variable {match[1]}, "
                "which is not set",
                where=index.origin,
                remedy=f"export {match[1]}",
            )
        return environ[match[1]]

    return _REFERENCE.sub(value, index.url)


def _file_url(path: str) -> str:
    from pathlib import Path

    return Path(path).as_uri()


def _url_of(text: str) -> str:
    """Take the address out of ``name=URL``, which uv's variables may hold."""
    name, sign, url = text.strip().partition("=")
    return url if sign and _NAME.match(name) and "://" in url else text.strip()


def _uv_files(environ: Mapping[str, str]) -> list[str]:
    if environ.get("UV_CONFIG_FILE"):
        return [environ["UV_CONFIG_FILE"]]
    files = []
    home = environ.get("HOME", "")
    user = environ.get("XDG_CONFIG_HOME") or (home and os.path.join(home, ".config"))
    if environ.get("APPDATA"):
        user = environ["APPDATA"]
    if user:
        files.append(os.path.join(user, "uv", "uv.toml"))
    system = [d for d in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if d]
    files += [os.path.join(d, "uv", "uv.toml") for d in system]
    return [*files, "/etc/uv/uv.toml"]


def _from_uv(path: str) -> str:
    if not os.path.isfile(path):
        return ""
    import tomllib

    try:
        with open(path, "rb") as file:
            data: dict[str, Any] = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return ""
    entries = data.get("index")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("default") and isinstance(entry.get("url"), str):
            return str(entry["url"])
    for table in (data, data.get("pip", {})):
        if isinstance(table, dict) and isinstance(table.get("index-url"), str):
            return str(table["index-url"])
    return ""


def _pip_files(environ: Mapping[str, str]) -> list[str]:
    files = []
    if environ.get("PIP_CONFIG_FILE"):
        files.append(environ["PIP_CONFIG_FILE"])
    home = environ.get("HOME", "")
    config = environ.get("XDG_CONFIG_HOME") or (home and os.path.join(home, ".config"))
    if config:
        files.append(os.path.join(config, "pip", "pip.conf"))
    if home:
        files += [
            os.path.join(home, ".pip", "pip.conf"),
            os.path.join(home, "Library", "Application Support", "pip", "pip.conf"),
        ]
    if environ.get("APPDATA"):
        files.append(os.path.join(environ["APPDATA"], "pip", "pip.ini"))
    system = [d for d in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if d]
    return [*files, *(os.path.join(d, "pip", "pip.conf") for d in system), "/etc/pip.conf"]


def _from_pip(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return ""
    # Most such files speak of other things, and this is asked at each test run.
    if not _PIP_INDEX.search(text):
        return ""
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
        return parser.get("global", "index-url", fallback="").strip()
    except configparser.Error:
        return ""
