"""Calling uv: with a cache of Stead's own, and without what the caller's shell says.

uv reads many variables and files. What says *whom to trust* and *how to get
through* (certificates, proxies, credentials) stays; what says *what to
install* goes, because a lock that depended on it would not be the same lock on
the next machine. A mirror of the default index is the exception: see
:mod:`stead.ecosystems.pypi.indexes`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stead.values.errors import SteadError
from stead.values.frozen import dataclass
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stead.values.context import Completed, Context

_FINDING = threading.Lock()
_SCRATCH = ".uv-"
_DROPPED = regex(
    r"UV_|PIP_|PYTHON|VIRTUAL_ENV|CONDA_|MAMBA_|PIXI_|_CE_|__PYVENV_LAUNCHER__\Z"
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|COMMON_DIR|NAMESPACE|PREFIX"
    r"|ALTERNATE_OBJECT_DIRECTORIES|CEILING_DIRECTORIES)\Z|COLUMNS\Z|FORCE_COLOR\Z|CLICOLOR"
)
_KEPT = regex(
    r"UV_(INDEX_.+_(USERNAME|PASSWORD)|KEYRING_PROVIDER|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS"
    r"|CREDENTIALS_DIR|HTTP_TIMEOUT|HTTP_CONNECT_TIMEOUT|HTTP_RETRIES|REQUEST_TIMEOUT"
    r"|GITHUB_TOKEN|CONCURRENT_(BUILDS|DOWNLOADS|INSTALLS)|LOCK_TIMEOUT)\Z"
)
_OFFLINE = regex(
    r"network was disabled|[Nn]etwork connectivity is (currently )?disabled"
    r"|not found in the cache|remote Git fetches are not allowed",
)


@dataclass(frozen=True, slots=True)
class Uv:
    """uv as one command of Stead uses it."""

    context: Context
    binary: str
    cache: str
    environ: Mapping[str, str]

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: str,
        config: str = "",
        offline: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run uv, with ``config`` as its only configuration file (empty for none).

        ``offline`` forbids the network even where the context allows it. The
        exit code is the caller's to judge.
        """
        argv = [self.binary, "--color", "never", "--no-progress", "--cache-dir", self.cache]
        argv += ["--config-file", config] if config else ["--no-config"]
        if offline or self.context.offline:
            argv.append("--offline")
        words = [*argv, *arguments]
        # It may build packages: with its lines followed, it ends with this process.
        return self.context.run(words, cwd=cwd, env=self.environ, on_line=on_line or _silent)


def _silent(_: str) -> None:
    pass


def uv_for(context: Context) -> Uv:
    """Find uv and prepare what it sees of the world.

    Raises SteadError when the program is missing from Stead's own installation.
    """
    from uv import find_uv_bin

    try:
        # It asks sysconfig, which until Python 3.12 shows a second thread what it has half read.
        with _FINDING:
            binary = os.fspath(find_uv_bin())
    except FileNotFoundError as exc:
        raise SteadError(
            "the program uv is missing from Stead's installation", remedy="install Stead again"
        ) from exc
    cache = os.path.join(context.home, "packages", "uv")
    return Uv(context, binary, cache, clean_environment(context.environ))


@contextmanager
def scratch(context: Context) -> Iterator[str]:
    """Open a directory for files that uv reads, gone when the block ends.

    What a killed process left behind a day ago goes too.
    """
    packages = os.path.join(context.home, "packages")
    os.makedirs(packages, exist_ok=True)
    for entry in os.scandir(packages):
        if entry.name.startswith(_SCRATCH) and entry.stat().st_mtime < context.now() - 86_400:
            shutil.rmtree(entry.path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=packages) as directory:
        yield directory


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the caller's variables without those that would change what is installed."""
    kept = {k: v for k, v in environ.items() if not _DROPPED.match(k) or _KEPT.match(k)}
    if "SSL_CERT_FILE" not in kept and environ.get("PIP_CERT"):
        kept["SSL_CERT_FILE"] = environ["PIP_CERT"]
    # uv would fetch an interpreter where the one it is given does not suit it.
    kept["UV_PYTHON_DOWNLOADS"] = "never"
    # Its lines are read by a program here, which joins what a terminal's width would cut.
    kept["UV_NO_WRAP"] = "1"
    return kept


def was_offline(completed: Completed) -> bool:
    """Say whether uv failed because it was not allowed to ask the network."""
    return completed.returncode != 0 and bool(_OFFLINE.search(completed.stderr))
