"""Work on conda packages in a process of its own: ``python -m stead.matrix.conda_process FILE``.

rattler's threads can crash a process at its end, and building takes over its output. FILE
holds a request as JSON; the answer goes to the file that it names, what is said on the way
to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(path: str) -> None:
    """Do what a request asks for, and answer."""
    asked = json.loads(Path(path).read_bytes())
    try:
        answer = _DOES[asked["do"]](asked)
    except ImportError as exc:
        answer = {"missing": str(exc)}
    except Exception as exc:  # noqa: BLE001 - the caller raises what this says
        answer = {"failed": str(exc).removeprefix("PyRattlerBuildError: ")}
    Path(asked["answer"]).write_text(json.dumps(answer), "utf-8")
    sys.stderr.flush()
    os._exit(0)


def _unpack(asked: dict[str, Any]) -> dict[str, Any]:
    from rattler.package_streaming import extract

    extract(Path(asked["path"]), Path(asked["to"]))
    return {}


def _index(asked: dict[str, Any]) -> dict[str, Any]:
    import asyncio

    from rattler.index import index_fs

    asyncio.run(index_fs(Path(asked["channel"])))
    return {}


def _fetch(asked: dict[str, Any]) -> dict[str, Any]:
    import asyncio

    from rattler.package_streaming import download_to_path

    from stead.ecosystems.conda.engine import client

    async def download() -> None:
        await download_to_path(client(), asked["url"], asked["path"])

    asyncio.run(download())
    return {}


def _build(asked: dict[str, Any]) -> dict[str, Any]:
    import rattler_build as rb

    if asked.get("recipe"):
        recipe = rb.Stage0Recipe.from_file(asked["recipe"])
    else:
        recipe = rb.Stage0Recipe.from_dict(asked["given"])
    variants = rb.VariantConfig(asked["variants"])
    beside = os.path.join(os.path.dirname(asked.get("recipe") or ""), "variants.yaml")
    if asked.get("recipe") and os.path.exists(beside):
        own = rb.VariantConfig.from_file(beside)
        variants = rb.VariantConfig({**asked["variants"], **own.to_dict()}, own.zip_keys)
    rendered = recipe.render(variants, rb.RenderConfig())
    if len(rendered) > 1:
        names = ", ".join(f"{one}" for one in rendered)
        return {"failed": f"the recipe makes several packages: {names}"}
    made = [
        str(path)
        for one in rendered
        for path in one.run_build(
            tool_config=rb.ToolConfiguration(test_strategy="skip"),
            output_dir=asked["out"],
            channels=asked["channels"],
            progress_callback=_Lines(),
            no_build_id=True,
            no_include_recipe=not asked.get("recipe"),
        ).packages
    ]
    return {"made": made}


class _Lines:
    """Writes what a build says, by line."""

    def on_download_start(self, event: Any) -> None:
        self._say(f"fetching {event.url}")

    def on_download_progress(self, event: Any) -> None:
        pass

    def on_download_complete(self, event: Any) -> None:
        pass

    def on_build_step(self, event: Any) -> None:
        self._say(event.message)

    def on_log(self, event: Any) -> None:
        self._say(event.message)

    def _say(self, text: str) -> None:
        for line in str(text).splitlines():
            if line.strip():
                print(line, file=sys.stderr)


_DOES = {"unpack": _unpack, "index": _index, "fetch": _fetch, "build": _build}

if __name__ == "__main__":
    main(sys.argv[1])
