"""The server's configuration: each value with where it came from.

What wins: a flag, else a variable ``STEAD_SERVER_NAME``, else the TOML file, else the
default. A secret stands in none of them: only where it is to be had (``env:``,
``keyring:``, ``age:``, ``sops:``, ``command:``), read when the server starts.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from stead.values.errors import ManifestError, UsageError
from stead.values.names import nearest
from stead.values.origin import Origin
from stead.values.secret import parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.secret import SecretReference

VARIABLE = "STEAD_SERVER_"
FILE_VARIABLE = "STEAD_SERVER_CONFIG"
DEFAULT = "default"
"""The origin of a value that nobody gave."""

MIB = 2**20


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What a server or worker is started with.

    ``origins`` tells of each value where it was given: ``default``, ``FILE:LINE``, a
    variable's name or a flag.
    """

    host: str = field(default="127.0.0.1", metadata={"help": "the address to listen on"})
    port: int = field(default=8787, metadata={"help": "the port to listen on; 0 for any free one"})
    data: str = field(
        default="", metadata={"help": "the directory for what is kept; below STEAD_HOME by default"}
    )
    database: str = field(
        default="",
        metadata={"help": "sqlite:///PATH or postgresql://…; a file in the data directory"},
    )
    database_password: str = field(
        default="",
        metadata={
            "help": "where the database's password is to be had: env:NAME, …",
            "secret": True,
        },
    )
    blobs: str = field(
        default="",
        metadata={
            "help": "file:///DIR or s3://BUCKET/PREFIX, …; a directory in the data directory"
        },
    )
    blob_options: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"help": "options of the artifact store, by name; secrets as references"},
    )
    workers: int = field(default=2, metadata={"help": "worker processes to start; 0 for none"})
    capacity: int = field(default=2, metadata={"help": "builds that a worker works on at once"})
    public: tuple[str, ...] = field(
        default=("default/*",),
        metadata={"help": "what may be seen without logging in, as NAMESPACE/NAME with `*`"},
    )
    cors: tuple[str, ...] = field(
        default=(),
        metadata={"help": "the origins whose pages may call the API, or `*`"},
    )
    body_limit: int = field(
        default=16 * MIB, metadata={"help": "the largest body of a request, in bytes"}
    )
    page_size: int = field(default=100, metadata={"help": "the longest page of a list"})
    log: str = field(
        default="auto",
        metadata={"help": "how logs are written: json, text, or auto: text on a terminal"},
    )
    publish: str = field(
        default="",
        metadata={"help": "a directory that a worker keeps current, with each environment in it"},
    )
    watch: tuple[str, ...] = field(
        default=(),
        metadata={"help": "directories or files that fill namespaces, as DIR=NAMESPACE"},
    )
    git: tuple[Mapping[str, Any], ...] = field(
        default=(),
        metadata={"help": "repositories that fill namespaces, as URL=NAMESPACE; tables in a file"},
    )
    git_credentials: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"help": "references to USER:PASSWORD or a token, by a host or URL of git's"},
    )
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def secrets(self) -> dict[str, SecretReference]:
        """Give the references to secrets, by the name of what needs them."""
        found: dict[str, SecretReference] = {}
        if self.database_password:
            reference = parse_reference(self.database_password, self.data)
            assert reference is not None
            found["database_password"] = reference
        for table in ("blob_options", "git_credentials"):
            for name, text in getattr(self, table).items():
                reference = parse_reference(text, self.data)
                if reference is not None:
                    found[f"{table}.{name}"] = reference
        return found


def _names() -> tuple[str, ...]:
    return tuple(f.name for f in fields(ServerConfig) if f.name != "origins")


NAMES = _names()
"""The names of all values, as Python writes them; elsewhere with ``-``."""

HELP: dict[str, str] = {
    f.name: f.metadata["help"] for f in fields(ServerConfig) if f.name != "origins"
}


def load(
    *,
    home: str,
    environ: Mapping[str, str],
    flags: Mapping[str, str | list[str]],
    file: str = "",
) -> ServerConfig:
    """Put the configuration together.

    ``flags`` has the values given on the command line by name, lists in parts; ``file`` is the TOML file
    that must be there, by default ``$STEAD_SERVER_CONFIG`` if set. Raises ManifestError for
    a file, UsageError for a variable or flag that is wrong, with where it stands.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    path = file or environ.get(FILE_VARIABLE, "")
    if path:
        for name, (value, origin) in _from_file(os.path.abspath(path)).items():
            values[name], origins[name] = value, str(origin)
    for variable, text in sorted(environ.items()):
        if not variable.startswith(VARIABLE) or variable == FILE_VARIABLE:
            continue
        name = variable.removeprefix(VARIABLE).lower()
        if name not in NAMES:
            close = nearest(name, NAMES)
            meant = f"; did you mean {VARIABLE}{close.upper()}?" if close else ""
            raise UsageError(
                f"the variable {variable} means nothing to the server{meant}",
                remedy=f"unset it, or see `stead serve --help` (names begin with {VARIABLE})",
            )
        values[name], origins[name] = _of_text(name, text, variable), variable
    for name, given in flags.items():
        flag = f"--{name.replace('_', '-')}"
        values[name], origins[name] = _of_text(name, given, flag), flag
    for name, instead in (("database", "database-password"), ("blobs", "blob-options")):
        if name in values and not origins[name].startswith(VARIABLE):
            _refuse_password(values[name], origins[name], instead)
    if not origins.get("blob_options", "").startswith(VARIABLE):
        _refuse_secrets(values.get("blob_options", {}), origins)
    data = values.get("data") or os.path.join(home, "server")
    values["data"] = os.path.abspath(data)
    if values.get("publish"):
        values["publish"] = os.path.abspath(values["publish"])
    values["database"] = values.get("database") or f"sqlite:///{values['data']}/stead.sqlite"
    values["blobs"] = values.get("blobs") or f"file://{values['data']}/blobs"
    config = ServerConfig(**values, origins={n: origins.get(n, DEFAULT) for n in NAMES})
    _check(config)
    return config


def shown(config: ServerConfig) -> dict[str, dict[str, Any]]:
    """Give each value and its origin; passwords within URLs are not shown."""
    found: dict[str, dict[str, Any]] = {}
    for name in NAMES:
        value = getattr(config, name)
        if isinstance(value, str):
            value = without_password(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif name == "blob_options":
            value = {k: "…" if _is_secret(k, v) else v for k, v in value.items()}
        elif name == "git_credentials":
            value = {k: v if parse_reference(v, "/") else "…" for k, v in value.items()}
        found[name.replace("_", "-")] = {"value": value, "origin": config.origins[name]}
    return found


def without_password(url: str) -> str:
    """Write a URL with ``…`` for its passwords, those of its query too; other text as it is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    if parts.password:
        user, _, host = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.partition(':')[0]}:…@{host}")
    if _SECRET.search(parts.query):
        pairs = [each.partition("=") for each in parts.query.split("&")]
        shown = [f"{k}=…" if _is_secret(k, v) else f"{k}{e}{v}" for k, e, v in pairs]
        parts = parts._replace(query="&".join(shown))
    elif not urlsplit(url).password:
        return url
    return urlunsplit(parts)


_SECRET = re.compile(
    r"pass(?:word|wd)|secret|token|credential|signature|(?:account|access|private|storage|master).?key(?!.?id)"
    r"|(?:^|_)(?:sas|key)(?:$|_key)",
    re.IGNORECASE,
)
"""How options are called that hold secrets."""


def _is_secret(name: str, value: str) -> bool:
    return _SECRET.search(name) is not None and parse_reference(value, "/") is None


def _refuse_secrets(options: Mapping[str, str], origins: Mapping[str, str]) -> None:
    for name, value in options.items():
        if _is_secret(name, value):
            raise UsageError(
                f"blob-options must say where {name} is to be had, not what it is",
                where=origins["blob_options"],
                remedy="write env:NAME, keyring:SERVICE#USER, age:FILE#KEY or command:…",
            )


def _from_file(path: str) -> dict[str, tuple[Any, Origin]]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        table = tomllib.loads(text)
    except OSError as exc:
        raise ManifestError(
            f"the configuration cannot be read: {exc.strerror}", where=Origin(path)
        ) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ManifestError(f"this is not TOML: {exc}", where=Origin(path)) from exc
    found: dict[str, tuple[Any, Origin]] = {}
    for key, value in table.items():
        name, origin = key.replace("-", "_"), Origin(path, _line_of(text, key))
        if name not in NAMES:
            close = nearest(key, [n.replace("_", "-") for n in NAMES])
            meant = f"; did you mean {close!r}?" if close else ""
            raise ManifestError(
                f"{key!r} means nothing to the server{meant}",
                where=origin,
                remedy="see `stead serve --help` for what there is",
            )
        found[name] = (_checked_kind(name, value, origin), origin)
    return found


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        head = line.partition("=")[0].strip().strip("[]").strip().strip("\"'")
        if head == key:
            return number
    return 0


def _default_of(name: str) -> Any:
    return getattr(_DEFAULTS, name)


def _checked_kind(name: str, value: Any, origin: Origin) -> Any:
    """Check a value of the file; raises ManifestError."""
    wanted = _default_of(name)
    if name == "git":
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            for each in value:
                _refuse_password(str(each.get("url", "")), str(origin), "git-credentials")
            return tuple(value)
        raise ManifestError("git must be tables, each begun by [[git]]", where=origin)
    if isinstance(wanted, tuple):
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise ManifestError(f"{name.replace('_', '-')} must be a list of texts", where=origin)
    if isinstance(wanted, int):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise ManifestError(f"{name.replace('_', '-')} must be a whole number", where=origin)
    if isinstance(wanted, str):
        if isinstance(value, str):
            return value
        raise ManifestError(f"{name.replace('_', '-')} must be a text", where=origin)
    if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
        return dict(value)
    raise ManifestError(f"{name.replace('_', '-')} must be a table of texts", where=origin)


def _of_text(name: str, text: str | list[str], where: str) -> Any:
    """Read a value of a variable or flag, a list also in parts; raises UsageError."""
    wanted = _default_of(name)
    if isinstance(wanted, tuple):
        parts = text.split(",") if isinstance(text, str) else text
        found = tuple(each.strip() for each in parts if each.strip())
        return tuple(_repository(each, where) for each in found) if name == "git" else found
    assert isinstance(text, str)
    if isinstance(wanted, int):
        if not text.strip().isascii() or not text.strip().isdigit():
            raise UsageError(f"{where} must be a whole number, and is {text!r}")
        return int(text)
    if isinstance(wanted, str):
        return text
    pairs = [each.partition("=") for each in text.split(",") if each.strip()]
    if not all(equals and key.strip() for key, equals, _ in pairs):
        raise UsageError(f"{where} must be NAME=VALUE, several joined by commas")
    return {key.strip(): value for key, _, value in pairs}


def _repository(text: str, where: str) -> dict[str, str]:
    url, equals, namespace = text.rpartition("=")
    if not equals:
        raise UsageError(f"{where} must be URL=NAMESPACE, and has {without_password(text)!r}")
    _refuse_password(url, where, "git-credentials")
    return {"url": url, "namespace": namespace}


def _refuse_password(url: str, where: str, value: str = "database-password") -> None:
    if without_password(url) != url:
        raise UsageError(
            "a password does not belong here, where others can read it",
            where=where,
            remedy=f"write the URL without it, and give `{value}` a reference such as env:NAME",
        )


def _check(config: ServerConfig) -> None:
    def wrong(name: str, why: str, remedy: str = "") -> UsageError:
        return UsageError(
            f"{name.replace('_', '-')} {why}", where=config.origins[name], remedy=remedy
        )

    if config.port > 65535 or config.port < 0:
        raise wrong("port", "must be from 0 to 65535")
    if config.log not in ("auto", "json", "text"):
        raise wrong("log", f"must be auto, json or text, and is {config.log!r}")
    for name in ("page_size", "body_limit", "capacity"):
        if getattr(config, name) < 1:
            raise wrong(name, "must be at least 1")
    if config.workers < 0:
        raise wrong("workers", "must be at least 0")
    for name in ("database", "blobs"):
        if "://" not in getattr(config, name):
            raise wrong(name, "must be a URL")
    for origin in config.cors:
        if origin != "*" and _ORIGIN.fullmatch(origin) is None:
            raise wrong(
                "cors",
                f"has {origin!r}, which is no origin",
                remedy="write `*`, or SCHEME://HOST or SCHEME://HOST:PORT with no `/` at its end",
            )
    for glob in config.public:
        if glob.count("/") != 1:
            raise wrong("public", f"has {glob!r}, which is not NAMESPACE/NAME")
    for address, text in config.git_credentials.items():
        if parse_reference(text, config.data) is None:
            raise wrong(
                "git_credentials",
                f"must say where the password for {address} is to be had, not what it is",
                remedy="write env:NAME, keyring:SERVICE#USER, age:FILE#KEY or command:…",
            )
    password = config.database_password
    if password and parse_reference(password, config.data) is None:
        raise wrong(
            "database_password",
            "must say where the password is to be had, not what it is",
            remedy="write env:NAME, keyring:SERVICE#USER, age:FILE#KEY, sops:FILE#KEY or command:…",
        )


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+")
_DEFAULTS = ServerConfig()
