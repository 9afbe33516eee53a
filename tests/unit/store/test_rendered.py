"""Rendered files: kept with the records, linked where they are asked for, never over another's."""

from __future__ import annotations

import os
import stat

import pytest

from stead.store import places
from stead.store.rendered import Stale, Wanted, place_files, required, stale, unlink_missing
from stead.values.errors import ManifestError
from stead.values.origin import Origin


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / "home")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture
def put(home, place):
    def putting(*files, environment="default", **options):
        return place_files(home, str(place), environment, files, note=lambda _text: None, **options)

    return putting


def wanted(place, path="conf/viewer.ini", content="a = 1\n", **rest):
    return Wanted(path, content, str(place), origin=Origin(str(place / "stead.toml"), 4), **rest)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class TestPlacing:
    def test_a_link_leads_to_what_is_kept_below_the_home(self, put, place, home):
        changed = put(wanted(place))
        path = place / "conf/viewer.ini"
        assert changed == (str(path),)
        assert path.read_text() == "a = 1\n"
        kept = places.environment_directory(home, str(place), "default")
        assert os.readlink(path) == os.path.join(kept, "files", "conf", "viewer.ini")

    def test_nothing_is_touched_where_nothing_changed(self, put, place):
        put(wanted(place))
        before = os.lstat(place / "conf/viewer.ini"), os.stat(place / "conf/viewer.ini")
        assert put(wanted(place)) == ()
        assert (os.lstat(place / "conf/viewer.ini"), os.stat(place / "conf/viewer.ini")) == before

    def test_a_change_replaces_the_content(self, put, place):
        put(wanted(place))
        assert put(wanted(place, content="b\n")) == (str(place / "conf/viewer.ini"),)
        assert (place / "conf/viewer.ini").read_text() == "b\n"

    def test_a_content_that_somebody_damaged_is_written_anew(self, put, place):
        put(wanted(place))
        (place / "conf/viewer.ini").write_text("mine")
        put(wanted(place))
        assert (place / "conf/viewer.ini").read_text() == "a = 1\n"

    def test_private_content_is_for_the_user_alone(self, put, place):
        put(wanted(place, private=True))
        assert mode(place / "conf/viewer.ini") == 0o600
        put(wanted(place))
        assert mode(place / "conf/viewer.ini") == 0o644

    def test_another_environment_replaces_the_link(self, put, place):
        put(wanted(place, content="dev\n"), environment="dev")
        put(wanted(place, content="prod\n"), environment="prod")
        assert (place / "conf/viewer.ini").read_text() == "prod\n"
        put(wanted(place, content="dev\n"), environment="dev")
        assert (place / "conf/viewer.ini").read_text() == "dev\n"

    def test_a_link_that_another_home_made_is_replaced(self, put, place, tmp_path):
        other = str(tmp_path / "other")
        place_files(other, str(place), "default", [wanted(place)], note=lambda _text: None)
        put(wanted(place, content="new\n"))
        assert (place / "conf/viewer.ini").read_text() == "new\n"

    def test_a_file_above_the_place_is_kept_apart(self, put, place, home):
        inner = place / "sub"
        inner.mkdir()
        file = wanted(place, "x.ini")
        place_files(home, str(inner), "default", [file], note=lambda _text: None)
        kept = places.environment_directory(home, str(inner), "default")
        assert os.readlink(place / "x.ini").startswith(kept)


class TestWhatIsNotSteads:
    @pytest.mark.parametrize("kind", ["file", "directory", "link", "dangling"])
    def test_is_never_replaced(self, put, place, kind):
        path = place / "viewer.ini"
        (place / "other").write_text("mine")
        if kind == "file":
            path.write_text("mine")
        elif kind == "directory":
            path.mkdir()
        else:
            path.symlink_to("other" if kind == "link" else "nothing")
        before = os.lstat(path)
        with pytest.raises(ManifestError, match=r"viewer\.ini") as caught:
            put(wanted(place, "viewer.ini"))
        assert caught.value.where == Origin(str(place / "stead.toml"), 4)
        assert "move it away" in caught.value.remedy
        assert os.lstat(path) == before

    def test_all_of_them_are_named_and_nothing_is_placed(self, put, place):
        (place / "a").write_text("mine")
        (place / "b").write_text("mine")
        with pytest.raises(ManifestError) as caught:
            put(wanted(place, "c"), wanted(place, "a"), wanted(place, "b"))
        assert len(caught.value.details) == 2
        assert not (place / "c").exists()

    def test_a_file_with_the_very_content_may_stay(self, put, place):
        (place / "viewer.ini").write_text("a = 1\n")
        assert put(wanted(place, "viewer.ini")) == ()
        assert not (place / "viewer.ini").is_symlink()

    def test_so_may_a_link_to_such_a_file(self, put, place):
        (place / "theirs").write_text("a = 1\n")
        (place / "viewer.ini").symlink_to("theirs")
        assert put(wanted(place, "viewer.ini")) == ()
        assert os.readlink(place / "viewer.ini") == "theirs"
        with pytest.raises(ManifestError, match="a link that Stead did not make"):
            put(wanted(place, "viewer.ini", content="b\n"))

    @pytest.mark.parametrize("path", [".env", ".stead/x", ".STEAD/y"])
    def test_what_stead_itself_reads_is_not_for_others(self, put, place, path):
        with pytest.raises(ManifestError, match="Stead"):
            put(wanted(place, path))
        assert os.listdir(place) == []

    def test_but_not_for_private_content(self, put, place):
        (place / "viewer.ini").write_text("a = 1\n")
        with pytest.raises(ManifestError):
            put(wanted(place, "viewer.ini", private=True))

    @pytest.mark.parametrize(
        "path", ["../x", "/etc/x", "a/../../x", "", ".", "C:/x", "..\\x", "a\0b", ".git/config"]
    )
    def test_no_path_leads_out(self, put, place, path):
        with pytest.raises(ManifestError) as caught:
            put(wanted(place, path))
        assert caught.value.where.line == 4
        assert os.listdir(place) == []

    def test_no_link_in_the_tree_leads_out(self, put, place, tmp_path):
        (tmp_path / "outside").mkdir()
        (place / "conf").symlink_to(tmp_path / "outside")
        with pytest.raises(ManifestError):
            put(wanted(place))
        assert os.listdir(tmp_path / "outside") == []

    def test_one_path_asked_for_twice(self, put, place):
        with pytest.raises(ManifestError, match="twice"):
            put(wanted(place), wanted(place, content="b"))

    def test_a_file_where_a_directory_is_needed(self, put, place):
        (place / "conf").write_text("mine")
        with pytest.raises(
            ManifestError, match="needs a directory conf, and that is a file"
        ) as caught:
            put(wanted(place))
        assert caught.value.where.line == 4
        assert (place / "conf").read_text() == "mine"


class TestTakingAway:
    def test_what_is_no_longer_asked_for(self, put, place):
        put(wanted(place), wanted(place, "deep/er/x"))
        assert str(place / "deep/er/x") in put(wanted(place))
        assert sorted(os.listdir(place)) == ["conf"]
        put()
        assert os.listdir(place) == []

    def test_a_directory_of_several_goes_with_the_last(self, put, place):
        put(wanted(place, "conf/a"), wanted(place, "conf/b"), wanted(place, "conf/c/d"))
        put(wanted(place, "conf/b"))
        assert os.listdir(place / "conf") == ["b"]
        put()
        assert os.listdir(place) == []

    def test_the_content_goes_too(self, put, place, home):
        put(wanted(place))
        put()
        kept = places.environment_directory(home, str(place), "default")
        assert os.listdir(os.path.join(kept, "files")) == []

    def test_directories_of_others_stay(self, put, place):
        (place / "conf").mkdir()
        put(wanted(place))
        put()
        assert os.listdir(place) == ["conf"]

    def test_directories_that_others_use_meanwhile_stay(self, put, place):
        put(wanted(place))
        (place / "conf/mine").write_text("x")
        put()
        assert os.listdir(place / "conf") == ["mine"]

    def test_links_of_another_environment_stay(self, put, place):
        put(wanted(place, content="dev\n"), environment="dev")
        put(environment="prod")
        assert (place / "conf/viewer.ini").read_text() == "dev\n"

    def test_what_somebody_put_there_instead_stays(self, put, place):
        put(wanted(place))
        (place / "conf/viewer.ini").unlink()
        (place / "conf/viewer.ini").write_text("mine")
        put()
        assert (place / "conf/viewer.ini").read_text() == "mine"

    def test_by_name(self, put, place, home):
        put(wanted(place), wanted(place, "x"))
        gone = unlink_missing(
            home, str(place), "default", {str(place / "x")}, note=lambda _text: None
        )
        assert gone == (str(place / "conf/viewer.ini"),)
        assert os.listdir(place) == ["x"]

    def test_damaged_notes_are_no_obstacle(self, put, place, home):
        put(wanted(place))
        notes = os.path.join(places.place_directory(home, str(place)), ".files.json")
        with open(notes, "w") as file:
            file.write("{")
        put(wanted(place, content="b\n"))
        assert (place / "conf/viewer.ini").read_text() == "b\n"


class TestCopies:
    """Where a system makes no links."""

    def test_a_copy_is_made_replaced_and_taken_away(self, put, place):
        put(wanted(place), links=False)
        path = place / "conf/viewer.ini"
        assert not path.is_symlink()
        assert path.read_text() == "a = 1\n"
        put(wanted(place, content="b\n"), links=False)
        assert path.read_text() == "b\n"
        put(links=False)
        assert os.listdir(place) == []

    def test_one_that_somebody_changed_is_left_alone(self, put, place):
        put(wanted(place), links=False)
        path = place / "conf/viewer.ini"
        path.write_text("edited")
        with pytest.raises(ManifestError, match="changed since"):
            put(wanted(place, content="b\n"), links=False)
        assert path.read_text() == "edited"


class TestRequired:
    """Paths by whose absence a shell learns that the files must be placed anew."""

    def holds(self, home, place, environment="dev"):
        paths = required(home, str(place), environment, [str(place / "conf/viewer.ini")])
        return all(os.path.exists(path) for path in paths)

    def test_they_are_there_once_files_are_placed(self, put, place, home):
        assert not self.holds(home, place)
        put(wanted(place), environment="dev")
        assert self.holds(home, place)

    def test_another_environment_takes_them(self, put, place, home):
        put(wanted(place), environment="dev")
        put(wanted(place, content="prod\n"), environment="prod")
        assert not self.holds(home, place)
        assert self.holds(home, place, "prod")
        put(wanted(place), environment="dev")
        assert self.holds(home, place)
        assert not self.holds(home, place, "prod")

    def test_so_does_one_with_the_very_same_content(self, put, place, home):
        put(wanted(place), environment="dev")
        put(wanted(place), environment="prod")
        assert not self.holds(home, place)

    def test_one_that_asks_for_other_files_does_not(self, put, place, home):
        put(wanted(place), environment="dev")
        put(wanted(place, "other"), environment="prod")
        assert self.holds(home, place)

    def test_a_link_that_was_removed_is_missed(self, put, place, home):
        put(wanted(place), environment="dev")
        (place / "conf/viewer.ini").unlink()
        assert not self.holds(home, place)
        put(wanted(place), environment="dev")
        assert self.holds(home, place)

    def test_files_of_one_command_do_not_last(self, put, place, home):
        put(wanted(place), environment="dev")
        put(wanted(place, content="other\n"), environment="dev", lasting=False)
        assert (place / "conf/viewer.ini").read_text() == "other\n"
        assert not self.holds(home, place)
        assert put(wanted(place), environment="dev") != ()
        assert self.holds(home, place)

    def test_without_files_nothing_is_needed(self, home, place):
        assert required(home, str(place), "dev", []) == ()


class TestStale:
    def test_what_is_as_it_would_be_is_not_named(self, put, place):
        put(wanted(place))
        assert stale([wanted(place)]) == ()

    def test_what_differs_or_is_missing_is(self, put, place):
        put(wanted(place))
        found = stale([wanted(place, content="a = 1\nb = 2\n"), wanted(place, "x")])
        assert found == (
            Stale(str(place / "conf/viewer.ini"), "differs from line 2"),
            Stale(str(place / "x"), "is not there"),
        )
        assert found[0].where.line == 4

    def test_a_file_kept_with_the_sources_counts(self, place):
        (place / "x").write_text("a = 1\n")
        assert stale([wanted(place, "x")]) == ()

    def test_private_content_that_others_can_read_is_named(self, place):
        (place / "x").write_text("a = 1\n")
        (place / "x").chmod(0o644)
        (found,) = stale([wanted(place, "x", private=True)])
        assert "others" in found.why


def test_content_that_is_not_utf8_survives(put, place):
    put(wanted(place, content="\udcff\n"))
    assert (place / "conf/viewer.ini").read_bytes() == b"\xff\n"
