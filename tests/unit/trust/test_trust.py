from __future__ import annotations

import os
from pathlib import Path

import pytest

from stead.pipeline.meaning import from_json, meanings
from stead.pipeline.trust import TrustSnapshot, Verdict, changes_of_meaning, may_build_sources
from stead.store import trust as store
from stead.values.errors import TrustError

GOOD = '[vars]\nGREETING = "hello"\n'


def test_the_digest_is_of_paths_and_contents(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("1")
        (tmp_path / name / "y").write_text("2")
    files = {n: [str(tmp_path / n / "x"), str(tmp_path / n / "y")] for n in "ab"}
    digest = store.participants_digest(files["a"], str(tmp_path / "a"))
    assert digest == store.participants_digest(files["b"], str(tmp_path / "b"))
    assert digest == store.participants_digest(files["a"][::-1], str(tmp_path / "a"))
    (tmp_path / "a" / "x").write_text("2")
    (tmp_path / "a" / "y").write_text("1")
    assert digest != store.participants_digest(files["a"], str(tmp_path / "a"))


def test_an_unreadable_file_cannot_be_agreed_to(tmp_path):
    with pytest.raises(TrustError, match="cannot be read"):
        store.file_digest(str(tmp_path / ("x" * 300)))


def test_a_comment_or_a_moved_line_needs_no_new_yes(user):
    place = user.write("p/stead.toml", GOOD + 'OTHER = "1"\n')
    user.trust(place)
    user.write("p/stead.toml", '# a comment\n[vars]\nOTHER = "1"\nGREETING = "hello"\n')
    verdict = user.judge(place)
    assert (verdict.state, verdict.by, verdict.meanings) == ("trusted", "harmless change", ())
    assert user.judge(place).by == "record"


def test_harmless_names_come_change_and_go_without_asking(user):
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    for text in ('LOG_LEVEL = "debug"\n', 'LOG_LEVEL = "info"\nOMP_NUM_THREADS = "4"\n', ""):
        user.write("p/stead.toml", GOOD + text)
        assert user.judge(place).by == "harmless change"
        assert user.judge(place).by == "record"


def test_each_change_is_told_by_its_meaning(user):
    place = user.write(
        "p/stead.toml",
        '[vars]\nA = "1"\nB = "1"\n[tasks]\nt = ["one"]\n'
        '[packages.conda]\nchannels = ["good"]\nnumpy = ">=2"\n[paths]\ndata = "data"\n',
    )
    user.trust(place)
    user.write(
        "p/stead.toml",
        '[vars]\nA = "2"\nC = "1"\n[tasks]\nt = ["two", "a b"]\nu = ["three"]\n'
        '[packages.conda]\nchannels = ["evil", "good"]\nnumpy = ">=1"\n[paths]\ndata = "other"\n',
    )
    assert set(user.says(place)) == {
        "changes A",
        "removes B",
        "adds C",
        "task t now runs `two 'a b'`",
        "task u runs `three`",
        "adds channel evil",
        "changes channel good",
        "asks for conda numpy >=1",
        "no longer asks for conda numpy >=2",
        "changes path data",
    }
    assert "and 8 more" in user.judge(place).reason


def test_the_snapshot_survives_being_kept(user):
    place = user.write("p/stead.toml", GOOD + '[layer.dev.vars]\nB = "1"\n')
    user.trust(place)
    record = store.read(user.context.home, str(place))
    snapshot = from_json(record.snapshot)
    assert set(snapshot.environments) == {"default", "dev"}
    assert changes_of_meaning(snapshot, from_json(snapshot.as_json())) == []
    assert from_json({"environments": 3}) is None
    assert "hello" not in str(record.snapshot), "values are not kept, only their digests"


def test_everything_a_place_asks_for_is_worded(user):
    place = user.write("p/stead.toml", GOOD + '[layer.dev.packages.pypi]\npytest = "*"\n')
    user.trust(place)
    record = store.read(user.context.home, str(place))
    texts = [m.text for m in meanings(from_json(record.snapshot))]
    assert "adds GREETING" in texts
    assert any(t.startswith("asks for pypi pytest") and "environment dev" in t for t in texts)


def test_without_a_snapshot_the_changed_files_are_named(user):
    place = user.write("p/stead.toml", GOOD)
    store.write(
        user.context.home,
        store.TrustRecord(str(place), store.content_digests([str(place / "stead.toml")], place)),
    )
    user.write("p/stead.toml", GOOD + 'LOG_LEVEL = "1"\n')
    assert user.says(place) == ["changes stead.toml"]
    assert not user.trusts(place)


def test_steads_own_edit_carries_trust_over(user):
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    manifest, lock = str(place / "stead.toml"), str(place / "stead.lock")
    after = (GOOD + '[packages.pypi]\nnumpy = "*"\n').encode()
    user.own_edit({manifest: (GOOD.encode(), after), lock: (None, b"version = 1\n")})
    assert not user.trusts(place), "not before it is done"
    user.write("p/stead.toml", after.decode())
    user.write("p/stead.lock", "version = 1\n")
    assert user.judge(place).by == "record"
    user.write("p/stead.toml", after.decode() + "# by hand\n")
    assert user.judge(place).by == "harmless change", "the meaning was taken anew"


def test_an_edit_elsewhere_touches_no_record(user):
    place = user.write("p/stead.toml", GOOD)
    user.write("q/x", "")
    user.trust(place)
    before = store.read(user.context.home, str(place))
    user.own_edit({str(user.tree / "q/stead.lock"): (None, b"x")})
    assert store.read(user.context.home, str(place)) == before


def test_trust_survives_a_lock_made_for_a_child(user):
    """The lock of a workspace lies at its root and takes part in every place of it."""
    user.write("w/stead.toml", "[workspace]\n" + GOOD)
    child = user.write("w/child/stead.toml", '[vars]\nCHILD = "1"\n')
    user.trust(child)
    lock = user.tree / "w" / "stead.lock"
    lock.write_text("version = 1\n")
    assert not user.trusts(child)
    user.own_edit({str(lock): (None, b"version = 1\n")})
    assert user.trusts(child)


def test_revoking_forgets(user):
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    assert store.revoke(user.context.home, str(place))
    assert not user.trusts(place)
    assert not store.revoke(user.context.home, str(place))


def test_a_damaged_record_is_none(user):
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    path = store.record_file(user.context.home, str(place))
    whole = Path(path).read_bytes()
    for broken in (b"", whole[:40], b"[]", b'{"version": 99}', whole.replace(b'"files"', b'"x"')):
        with open(path, "wb") as file:
            file.write(broken)
        assert store.read(user.context.home, str(place)) is None
        assert not user.trusts(place)
    assert store.records(user.context.home) == ()


def test_records_are_the_users_alone(user):
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    assert os.stat(store.record_file(user.context.home, str(place))).st_mode & 0o777 == 0o600
    assert [r.place for r in store.records(user.context.home)] == [str(place)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[trust", "not TOML"),
        ('[trust]\npaths = "x"\n', "list of directories"),
        ("trust = 3\n", "list of directories"),
        ('[trust]\npaths = ["src"]\n', "where one stands"),
    ],
)
def test_settings_that_cannot_be_meant(user, settings, text, what):
    path = settings(text)
    with pytest.raises(TrustError, match=what) as caught:
        store.read_settings(user.context.environ)
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_settings_know_the_home_directory(user, settings):
    settings('[trust]\npaths = ["~/tree"]\n')
    assert user.trusts(user.write("p/stead.toml", GOOD))


@pytest.mark.parametrize(
    ("path", "prefix", "within"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a", True),
        ("/a", "/a/", True),
        ("/ab", "/a", False),
        ("/a/../b", "/a", False),
        ("/", "/a", False),
        ("/a", "/", True),
    ],
)
def test_paths_are_compared_by_component(path, prefix, within):
    assert store.is_within(path, prefix) is within


def test_an_untrusted_lock_builds_no_source_distribution_by_itself():
    trusted, unknown = Verdict("trusted", "record"), Verdict("unknown")
    assert may_build_sources(trusted, explicit=False)
    assert not may_build_sources(unknown, explicit=False)
    assert not may_build_sources(Verdict("changed"), explicit=False)
    assert may_build_sources(unknown, explicit=True), "the command itself is consent"


def test_nothing_at_all_means_nothing():
    assert meanings(TrustSnapshot({"default": {}}, {})) == []
