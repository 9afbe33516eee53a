"""uv's complaints as errors of Stead: which kind, in plain words, without uv's options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stead.ecosystems.pypi.indexes import without_credentials
from stead.ecosystems.pypi.question import PROJECT
from stead.values.errors import (
    ArtifactError,
    HashMismatchError,
    NetworkError,
    SteadError,
    StoreError,
    UnsatisfiableError,
)
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable

TAIL = 30
"""Lines of a failed build's log that an error shows."""

_LOG = regex(r"(DEBUG|TRACE|INFO) ")
_MARKED = regex(r"\{[^{}]*\}")
_HASH = regex(
    r"Hash mismatch for `(?P<what>[^`]+)`\s+Expected:\s+(?P<expected>.*?)"
    r"\s+Computed:\s+(?P<found>.*?)(?=\n\s*(?:cause|error|hint)|\Z)",
    re.DOTALL,
)
_UNREACHABLE = regex(
    r"Could not connect|error sending request|dns error|Connection refused|timed out|"
    r"Failed to fetch|Request failed after|error decoding response body|connection closed|"
    r"[Cc]ould not resolve host|unable to access|Connection reset|end of file before message"
)
_CERTIFICATE = regex(r"invalid peer certificate|certificate verify failed|UnknownIssuer")
_STATUS = regex(r"HTTP status (?:client|server) error \((\d+)[^)]*\)")
_REFUSED = regex(
    r"index URL \((\S+)\) (?:could not be queried|returned a).*?\(?(\d{3}) (?:Unauthorized|Forbidden)"
)
_URL = regex(r"(?:https?|file|ssh|git\+[a-z]+)://[^\s`'\")]+")
_NOT_THERE = regex(r"Distribution not found at: file://(\S+)")
_BUILD = regex(
    r"Failed to (?:download and )?build(?:able)? |build backend|Build backend|"
    r"Failed to (?:prepare|resolve requirements from)"
)


def translate(
    stderr: str, *, origin: Callable[[str], str] | None = None, build_sources: bool = True
) -> SteadError:
    """Give the error that uv's standard error speaks of.

    ``origin`` says where a distribution comes from, by its normalised name, for
    messages that name one. ``build_sources`` says whether uv was allowed to build.
    """
    text = _without_log(stderr)
    if match := _HASH.search(text):
        return _hash_mismatch(match, origin)
    if "No space left on device" in text or "os error 28" in text:
        return StoreError("the disk is full", details=_causes(text), remedy="make room, then retry")
    if "Permission denied" in text and "git" not in text.lower():
        return StoreError("the store may not be written", details=_causes(text)[:3])
    if refused := _REFUSED.search(text):
        return _refused(f"{refused[1]} ", int(refused[2]))
    if "No solution found" in text or "requirements are unsatisfiable" in text:
        return _unsatisfiable(text)
    if status := _STATUS.search(text):
        return _refused(text, int(status[1]))
    if "network was disabled" in text or "etwork connectivity is" in text:
        return offline(text)
    if "Git operation failed" in text:
        return _git(text)
    if _BUILD.search(text) and not _fetch_failed(text):
        return _build(text, allowed=build_sources)
    if _UNREACHABLE.search(text):
        lines = _causes(text)
        what = re.match(r"Failed to (?:download|fetch|prepare)[^`]*`([^`]+)`", lines[0])
        return NetworkError(
            f"{without_credentials(what[1])} cannot be downloaded"
            if what
            else f"{_first_url(text) or 'the package index'} cannot be reached",
            details=[_plain(line) for line in lines[-1:]],
            remedy="SSL_CERT_FILE or SSL_CERT_DIR names the certificates to trust, where the network "
            "or the index has its own"
            if _CERTIFICATE.search(text)
            else "look at the network, the proxy and the index's address; "
            "--offline uses what is cached",
        )
    if missing := _NOT_THERE.search(text):
        from urllib.parse import unquote

        return ArtifactError(
            f"{unquote(missing[1])} is not there, and is asked for",
            remedy="bring it back, or take out the requests for it (of a module that was taken away, its "
            "tables of stead.toml)",
        )
    lines = _causes(text)
    return ArtifactError(
        _plain(lines[0]) if lines else "uv failed without a word", details=lines[1:TAIL]
    )


def offline(text: str) -> SteadError:
    """Give the error for what is not in the cache while the network may not be asked."""
    urls = [without_credentials(u) for u in _URL.findall(text)]
    return NetworkError(
        "not everything is cached, and the network is not to be used",
        details=[f"missing: {u}" for u in dict.fromkeys(urls)][:TAIL] or _causes(text)[:TAIL],
        remedy="run it once without --offline",
    )


def _without_log(stderr: str) -> str:
    return "\n".join(
        line
        for line in stderr.splitlines()
        if not _LOG.match(line) and not line.startswith("WARN ")
    )


def _causes(text: str) -> list[str]:
    """Give the lines of the error and its causes, without their marks; no hints."""
    found: list[str] = []
    for line in text.split("\nhint:", maxsplit=1)[0].splitlines():
        stripped = (
            line.strip().removeprefix("\u00d7").removeprefix("╰─▶").removeprefix("├─▶").strip()
        )
        if match := re.match(r"(?:error|cause|Caused by|caused by):\s*(.*)", stripped):
            found.append(match[1])
        elif stripped and found:
            found.append(stripped)
    return [without_credentials(line) for line in found]


def _plain(line: str) -> str:
    """Take what only means something inside uv out of a line."""
    line = _MARKED.sub("", line)  # numpy{python_full_version < '3.14'}: uv's forks
    line = line.replace(f"{PROJECT} depends on", "the manifests ask for")
    line = line.replace(f"{PROJECT} (pyproject.toml)", "the manifests").replace(
        PROJECT, "the manifests"
    )
    line = re.sub(r"\s*\((?:e\.g\., |i\.e\., )?with `--[^)]*\)", "", line)
    line = line.replace("we can conclude that ", "")
    return without_credentials(line)


def _unsatisfiable(text: str) -> SteadError:
    lines = [_plain(line) for line in _causes(text)]
    lines = [line for line in lines if not line.startswith("No solution found")]
    if len(lines) == 1 and "was not found in the package registry" in lines[0]:
        name = re.match(r"Because (\S+) was not found", lines[0])
        if name:
            return UnsatisfiableError(
                f"no index has a package {name[1]!r}",
                details=[_sentence(lines[0])],
                remedy="look at its spelling, and at the indexes",
            )
    if (
        any("was not found in the cache" in line for line in lines)
        or "network was disabled" in text
    ):
        return NetworkError(
            "what is cached does not satisfy the request, and the network is not to be used",
            details=[_sentence(line) for line in lines],
            remedy="run it once without --offline",
        )
    hints = [_plain(h) for h in re.findall(r"^hint: (.*)", text, re.MULTILINE) if "--" not in h]
    return UnsatisfiableError(
        "no versions of the PyPI packages satisfy all requests",
        details=[*(_sentence(line) for line in lines), *hints],
        remedy="relax or remove one of these requests",
    )


def _sentence(line: str) -> str:
    return line.replace("your requirements are unsatisfiable", "the requests cannot all be met")


def _hash_mismatch(match: re.Match[str], origin: Callable[[str], str] | None) -> SteadError:
    what = match["what"]
    name = re.split(r"==| @ |\[", what)[0].strip()
    where = origin(name) if origin else ""
    expected = " or ".join(match["expected"].split())
    found = " ".join(match["found"].split())
    return HashMismatchError(
        f"{without_credentials(what)}{f' from {where}' if where else ''} is not the file that was locked",
        details=(f"locked: {expected}", f"found:  {found}"),
        remedy="find out who changed it; "
        f"if the change is meant, `stead lock --upgrade {name}` takes it",
    )


def _refused(text: str, status: int) -> SteadError:
    url = _first_url(text)
    if status in (401, 403):
        return NetworkError(
            f"{url} asks for credentials ({status})",
            remedy="give them in ~/.netrc, in UV_INDEX_NAME_USERNAME and _PASSWORD, or in a keyring",
        )
    if status in (404, 410):
        return ArtifactError(f"there is nothing at {url} ({status})", remedy="look at the address")
    return NetworkError(f"{url} answered with an error ({status})", remedy="try again later")


def _first_url(text: str) -> str:
    found = _URL.search(text)
    return without_credentials(found[0]).rstrip(".,:;") if found else ""


def _fetch_failed(text: str) -> bool:
    """Say whether a build failed for want of the network rather than by itself."""
    return bool(_UNREACHABLE.search(text)) and "[stderr]" not in text


def _build(text: str, *, allowed: bool) -> SteadError:
    lines = _causes(text)
    what = re.search(r"`([^`]+)`", lines[0]) if lines else None
    name = what[1].split(" @ ")[0] if what else "a package"
    if not allowed and ("Building source distributions" in text or "--no-build" in text):
        return no_build(name)
    log = [line for line in text.splitlines() if line.strip()]
    return ArtifactError(
        f"{name} cannot be built from source",
        details=[without_credentials(_plain(line)) for line in log[-TAIL:]],
        remedy="read the log above: a compiler or a library may be missing, "
        "or a version with a wheel may be had",
    )


def no_build(name: str) -> SteadError:
    """Give the error for a package that would have to be built, which is not allowed."""
    return ArtifactError(
        f"{name} must be built from source, which is not allowed for an untrusted lock",
        remedy="read the place's files, then `stead trust`",
    )


def _git(text: str) -> SteadError:
    lines = _causes(text)
    what = re.search(r"`([^`]+)`", lines[0]) if lines else None
    said = [m.strip() for m in re.findall(r"^\s*(?:fatal|error|ERROR): (.*)$", text, re.MULTILINE)]
    said = [line for line in said if not line.startswith("Failed to")]
    if re.search(
        r"[Cc]ould not resolve host|unable to access|Connection (?:refused|timed out)", text
    ):
        return NetworkError(
            f"{without_credentials(what[1]) if what else 'a git repository'} cannot be reached",
            details=said[:5],
            remedy="look at the network and the address",
        )
    return ArtifactError(
        f"{without_credentials(what[1]) if what else 'a git source'} cannot be fetched",
        details=said[:5] or lines[1:6],
        remedy="look at the address and the revision",
    )
