"""A git repository: one commit of it, brought here without its history, and its files.

Nothing is checked out, so nothing of the repository is run or followed. Git's own
configuration of this machine takes no part. Credentials are handed to git in variables of
its process, by a helper that it asks for their address alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from stead.server.sources.files import Found, found_of, matches, readable, too_large
from stead.server.specs.checks import MOST_BYTES
from stead.server.values import ServerError

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

SECONDS = 600.0
"""How long git may take."""

_OURS = "refs/stead/wanted"
_HELPER = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$STEAD_GIT_USER" "$STEAD_GIT_PASSWORD"; }; f'
_FILE = "100"
"""How the modes of regular files begin; links and other repositories have others."""


class GitError(ServerError):
    """A repository cannot be had."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What is shown to a repository's server; a text without ``USER:`` is a token."""

    address: str
    secret: str = field(repr=False)

    def admits(self, url: str) -> bool:
        """Say whether it is for a URL: its address is a host, or a URL that the other begins with."""
        theirs, ours = urlsplit(url), urlsplit(_whole(self.address, url))
        if theirs.scheme not in ("https", "http"):
            return False
        path = ours.path.rstrip("/")
        return (theirs.scheme, theirs.netloc.rpartition("@")[2]) == (ours.scheme, ours.netloc) and (
            theirs.path == path or theirs.path.startswith(f"{path}/")
        )

    def variables(self, url: str) -> tuple[dict[str, str], dict[str, str]]:
        """Give git's configuration and variables by which it answers that server, and no other."""
        user, colon, password = self.secret.partition(":")
        if not colon:
            user, password = urlsplit(url).username or "token", self.secret
        where = urlsplit(url)
        name = f"credential.{where.scheme}://{where.netloc.rpartition('@')[2]}"
        return {f"{name}.helper": _HELPER}, {
            "STEAD_GIT_USER": unquote(user),
            "STEAD_GIT_PASSWORD": password,
        }


def _whole(address: str, url: str) -> str:
    return address if "://" in address else f"{urlsplit(url).scheme}://{address}"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at an address, one of its refs, and a directory for what is fetched."""

    url: str
    ref: str
    directory: str
    stop: threading.Event
    credentials: Sequence[Credential] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    def fetch(self) -> str:
        """Bring the ref's commit here; gives its id. Raises GitError."""
        if not os.path.isdir(os.path.join(self.directory, "objects")):
            self._run("init", "--bare", "--quiet", self.directory, within=False)
        self._run(
            *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--force"),
            *("--", self.url, f"+{self.ref}:{_OURS}"),
        )
        said = self._run("rev-parse", "--verify", "--quiet", f"{_OURS}^{{commit}}")
        return said.decode().strip()

    def files(self, commit: str, within: str = "", pattern: str = "") -> list[Found]:
        """Give the files of a directory in a commit that fit a pattern, in order of their paths."""
        top = (within or urlsplit(self.url).path).rstrip("/").rpartition("/")[2]
        top = top.removesuffix(".git")
        inside = ["--", f"{within}/"] if within else []
        listed = self._run("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *inside)
        found, wanted = [], []
        for line in filter(None, listed.split(b"\0")):
            words, _, name = line.partition(b"\t")
            mode, _, digest, size = words.split()
            path = os.fsdecode(name)[len(within) + 1 if within else 0 :]
            if not mode.startswith(_FILE.encode()) or not matches(path, pattern):
                continue
            path = readable(path)
            if int(size) > MOST_BYTES:
                found.append(too_large(path, top))
            else:
                wanted.append((path, digest))
        contents = self._contents([digest for _, digest in wanted])
        found += [found_of(p, c, top) for (p, _), c in zip(wanted, contents, strict=True)]
        return sorted(found, key=lambda one: one.path)

    def remove(self) -> None:
        """Remove what was fetched."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _contents(self, digests: Sequence[bytes]) -> list[bytes]:
        if not digests:
            return []
        given = self._run("cat-file", "--batch", said=b"".join(d + b"\n" for d in digests))
        found = []
        at = 0
        for _ in digests:
            end = given.index(b"\n", at)
            size = int(given[at:end].split()[2])
            found.append(given[end + 1 : end + 1 + size])
            at = end + size + 2
        return found

    def _run(self, *words: str, within: bool = True, said: bytes = b"") -> bytes:
        argv = ["git", *(("--git-dir", self.directory) if within else ()), *words]
        try:
            process = subprocess.Popen(
                argv,
                env=self._variables(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except FileNotFoundError as exc:
            raise GitError("git is not installed here", remedy="install git") from exc
        with process:
            try:
                out, err = self._communicate(process, said)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            raise GitError(self._reason(err, process.returncode))
        return out

    def _communicate(self, process: subprocess.Popen[bytes], said: bytes) -> tuple[bytes, bytes]:
        end = time.monotonic() + SECONDS
        given: bytes | None = said
        while True:
            try:
                return process.communicate(given, timeout=0.2)
            except subprocess.TimeoutExpired:
                given = None
            if self.stop.is_set():
                raise GitError("the server ends")
            if time.monotonic() > end:
                raise GitError(f"git took longer than {SECONDS:.0f} s")

    def _variables(self) -> dict[str, str]:
        passed = ("PATH", "HOME", "LANG", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR")
        env = {
            name: value
            for name, value in self.environ.items()
            if name in passed or name.lower().endswith("_proxy")
        }
        env |= {
            "GIT_ALLOW_PROTOCOL": "https:http:ssh:file",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        # A server that says nothing more does not keep git for ever.
        config = {"http.lowSpeedLimit": "1", "http.lowSpeedTime": "60", "gc.auto": "0"}
        credential = self._credential()
        if credential is not None:
            more, secret = credential.variables(self.url)
            config |= more
            env |= secret
        env["GIT_CONFIG_COUNT"] = str(len(config))
        for number, (name, value) in enumerate(config.items()):
            env |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return env

    def _credential(self) -> Credential | None:
        fitting = [one for one in self.credentials if one.admits(self.url)]
        return max(fitting, key=lambda one: len(one.address), default=None)

    def _reason(self, err: bytes, code: int) -> str:
        lines = [line.strip() for line in err.decode(errors="replace").splitlines()]
        told = [line for line in lines if line.startswith(("fatal: ", "error: ", "remote: "))]
        reason = (told or [line for line in lines if line] or [f"git ended with {code}"])[0]
        for one in self.credentials:
            for secret in (one.secret, one.secret.partition(":")[2]):
                if secret:
                    reason = reason.replace(secret, "…")
        return reason.partition(": ")[2] if reason.startswith(("fatal: ", "error: ")) else reason
