"""Fetching an interpreter where none fits, through uv.

uv knows the addresses and the sha256 of every archive, verifies, unpacks
safely and locks its directory against a second process; what it installs here
lies under ``$STEAD_HOME/interpreters``, apart from its own.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from stead.ecosystems.interpreters.growth import watched
from stead.ecosystems.interpreters.places import fetched_directory
from stead.ecosystems.interpreters.request import parse
from stead.values.errors import (
    ArtifactError,
    HashMismatchError,
    InterpreterError,
    NetworkError,
    StoreError,
)

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.errors import SteadError
    from stead.values.interpreter import Interpreter
    from stead.values.origin import Origin

# Of uv's own settings those that say from where and how to download. Others could put the
# interpreter elsewhere, or into directories on PATH that are the user's.
_KEPT = frozenset(
    {
        "UV_PYTHON_INSTALL_MIRROR",
        "UV_PYPY_INSTALL_MIRROR",
        "UV_GRAALPY_INSTALL_MIRROR",
        "UV_ASTRAL_MIRROR_URL",
        "UV_PYTHON_DOWNLOADS_JSON_URL",
        "UV_PYTHON_DOWNLOADS",
        "UV_PYTHON_CACHE_DIR",
        "UV_NATIVE_TLS",
        "UV_SYSTEM_CERTS",
        "UV_INSECURE_HOST",
        "UV_HTTP_TIMEOUT",
        "UV_HTTP_CONNECT_TIMEOUT",
        "UV_HTTP_RETRIES",
        "UV_KEYRING_PROVIDER",
        "UV_LIBC",
    }
)


_NETWORK = (
    "connection",
    "connect)",
    "dns error",
    "request failed",
    "error sending request",
    "error decoding response",
    "timed out",
    "status code",
    "http status",
)


def fetch(request: str, context: Context, *, where: Origin | None = None) -> Interpreter:
    """Fetch the newest interpreter that fits, and give it.

    Mirrors are taken from the variables uv has for them
    (``UV_PYTHON_INSTALL_MIRROR``, ``UV_PYTHON_DOWNLOADS_JSON_URL``).

    Raises NetworkError, HashMismatchError, StoreError (no room, no permission),
    and InterpreterError where no such interpreter is to be had.
    """
    from uv import find_uv_bin

    target = fetched_directory(str(context.home))
    os.makedirs(target, exist_ok=True)
    # Asked for nothing, uv would look for a version file in the directories above.
    asked = uv_request(request) or f"{sys.version_info[0]}.{sys.version_info[1]}"
    title = f"fetching Python {request}".rstrip()
    with context.progress.task(title, unit="B") as task, watched(target, task):
        ended = context.run(
            [
                find_uv_bin(),
                "python",
                "install",
                "--no-bin",
                "--no-registry",
                # It caches nothing here, but would make its directory in the user's home.
                "--no-cache",
                "--color=never",
                "--install-dir",
                target,
                asked,
            ],
            # A uv.toml of the directory Stead is called in has no say; the user's own has.
            cwd=target,
            env=environment(context),
        )
    from stead.ecosystems.interpreters.find import describe, discovered, find_fetched

    if ended.returncode:
        error = translate(request, ended.stderr, where)
        error.details += sources(context)
        if isinstance(error, InterpreterError):
            error.details += ("found were:", *describe(discovered(context)))
        raise error
    found = find_fetched(request, context)
    if found is None:
        raise InterpreterError(
            f"the Python fetched for {request!r} does not run on this machine",
            where=where,
            details=ended.stderr.strip().splitlines(),
            remedy=f"install one by other means; what was fetched lies in {target}",
        )
    return found


def uv_request(request: str) -> str:
    """Say a request in uv's language; empty for none in particular."""
    asked = parse(request)
    # One version alone is not a range to uv, but what it calls a version.
    alone = len(asked.clauses) == 1 and asked.clauses[0].startswith("==")
    versions = asked.clauses[0][2:].removesuffix(".*") if alone else ",".join(asked.clauses)
    if asked.threading:
        versions += "t" if alone else "+freethreaded"
    if asked.implementation == "cpython":
        return versions
    return f"{asked.implementation}@{versions}" if versions else asked.implementation


def environment(context: Context) -> dict[str, str]:
    """Give the variables uv is to run with."""
    kept = {k: v for k, v in context.environ.items() if not k.startswith("UV_") or k in _KEPT}
    return {**kept, "UV_PYTHON_INSTALL_BIN": "0", "UV_NO_PROGRESS": "1"}


def sources(context: Context) -> tuple[str, ...]:
    """Say what the user has set about where archives come from, without credentials."""
    return tuple(
        f"{name}={re.sub(r'(?<=://)[^/@]*@', '', context.environ[name])}"
        for name in sorted(_KEPT)
        if name.endswith(("_MIRROR", "_URL")) and context.environ.get(name)
    )


def translate(request: str, said: str, where: Origin | None) -> SteadError:
    """Turn what uv said into the error it means."""
    lines = [line.strip() for line in said.splitlines()]
    details = [line for line in lines if line and not line.startswith(("Download", "Install"))]
    text = said.lower()
    what = f"Python {request}".rstrip()
    if "hash mismatch" in text or "checksum" in text:
        return HashMismatchError(
            f"the archive of {what} is not what its list says",
            where=where,
            details=details,
            remedy="look at the mirror it came from; nothing was installed",
        )
    if "no space left" in text:
        return StoreError(
            f"no space is left to unpack {what}",
            where=where,
            details=details,
            remedy="make room (`stead gc` removes what no place uses)",
        )
    if "permission denied" in text or "read-only file system" in text:
        return StoreError(f"no permission to install {what}", where=where, details=details)
    if "no download" in text or "downloads are" in text or "invalid version request" in text:
        return InterpreterError(
            f"no interpreter fits {request!r}, and none can be fetched",
            where=where,
            details=details,
            remedy="ask for a version that is released for this platform",
        )
    if any(word in text for word in _NETWORK):
        return NetworkError(
            f"{what} could not be fetched",
            where=where,
            details=details,
            remedy="look at the network, set UV_PYTHON_INSTALL_MIRROR to a mirror in reach, or "
            "install one (`pyenv install`, the system's packages)",
        )
    return ArtifactError(f"{what} could not be installed", where=where, details=details)
