"""The list of recipients in a manifest, changed entry by entry."""

from __future__ import annotations

import pytest

from stead.formats.recipients import change
from stead.values.errors import ManifestError

SSH = "ssh-ed25519 AAAAC3Nz"


def test_one_is_added_where_the_list_is():
    text = '# mine\n[secrets]\nrecipients = [\n  "age1a",  # Ada\n]\nfile = "x.age"\n'
    new, listed = change("/p/stead.toml", text, ["age1b", "age1a", "age1b"], [])
    assert new == text.replace("# Ada\n", '# Ada\n  "age1b",\n')
    assert listed == ("age1a", "age1b")


def test_the_table_is_made_where_there_is_none():
    new, listed = change("/p/stead.toml", '[workspace]\nname = "x"\n', ["age1a"], [])
    assert listed == ("age1a",)
    assert '[secrets]\nrecipients = ["age1a"]' in new
    new, listed = change("/p/pyproject.toml", '[project]\nname = "x"\n', ["age1a"], [])
    assert "[tool.stead.secrets]" in new
    assert listed == ("age1a",)


def test_one_is_taken_away_with_its_line():
    text = '[secrets]\nrecipients = [\n  "age1a",\n  "age1b",  # Bob\n  "age1c",\n]\n'
    new, listed = change("/p/stead.toml", text, [], ["age1b"])
    assert new == text.replace('  "age1b",  # Bob\n', "")
    assert listed == ("age1a", "age1c")


def test_a_comment_of_an_ssh_key_is_not_part_of_it():
    text = f'[secrets]\nrecipients = ["{SSH} ada@lab", "age1a"]\n'
    assert change("/p/stead.toml", text, [f"{SSH} other"], [])[0] == text
    assert change("/p/stead.toml", text, [], [SSH])[1] == ("age1a",)


def test_one_that_is_not_there_is_an_error():
    with pytest.raises(ManifestError, match="age1z is none of the recipients"):
        change("/p/stead.toml", '[secrets]\nrecipients = ["age1a"]\n', [], ["age1z"])
