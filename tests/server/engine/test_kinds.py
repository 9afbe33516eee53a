"""Builds of all that a specification may be, and of one that was changed."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from stead.server.blobs.store import open_blobs
from stead.server.database import namespaces, packages, settings
from stead.server.database.tables import build_artifact
from stead.server.specs.reading import read
from stead.server.submitting import hand_in
from stead.server.values import BuildStatus
from stead.testing.channel import Package, make_channel, text
from stead.testing.index import Wheel, make_index
from stead.testing.python import cpython
from stead.testing.server import serve


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The address of an index of wheels."""
    wheels = [Wheel("leaf", "1.0"), Wheel("leaf", "2.0"), Wheel("branch", requires=("leaf<2",))]
    made = make_index(tmp_path_factory.mktemp("index"), wheels)
    with serve(made) as server:
        yield f"{server.url}/simple"


def names(store, build_id):
    done = store.ended(build_id)
    assert done.status is BuildStatus.COMPLETED, store.log(build_id)
    with store.database.read() as connection:
        return sorted(
            f"{p.name} {p.version}" for p in packages.page(connection, build_id=build_id).items
        )


def artifact(store, build_id, kind):
    query = select(build_artifact.c.key).where(
        build_artifact.c.build_id == build_id, build_artifact.c.artifact_type == kind
    )
    with store.database.read() as connection:
        key = connection.execute(query).scalar_one()
    return open_blobs(f"file://{store.root}/blobs").get(key).decode()


def test_a_manifest_with_packages_of_an_index_is_built(running, index):
    manifest = f'[packages.pypi]\nindexes = [{{ url = "{index}", default = true }}]\nbranch = "*"\n'
    made = running.ask(read(manifest, "stead", name="web"))
    assert names(running, made) == ["branch 1.0", "leaf 1.0"]
    store = running.root / "home" / "store" / running.get(made).store_key
    assert list(store.glob("lib/python3*/site-packages/leaf.py")) or list(
        store.glob("lib/python3*/site-packages/leaf/__init__.py")
    )
    # Without conda nothing is said of conda's lock.
    assert "conda" not in running.log(made)
    # What cannot be had fails at once here too.
    wrong = running.ended(running.ask(read(manifest.replace('"*"', '">=7"'), "stead", name="web")))
    assert (wrong.status, wrong.retries) == (BuildStatus.FAILED, 0)
    assert "branch" in wrong.reason


@pytest.mark.slow
def test_a_conda_specification_with_a_pip_section_is_built(running, index, tmp_path, here):
    channel = make_channel(tmp_path / "channel", [cpython(), Package("tiny")], here.name)
    spec = (
        f"name: mixed\nchannels:\n  - file://{channel}\ndependencies:\n  - tiny\n"
        f"  - pip:\n    - --index-url {index}\n    - leaf<2\n"
    )
    made = running.ask(read(spec))
    found = names(running, made)
    assert [name.partition(" ")[0] for name in found] == ["leaf", "python", "tiny"]
    assert "leaf 1.0" in found
    # The lock that it became is a specification too.
    lock = artifact(running, made, "LOCKFILE")
    again = running.ask(read(lock, "lock", name="locked"))
    assert names(running, again) == found
    assert {p["name"] for p in json.loads(lock)["package"]} == {"leaf", "python", "tiny"}


def test_a_changed_specification_keeps_the_versions_it_has(running, tmp_path, here):
    def channel(*versions):
        grown = [Package("growing", v, entries=(text("share/grown.txt", v),)) for v in versions]
        other = Package("other", entries=(text("share/other.txt", "hello"),))
        return make_channel(tmp_path / "channel", [*grown, other], here.name)

    first = channel("1.0")
    spec = f"name: kept\nchannels:\n  - file://{first}\ndependencies:\n  - growing\n"
    assert names(running, running.ask(read(spec))) == ["growing 1.0"]
    channel("1.0", "2.0")
    changed = running.ask(read(f"{spec}  - other\n"))
    assert names(running, changed) == ["growing 1.0", "other 1.0"]
    # Asked for again, the same is made anew.
    anew = running.ask(read(f"{spec}  - other\n"), force="x")
    assert names(running, anew) == ["growing 2.0", "other 1.0"]


def test_a_channel_of_a_name_alone_is_taken_from_where_the_settings_say(running, tmp_path, here):
    make_channel(tmp_path / "ours", [Package("tiny", "7.0")], here.name)
    make_channel(tmp_path / "single", [Package("tiny", "8.0"), Package("wide", "9.0")], here.name)
    database = running.database
    with database.begin() as connection:
        home = namespaces.create(connection, "mirrored", database.now())
        alias = {"conda_channel_alias": f"file://{tmp_path}"}
        settings.put(connection, alias, namespace_id=home.id)
    text = "name: web\nchannels: [ours]\ndependencies: [tiny, 'single::wide']\n"
    with database.begin() as connection:
        made = hand_in(
            connection,
            running.queue,
            "mirrored",
            read(text),
            who="ann",
            now=database.now(),
            answers={},
        )
    assert names(running, made.build_id) == ["tiny 7.0", "wide 9.0"]
