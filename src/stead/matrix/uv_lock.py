"""What ``uv.lock`` holds for an environment, as a lock that Stead takes: uv writes it.

It is what tox-uv has ``uv sync`` install, without the project itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.values.digest import short_key
from stead.values.errors import ManifestError
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.values.context import Context
    from stead.values.testenv import TestEnvironment

PASSED_OVER = ("deps", "constraints", "skip_install", "install_command", "pip_pre", "pylock")
"""Keys that mean nothing to the runner."""

_FILE = "uv.lock"


def exported(environment: TestEnvironment, root: str, context: Context) -> str:
    """Give the path of a ``pylock.toml`` of what an environment is to hold, written once.

    Raises ManifestError where there is no ``uv.lock``, where it does not answer the project's
    metadata, and for what is said of ``uv sync`` and not understood.
    """
    from stead.matrix.resolution import digest_of
    from stead.matrix.under_test import forget_old

    if environment.uv_sync_flags or environment.uv_resolution:
        key = "uv_sync_flags" if environment.uv_sync_flags else "uv_resolution"
        raise ManifestError(
            f"{key} is not understood",
            where=environment.origin(key),
            remedy="set UV_FROZEN, or only what groups and extras say",
        )
    lock = os.path.join(root, _FILE)
    held = digest_of(lock)
    if not held:
        raise ManifestError(
            f"{environment.name} is to hold what uv.lock says, and there is none",
            where=Origin(lock),
            remedy="write it with `uv lock`, or take another runner",
        )
    words = [*_words(environment, dict(environment.set_env), context)]
    asked = [held, digest_of(os.path.join(root, "pyproject.toml")), root, words]
    directory = os.path.join(context.home, "packages", "exported")
    path = os.path.join(directory, short_key(asked), "pylock.toml")
    if not os.path.exists(path):
        forget_old(directory)
        _export(words, path, root, context)
    return path


def _words(
    environment: TestEnvironment, set_env: dict[str, str], context: Context
) -> Iterator[str]:
    frozen = set_env.get("UV_FROZEN", context.environ.get("UV_FROZEN", "")).lower()
    if frozen not in ("", "0", "false", "no", "off"):
        yield "--frozen"
    elif environment.uv_sync_locked:
        yield "--locked"
    if environment.no_default_groups:
        yield "--no-default-groups"
    for option, names in (
        ("--extra", environment.extras),
        ("--group", environment.dependency_groups),
        ("--only-group", environment.only_groups),
    ):
        for name in names:
            yield from (option, name)


def _export(words: list[str], path: str, root: str, context: Context) -> None:
    from stead.ecosystems.pypi.uv import uv_for
    from stead.store.atomic import storage

    uv = uv_for(context)
    fresh = os.path.join(os.path.dirname(path), f"pylock.{os.getpid()}.toml")
    with storage(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    argv = [uv.binary, "--color", "never", "--quiet", "--cache-dir", uv.cache, "export", *words]
    argv += ["--no-emit-project", "--format", "pylock.toml", "--output-file", fresh]
    if context.offline:
        argv.append("--offline")
    # The project's own configuration of uv counts: its lock was made by it.
    done = context.run(argv, cwd=root, env=uv.environ)
    if done.returncode:
        raise ManifestError(
            "uv cannot say what uv.lock holds",
            where=Origin(os.path.join(root, _FILE)),
            details=done.stderr.strip().splitlines(),
            remedy="bring it up to date with `uv lock`",
        )
    with storage(path):
        os.replace(fresh, path)
