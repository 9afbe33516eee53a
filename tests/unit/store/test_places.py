"""Records of places: written whole, found again, known to be stale."""

from __future__ import annotations

import os
import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.store import places
from stead.values.activation import Activation, Change
from stead.values.errors import StoreError
from stead.values.manifest import Task, Variable
from stead.values.origin import Origin


def make(tmp_path, *changes, environment="default", **kwargs):
    place = tmp_path / "place"
    place.mkdir(exist_ok=True)
    activation = Activation(str(place), str(place), environment, changes, **kwargs)
    return places.Record(activation, names=("stead.toml",), program="1")


class TestHome:
    def test_what_is_set_prevails(self):
        assert places.default_home({"STEAD_HOME": "/x", "HOME": "/h"}, "linux") == "/x"

    @pytest.mark.parametrize("system", ["linux", "darwin", "freebsd14"])
    def test_data_of_a_user_lies_where_xdg_says(self, system):
        assert places.default_home({"HOME": "/h"}, system) == "/h/.local/share/stead"
        environ = {"HOME": "/h", "XDG_DATA_HOME": "/d"}
        assert places.default_home(environ, system) == "/d/stead"

    def test_a_relative_xdg_directory_does_not_count(self):
        environ = {"HOME": "/h", "XDG_DATA_HOME": "d"}
        assert places.default_home(environ, "linux") == "/h/.local/share/stead"

    def test_windows_has_a_directory_for_it(self):
        environ = {"LOCALAPPDATA": r"C:\Users\a\AppData\Local"}
        assert places.default_home(environ, "win32") == r"C:\Users\a\AppData\Local\stead"
        environ = {"USERPROFILE": r"C:\Users\a"}
        assert places.default_home(environ, "win32") == r"C:\Users\a\AppData\Local\stead"

    def test_without_any_the_remedy_is_named(self):
        with pytest.raises(StoreError, match="no home") as caught:
            places.default_home({}, "win32")
        assert "STEAD_HOME" in caught.value.remedy


def test_a_place_is_mirrored_below_the_home():
    assert places.place_directory("/h", "/a/b c") == "/h/places/at/a/b c/.stead@"
    assert places.place_directory("/h", "/") == "/h/places/at/.stead@"


def test_a_place_cannot_bear_the_mirrors_own_name():
    with pytest.raises(StoreError, match="stead@"):
        places.place_directory("/h", "/a/.stead@/b")


def test_all_of_an_activation_comes_back(tmp_path):
    origin = Origin("/p/stead.toml", 3)
    task = Task(
        "t",
        ("a", "b"),
        ("c",),
        ("i",),
        ("o",),
        (Variable("A", None, origin),),
        "e",
        "/p",
        "d",
        origin,
    )
    record = make(
        tmp_path,
        Change("prepend", "A", "é\udcff\n", ";"),
        requires=("/r",),
        inputs=("/i",),
        absent=("/a",),
        tasks=(task,),
        needs_python="a secret",
        digest="abc",
    )
    kept = places.keep(tmp_path / "home", record)
    found = places.load(tmp_path / "home", record.activation.place, "default")
    assert found == kept == record
    assert found is not None
    assert found.activation.digest == "abc"
    assert found.activation.tasks[0].origin == origin
    assert found.activation.tasks[0].variables[0].origin == origin
    assert found.directory == kept.directory


@given(st.binary(max_size=300))
def test_nonsense_is_no_record(tmp_path_factory, content):
    directory = tmp_path_factory.mktemp("record")
    (directory / "activation.json").write_bytes(content)
    assert places.read(str(directory)) is None


def test_a_record_of_another_format_is_none(tmp_path):
    record = places.keep(tmp_path / "home", make(tmp_path))
    path = os.path.join(record.directory, "activation.json")
    with open(path, "r+b") as file:
        content = file.read()
        file.seek(0)
        file.write(content.replace(b'"format":1', b'"format":2'))
    assert places.read(record.directory) is None


def test_everything_below_places_is_the_users_alone(tmp_path):
    old = os.umask(0)
    try:
        places.keep(tmp_path / "home", make(tmp_path), (("run.sh", lambda _: "x"),))
    finally:
        os.umask(old)
    for parent, directories, files in os.walk(tmp_path / "home" / "places"):
        for name in [".", *directories]:
            assert stat.S_IMODE(os.stat(os.path.join(parent, name)).st_mode) == 0o700
        for name in files:
            assert stat.S_IMODE(os.stat(os.path.join(parent, name)).st_mode) == 0o600


def test_a_failure_leaves_the_former_record_and_nothing_else(tmp_path):
    home = tmp_path / "home"
    first = places.keep(home, make(tmp_path, Change("set", "A", "1")))

    def fail(_directory):
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        places.keep(home, make(tmp_path, Change("set", "A", "2")), (("run.sh", fail),))
    assert places.load(home, first.activation.place, "default") == first
    assert sorted(os.listdir(os.path.dirname(first.directory))) == ["1", "current"]


def test_a_place_that_cannot_be_mirrored_is_an_error_of_the_store(tmp_path):
    record = places.Record(Activation("/" + "x" * 300, "/", "default"))
    with pytest.raises(StoreError, match="too long"):
        places.keep(tmp_path / "home", record)


def test_a_reader_sees_the_old_record_or_the_new_one(tmp_path):
    home = tmp_path / "home"
    records = [
        make(tmp_path, *(Change("set", f"A{i}", str(n)) for i in range(50))) for n in range(60)
    ]
    places.keep(home, records[0])
    place = records[0].activation.place
    done = threading.Event()
    seen = []

    def read():
        while not done.is_set():
            seen.append(places.load(home, place, "default"))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for record in records:
            places.keep(home, record)
    finally:
        done.set()
        reader.join()
    assert seen
    assert all(record in records for record in seen)


def test_two_writers_at_once_leave_one_whole_record(tmp_path):
    home = tmp_path / "home"
    records = [make(tmp_path, Change("set", "A", str(n))) for n in range(40)]
    threads = [
        threading.Thread(target=lambda part=part: [places.keep(home, r) for r in part])
        for part in (records[:20], records[20:])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert places.load(home, records[0].activation.place, "default") in records


def test_former_records_go_when_no_reader_can_be_busy_with_them(tmp_path):
    home = tmp_path / "home"
    first = places.keep(home, make(tmp_path, Change("set", "A", "1")))
    second = places.keep(home, make(tmp_path, Change("set", "A", "2")))
    assert os.path.isdir(first.directory)
    os.utime(first.directory, (1, 1))
    os.utime(second.directory, (1, 1))
    third = places.keep(home, make(tmp_path, Change("set", "A", "3")))
    assert not os.path.exists(first.directory)
    assert not os.path.exists(second.directory)
    assert os.path.isdir(third.directory)


def test_every_record_of_a_home_is_listed(tmp_path):
    home = tmp_path / "home"
    kept = [
        places.keep(home, make(tmp_path, environment="default")),
        places.keep(home, make(tmp_path, environment="test")),
        places.keep(home, places.Record(Activation("/", "/", "default"))),
        places.keep(home, places.Record(Activation(str(tmp_path / "place/sub"), "/", "a"))),
    ]
    os.makedirs(os.path.join(places.place_directory(home, "/"), "tasks"))
    key = lambda r: (r.activation.place, r.activation.environment)  # noqa: E731
    assert sorted(places.records(home), key=key) == sorted(kept, key=key)
    assert list(places.records(tmp_path / "other")) == []


def test_a_forgotten_record_is_gone_and_its_neighbours_stay(tmp_path):
    home = tmp_path / "home"
    gone = places.keep(home, make(tmp_path, environment="default"))
    stays = places.keep(home, make(tmp_path, environment="test"))
    places.forget(home, gone.activation.place, "default")
    places.forget(home, gone.activation.place, "never")
    assert list(places.records(home)) == [stays]


def test_what_is_stale_is_named(tmp_path):
    manifest = tmp_path / "stead.toml"
    manifest.write_text("x")
    seen = places.witness(str(manifest))
    activation = Activation(
        "/p", "/p", "default", requires=(str(tmp_path),), absent=(str(tmp_path / "new"),)
    )
    record = places.Record(activation, (seen,))
    assert places.fresh(record)
    (tmp_path / "new").write_text("")
    assert places.stale(record) == str(tmp_path / "new")
    (tmp_path / "new").unlink()
    os.utime(manifest, ns=(0, seen.mtime_ns + 1))
    assert places.stale(record) == str(manifest)
    os.utime(manifest, ns=(0, seen.mtime_ns))
    assert places.fresh(record)
    manifest.write_text("longer")
    os.utime(manifest, ns=(0, seen.mtime_ns))
    assert places.stale(record) == str(manifest)
