"""The bodies of steps: each takes JSON and gives JSON, and doing it twice changes nothing.

A body that needs what an earlier one made (packages in the cache, a build in the store)
makes it where it is missing: the earlier step may have run on another machine.
"""

from __future__ import annotations

import asyncio
import glob
import json
import os
from typing import TYPE_CHECKING, Any

from stead.values.errors import ArtifactError, LockError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.pipeline.answering import Locked
    from stead.pipeline.steps import Composed
    from stead.server.engine.steps.world import World


STEPS = ("solve", "fetch", "link", "activate", "verify")
"""The bodies that every build goes through, in their order."""


def run(body: str, world: World) -> dict[str, Any]:
    """Run a body by name; a step's tells the log which it is."""
    if body in STEPS:
        print(f"── {body}")
    if world.guard is not None:
        world.guard.refused.clear()  # what an earlier body did without
    return _BODIES[body](world if body in ("solve", "resolve") else world.settled())


def solve(world: World) -> dict[str, Any]:
    """Choose exact packages; gives the lock's text, empty where nothing is asked."""
    from stead.pipeline import locks

    for change in locks.lock_all(world.request, world.context, named=True):
        for line in change.lines:
            print(line)
    try:
        with open(world.lock, encoding="utf-8") as file:
            return {"lock": file.read()}
    except FileNotFoundError:
        return {"lock": ""}


def resolve(world: World) -> dict[str, Any]:
    """Choose exact packages for somebody who only wants to know; gives them, and makes nothing."""
    solve(world)
    composed, locked = _locked(world)
    return {"packages": _packages(composed, locked, None)}


def fetch(world: World) -> dict[str, Any]:
    """Bring the conda packages into the cache; gives how many there are."""
    from stead.ecosystems.conda.channels import locate
    from stead.ecosystems.conda.fetch import fill
    from stead.ecosystems.conda.records import artifact_to_record

    composed, locked = _locked(world)
    channels = locate(composed.plan.channels, composed.spec.root)
    records = [
        artifact_to_record(a, channels, composed.spec.root) for a in locked.environment.of("conda")
    ]
    if records:
        asyncio.run(fill(records, world.context))
    return {"packages": len(locked.environment.artifacts)}


def link(world: World) -> dict[str, Any]:
    """Make the build, or find it; gives its directory's name in the store, and what it holds.

    Gives too by which questions others ask for the lock, and for the build where their
    interpreter is an equal one at another path.
    """
    from stead.pipeline import build as building
    from stead.pipeline import substitutes

    composed, locked = _locked(world)
    want = building.wanted(composed.spec, locked.environment, locked.interpreter)
    build = _built(world, composed, locked)
    return {
        "store_key": build.name if build else None,
        "size": _size(build) if build else 0,
        "packages": _packages(composed, locked, build),
        "question": substitutes.question_of(composed),
        "kin": want.kin,
    }


def activate(world: World) -> dict[str, Any]:
    """Say what a process needs to use the build; gives that, and its files for other tools."""
    from stead.ecosystems import ecosystem
    from stead.pipeline import steps
    from stead.values.digest import plain

    composed, locked = _locked(world)
    build = _built(world, composed, locked)
    changes: list[Any] = []
    if build is not None:
        for name in steps.ecosystems_of(locked):
            changes += plain(ecosystem(name).activation(build, world.context))
    # Without conda there is no lock of conda's to write, and nothing to say of it.
    of_conda = locked.environment.of("conda") or not locked.environment.artifacts
    return {
        "activation": changes,
        "lockfile": exported(world, "conda-lock") if of_conda else None,
        "yaml": exported(world, "environment.yml"),
    }


def verify(world: World) -> dict[str, Any]:
    """Compare the build with what was recorded when it was made, and with its packages' records.

    Raises ArtifactError with what is missing or changed. Gives what it consists of too.
    """
    from stead.ecosystems import ecosystem
    from stead.pipeline import steps
    from stead.server.engine.steps import packing
    from stead.store.layout import Layout
    from stead.store.verify import verify as verify_store

    composed, locked = _locked(world)
    build = _built(world, composed, locked)
    if build is None:
        return {"files": 0}
    wrong = [str(f) for f in verify_store(Layout(world.context.home), [build])]
    for name in steps.ecosystems_of(locked):
        wrong += ecosystem(name).verify(build, world.context)
    if wrong:
        raise ArtifactError(
            f"the build is not as its packages say, in {len(wrong)} places", details=wrong[:20]
        )
    closure, _ = packing.taken_apart(build, world.context.home)
    return {"verified": True, "closure": closure.to_json()}


def pack(world: World) -> dict[str, Any]:
    """Pack the parts that are named, into the directory that is named; gives all that there are."""
    from stead.server.engine.steps import packing

    composed, locked = _locked(world)
    build = _built(world, composed, locked)
    if build is None:
        return {}
    closure, parts = packing.taken_apart(build, world.context.home)
    named = set(world.arguments["parts"])
    packing.pack([p for p in parts if p.digest in named], world.arguments["directory"])
    return {"closure": closure.to_json()}


_BODIES: dict[str, Callable[[World], dict[str, Any]]] = {
    "resolve": resolve,
    "solve": solve,
    "fetch": fetch,
    "link": link,
    "activate": activate,
    "verify": verify,
    "pack": pack,
}


def _locked(world: World) -> tuple[Composed, Locked]:
    from stead.pipeline import answering, steps

    if "locked" not in world.known:
        composed, held = steps.read_together(world.request, world.context)
        locked = answering.answering(composed, held, world.context)
        locked = locked or answering.locked_for(composed, world.context)
        world.known["locked"] = composed, locked
    found: tuple[Composed, Locked] = world.known["locked"]
    return found


def _built(world: World, composed: Composed, locked: Locked) -> Path | None:
    from stead.pipeline import steps

    return steps.built_for(composed, locked, world.context)


def _size(build: Path) -> int:
    total = 0
    pending = [os.fspath(build)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _packages(composed: Composed, locked: Locked, build: Path | None) -> list[dict[str, Any]]:
    from stead.ecosystems.conda.addresses import channel_address
    from stead.pipeline.exchange import without_secrets

    records = _records(build)
    found = []
    for artifact in locked.environment.artifacts:
        file = artifact.files[0] if artifact.files else None
        record = records.get(artifact.name, {}) if artifact.ecosystem == "conda" else {}
        index = artifact.index
        if artifact.ecosystem == "conda":
            index = channel_address(index, composed.plan.channels, composed.spec.root)
        found.append(
            {
                "channel": without_secrets(index).rstrip("/") or artifact.ecosystem,
                "name": artifact.name,
                "version": artifact.version,
                "build": str(artifact.get("build") or ""),
                "sha256": file.sha256 if file else None,
                "size": file.size if file else None,
                "license": record.get("license"),
                "summary": record.get("summary"),
            }
        )
    return found


def _records(build: Path | None) -> dict[str, dict[str, Any]]:
    """Read what conda packages say of themselves, by name."""
    found: dict[str, dict[str, Any]] = {}
    for path in glob.glob(os.path.join(build, "conda-meta", "*.json")) if build else ():
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        about = os.path.join(record.get("extracted_package_dir") or "", "info", "about.json")
        if os.path.isabs(about) and os.path.exists(about):
            with open(about, encoding="utf-8") as file:
                record = json.load(file) | record
        found[record["name"]] = record
    return found


def exported(world: World, form: str) -> str | None:
    """Write the environment as a file for other tools; None where that cannot hold it."""
    from stead.pipeline import exchange
    from stead.values.errors import UsageError

    try:
        return exchange.export(world.request, world.context, form).text
    except (UsageError, LockError) as exc:  # the form has no words for it
        print(f"no {form}: {exc.message}")
        return None
