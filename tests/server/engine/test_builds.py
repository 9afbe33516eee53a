"""Builds by a real worker, from a specification to what is published."""

from __future__ import annotations

import json

from sqlalchemy import select

from stead.server.blobs.store import open_blobs
from stead.server.database import builds, packages
from stead.server.database.tables import build_artifact
from stead.server.values import BuildStatus
from stead.testing.server import serve


def artifacts(store, build_id):
    with store.database.read() as connection:
        query = select(build_artifact.c.artifact_type, build_artifact.c.key)
        return dict(connection.execute(query.where(build_artifact.c.build_id == build_id)).all())


def test_a_specification_becomes_a_published_build(running):
    made = running.submit("tiny")
    done = running.ended(made)
    assert done.status is BuildStatus.COMPLETED, running.log(made)
    assert (running.root / "home" / "store" / done.store_key / "share" / "tiny.txt").is_file()
    assert done.size > 0
    with running.database.read() as connection:
        assert builds.is_current(connection, made)
        (package,) = packages.page(connection, build_id=made).items
    assert (package.name, package.version, package.license) == ("tiny", "1.0", "MIT")
    assert package.channel.name == running.channel
    running.eventually(lambda: "LOGS" in artifacts(running, made))
    kept = artifacts(running, made)
    assert set(kept) == {"LOCKFILE", "YAML", "LOGS", "STEAD_LOCK", "CLOSURE"}
    assert kept["LOCKFILE"].startswith("lockfile/")
    assert kept["LOCKFILE"].endswith(f"-{made}-env.yml")
    blobs = open_blobs(f"file://{running.root}/blobs")
    lock = json.loads(blobs.get(kept["LOCKFILE"]))
    assert lock["metadata"]["sources"] == ["environment.yaml"]
    assert [p["name"] for p in lock["package"]] == ["tiny"]
    assert "tiny=1.0=0" in blobs.get(kept["YAML"]).decode()
    log = blobs.get(kept["LOGS"]).decode()
    order = [line for line in log.splitlines() if line.startswith("──")]
    assert order == [f"── {s}" for s in ("solve", "fetch", "link", "activate", "verify", "publish")]
    assert "+ conda:tiny 1.0" in log


def test_what_cannot_be_had_fails_at_once_with_a_reason(running):
    made = running.submit("nowhere")
    failed = running.ended(made)
    assert failed.status is BuildStatus.FAILED
    assert failed.reason.startswith("no channel has a package 'nowhere'")
    assert failed.retries == 0
    assert "environment.yml:5: conda nowhere" in failed.status_info
    assert str(running.root) not in failed.status_info.replace(running.channel, "")
    # What a package asks for in its turn is told too.
    other = running.ended(running.submit("wanting"))
    assert other.status is BuildStatus.FAILED
    assert "missing" in other.reason


def test_a_canceled_builds_processes_are_killed(running, waiting):
    made = running.submit("other", channel=waiting.url)
    assert waiting.asked.wait(120)
    with running.database.begin() as connection:
        builds.cancel(connection, made, running.database.now())
    running.eventually(lambda: not running.scratch())
    assert running.get(made).status is BuildStatus.CANCELED
    # And the worker takes the next.
    again = running.ended(running.submit("tiny", force="x"))
    assert again.status is BuildStatus.COMPLETED


def test_a_network_that_does_not_answer_is_tried_again_and_then_told_of(running, tmp_path):
    with serve(tmp_path) as server:
        server.fail.add("")
        made = running.submit("tiny", channel=server.url)
        failed = running.ended(made)
    assert failed.status is BuildStatus.FAILED
    assert (failed.retries, failed.attempt) == (2, 3), failed
    assert "again in" in running.log(made)
