"""rattler as Stead sets it up: caches below the home directory, credentials, translated errors."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stead.ecosystems.conda.channels import redacted
from stead.values.errors import ArtifactError, NetworkError, SteadError, StoreError

if TYPE_CHECKING:
    from rattler import Gateway
    from rattler.networking import Client

    from stead.values.context import Context

_URL = re.compile(r"https?://[^\s)\"'`]+")
_STATUS = re.compile(r"(?<![\w./-])(?:401|403|404)(?![\w./-])")
"""A status among words, not within the name of a file or a hash."""
_NO_ROOM = ("No space left", "os error 28", "Disk quota", "os error 122")
_NO_PERMISSION = ("Permission denied", "os error 13", "Read-only file system", "os error 30")
_NETWORK = re.compile(
    r"error sending request|[cC]onnection|timed out|dns error|HTTP status|"
    r"error (decoding|reading)|body error|IncompleteMessage|status code"
)


def cache_directory(context: Context) -> str:
    """Give the directory of conda's caches."""
    return os.path.join(context.home, "packages", "conda")


def client(*, offset: int = 0) -> Client:
    """Make a client with retries and the usual credentials: rattler's own files and keyring, netrc.

    ``offset`` is how many bytes of a file are there already.
    """
    from rattler.networking import Client

    headers = {"Range": f"bytes={offset}-"} if offset else None
    return Client.default_client(headers=headers, user_agent="stead")


def gateway(context: Context, *, anew: bool = False) -> Gateway:
    """Make a gateway to the channels' indexes; offline, it only knows what is cached.

    ``anew`` asks for all of them, whatever is cached.
    """
    from rattler import Gateway
    from rattler.repo_data.gateway import SourceConfig

    cache = os.path.join(cache_directory(context), "repodata")
    usual = "no-cache" if anew else "cache-or-fetch"
    action = "force-cache-only" if context.offline else usual
    return Gateway(
        cache_dir=cache,  # type: ignore[arg-type]
        default_config=SourceConfig(cache_action=action),  # type: ignore[arg-type]
        client=client(),
    )


def failures() -> tuple[type[Exception], ...]:
    """Give the exceptions that rattler's functions raise when what they do fails."""
    from rattler import exceptions

    return (
        OSError,
        RuntimeError,
        exceptions.CacheDirError,
        exceptions.ConversionError,
        exceptions.ExtractError,
        exceptions.FetchRepoDataError,
        exceptions.GatewayError,
        exceptions.InstallerError,
        exceptions.InvalidChannelError,
        exceptions.InvalidUrlError,
        exceptions.IoError,
        exceptions.LinkError,
        exceptions.TransactionError,
    )


def is_unchanged(exc: Exception) -> bool:
    """Say whether an index failed although the server only said that it is as it was.

    rattler takes 304 for an error where it does not repeat the time that it was asked with. It
    need not, and some servers (Python's own) do not: such an index is to be asked for anew.
    """
    return "status code (304" in str(exc)


def translated(exc: Exception, doing: str, *, remote: bool = False) -> SteadError:
    """Give Stead's error for one of rattler's.

    ``doing`` says what failed, as a sentence's start; ``remote`` that it was
    about the network, so that what has no better reason is the network's fault.
    """
    reasons = _reasons(str(exc))
    text = "\n".join(reasons)
    if any(sign in text for sign in _NO_ROOM):
        return StoreError(
            f"{doing}: the disk is full", details=reasons, remedy="free some space: `stead gc`"
        )
    if "outside of destination path" in text:
        return ArtifactError(
            f"{doing}: it would write outside of where it is unpacked",
            details=reasons,
            remedy="the archive means harm: take another build of it, or another channel",
        )
    if "no usable repodata cache" in text:
        return NetworkError(
            f"{doing}: the channel's index was never fetched, and this is offline",
            details=reasons,
            remedy="run it once with network access",
        )
    said = _URL.sub("", text)  # a port may hold the digits of a status
    status = _STATUS.search(said)
    refused = status is not None and status[0] != "404"
    if refused:
        return NetworkError(
            f"{doing}: the channel refused the credentials, or wants some",
            details=reasons,
            remedy="put them into ~/.netrc or rattler's credentials file",
        )
    if "could not find subdir" in text or status is not None:
        return ArtifactError(
            f"{doing}: it is not there", details=reasons, remedy="check the channel's name"
        )
    no_permission = any(sign in text for sign in _NO_PERMISSION)
    if not no_permission and (remote or (_URL.search(text) and _NETWORK.search(text))):
        return NetworkError(
            f"{doing}: the network, or the server, did not answer",
            details=reasons,
            remedy="try again; `--offline` uses what is cached",
        )
    if no_permission:
        return StoreError(
            f"{doing}: no permission", details=reasons, remedy="check who owns $STEAD_HOME"
        )
    return ArtifactError(f"{doing}: it failed", details=reasons)


def _reasons(text: str) -> list[str]:
    lines = [line.strip().removeprefix("Caused by: ") for line in text.splitlines()]
    return [_URL.sub(lambda m: redacted(m.group()), line) for line in lines if line]
