"""Where the files of locked artifacts lie: asked of uv, since a lock holds names alone."""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stead.ecosystems.pypi import explain, question
from stead.ecosystems.pypi.indexes import default_place, places, without_credentials
from stead.ecosystems.pypi.recipes import URLS
from stead.ecosystems.pypi.uv import uv_for
from stead.values.frozen import replace
from stead.values.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.ecosystems.protocol import LockRequest
    from stead.values.context import Context
    from stead.values.lock import Artifact


def addresses(
    artifacts: Sequence[Artifact], request: LockRequest, context: Context
) -> dict[str, str]:
    """Give the address of each file of the artifacts that come from an index: sha256 → URL.

    ``request`` says for which platform and Python, and which indexes there are; its
    requirements play no part. Nothing is chosen: each artifact is asked for in its own
    version. Addresses hold no credentials. A file that its index no longer lists is left
    out. Raises NetworkError, ArtifactError, UnsatisfiableError.
    """
    wanted = [a for a in artifacts if a.ecosystem == "pypi" and not a.source and not a.get(URLS)]
    if not wanted:
        return {}
    question.check_python(request)
    context = replace(context, upgrade=frozenset())
    indexes = places(request.indexes, context.environ)
    default = default_place(indexes, context.environ)
    others = {p.name for p in indexes if not p.default}
    pins = tuple(
        Requirement("pypi", a.name, f"=={a.version}", index=a.index if a.index in others else "")
        for a in wanted
    )
    asked = replace(request, requirements=pins, constraints=(), old=(), distributions=())
    packages = os.path.join(context.home, "packages")
    os.makedirs(packages, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=packages) as directory:
        files = question.write(directory, asked, context, indexes, default)
        with context.progress.task("asking where the files of PyPI packages lie"):
            done = uv_for(context).run(
                [*files.arguments, "--no-deps", "--output-file", "pylock.toml", "--no-header"],
                cwd=directory,
                config=files.config,
            )
        if done.returncode != 0:
            raise explain.translate(done.stderr, build_sources=context.build_sources)
        with open(os.path.join(directory, "pylock.toml"), "rb") as file:
            return _read(tomllib.load(file), directory)


def _read(pylock: dict[str, Any], directory: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in pylock.get("packages", []):
        entries = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        for entry in entries:
            sha256 = entry.get("hashes", {}).get("sha256", "")
            if entry.get("url"):
                found[sha256] = without_credentials(str(entry["url"])).partition("#")[0]
            elif entry.get("path"):
                path = os.path.normpath(os.path.join(directory, str(entry["path"])))
                found[sha256] = Path(path).as_uri()
    found.pop("", None)
    return found
