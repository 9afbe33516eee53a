"""Which changes by hand become what in the place's files."""

from __future__ import annotations

import pytest

from stead.pipeline.hand import by_hand
from stead.pipeline.hand_files import for_files, outside_among
from stead.pipeline.variables import Added
from stead.values.errors import UsageError
from stead.values.origin import Origin
from stead.values.table import Definition, Entry, Table

MANIFEST, DOTENV = "/p/stead.toml", "/p/.env"
BASE = {"OWN": "1", "BOTH": "1", "UP": "1", "HID": "1", "OUTER": "1", "PATH": "/x"}
NOW = {
    "NEW": "a$b {net.db}",
    "TOKEN": "hush-1",
    "OWN": "2",
    "PATH": "/p/tools:/opt/a:/x",
    "PW": "hush-2",
}


def entry(name: str, *files: str, secret: bool = False) -> Entry:
    made = tuple(Definition(name, "1", "vars", origin=Origin(f, 1)) for f in files)
    return Entry(name, definitions=made, secret=secret)


TABLE = Table(
    entries=(
        entry("OWN", MANIFEST),
        entry("BOTH", MANIFEST, "/stead.toml"),
        entry("UP", "/stead.toml"),
        entry("HID", DOTENV, MANIFEST),
        entry("PW", secret=True),
    )
)


def keep(*names: str, now: dict[str, str] = NOW, private: bool = False):
    return for_files(
        by_hand(BASE, now),
        names,
        table=TABLE,
        manifest=MANIFEST,
        dotenv=DOTENV,
        cwd="/p",
        private=private,
    )


def test_a_value_means_itself_in_the_manifest():
    assert keep("NEW", "OWN").manifest == {"NEW": "a$$b {{net.db}}", "OWN": "2"}


def test_directories_by_list_or_by_name():
    assert keep("PATH").manifest == {"PATH": Added(("/p/tools", "/opt/a"))}
    assert keep("tools/").manifest == {"PATH": Added(("/p/tools",))}
    assert keep("/opt/a", "/p/tools").manifest == {"PATH": Added(("/p/tools", "/opt/a"))}


def test_a_directory_stays_at_its_end_of_the_list():
    now = {"PATH": "/p/first:/x:/opt/late/:/p/last"}
    assert keep("PATH", now=now).manifest == {
        "PATH": Added(("/p/first",), ("/opt/late", "/p/last"))
    }
    assert keep("last", now=now).manifest == {"PATH": Added((), ("/p/last",))}


def test_what_was_unset_and_came_from_outside_is_named():
    assert outside_among(by_hand(BASE, NOW), TABLE) == ("OUTER",)


def test_what_was_unset_goes_where_it_is_defined():
    found = keep("BOTH", "UP", "HID")
    assert found.manifest == {"BOTH": False, "UP": False}
    assert found.private == {"HID": None}
    assert keep("OWN", now={"PATH": "/x"}).manifest == {"OWN": None}


@pytest.mark.parametrize("name", ["TOKEN", "PW"])
def test_what_is_private_needs_to_be_asked_for(name):
    with pytest.raises(UsageError, match="looks private") as caught:
        keep(name)
    assert "hush" not in f"{caught.value} {caught.value.remedy}"
    assert keep(name, private=True).private == {name: NOW[name]}


@pytest.mark.parametrize(
    ("name", "private", "why"),
    [
        ("OUTER", False, "from outside"),
        ("NEVER", False, "was not changed by hand"),
        ("/nowhere", False, "was not changed by hand"),
        ("PATH", True, "are for the manifest"),
    ],
)
def test_refused(name, private, why):
    with pytest.raises(UsageError, match=why):
        keep(name, private=private)
