"""Each value of the configuration, from each place that it may come from."""

from __future__ import annotations

import pytest

from stead.cli.serve import _FLAGS
from stead.server.config import NAMES, load, shown

# As the file has it, as a variable or flag has it, and what is shown of it.
GIVEN = {
    "host": ('"127.0.0.9"', "127.0.0.9", "127.0.0.9"),
    "port": ("9", "9", 9),
    "data": ('"/srv/stead"', "/srv/stead", "/srv/stead"),
    "database": ('"postgresql://db/x"', "postgresql://db/x", "postgresql://db/x"),
    "database_password": ('"env:PASSWORD"', "env:PASSWORD", "env:PASSWORD"),
    "blobs": ('"s3://bucket/x"', "s3://bucket/x", "s3://bucket/x"),
    "blob_options": ('{ token = "env:TOKEN" }', "token=env:TOKEN", {"token": "env:TOKEN"}),
    "workers": ("0", "0", 0),
    "capacity": ("9", "9", 9),
    "public": ('["a/*", "b/c"]', "a/*,b/c", ["a/*", "b/c"]),
    "cors": ('["https://lab.example"]', "https://lab.example", ["https://lab.example"]),
    "body_limit": ("9", "9", 9),
    "page_size": ("9", "9", 9),
    "log": ('"text"', "text", "text"),
    "publish": ('"/srv/envs"', "/srv/envs", "/srv/envs"),
    "watch": ('["/srv/a=a", "/srv/b=b"]', "/srv/a=a,/srv/b=b", ["/srv/a=a", "/srv/b=b"]),
    "git": (
        '[{ url = "https://git.example/x", namespace = "x" }]',
        "https://git.example/x=x",
        [{"url": "https://git.example/x", "namespace": "x"}],
    ),
    "git_credentials": (
        '{ "git.example" = "env:TOKEN" }',
        "git.example=env:TOKEN",
        {"git.example": "env:TOKEN"},
    ),
}


def test_there_is_an_example_of_each():
    assert GIVEN.keys() == set(NAMES)
    assert set(_FLAGS) < GIVEN.keys()


@pytest.mark.parametrize("name", GIVEN)
def test_each_value_is_shown_with_the_place_that_it_is_from(name, tmp_path):
    of_file, of_text, wanted = GIVEN[name]
    key = name.replace("_", "-")
    file = tmp_path / "server.toml"
    other = "# ours\nlog = 'json'\n" if name != "log" else "# ours\nhost = 'a.example'\n"
    file.write_text(f"{other}{key} = {of_file}\n")
    variable = f"STEAD_SERVER_{name.upper()}"

    def found(environ=None, flags=None, path=""):
        config = load(home="/home/ann", environ=environ or {}, flags=flags or {}, file=str(path))
        told = shown(config)
        assert told.keys() == {one.replace("_", "-") for one in NAMES}
        # Nothing else is said to be from there.
        named = {one: each["origin"] for one, each in told.items() if each["origin"] != "default"}
        named.pop("log" if name != "log" else "host", None)
        assert named.keys() <= {key}
        return told[key]["value"], told[key]["origin"]

    assert found()[1] == "default"
    assert found()[0] != wanted
    assert found(path=file) == (wanted, f"{file}:3")
    # A variable over the file, a flag over both.
    file.write_text(f"{other}{key} = {found_default(name)}\n")
    assert found({variable: of_text}, path=file) == (wanted, variable)
    given = of_text.split(",") if name in ("watch", "git") else of_text
    assert found({variable: of_text}, {name: given}, file) == (wanted, f"--{key}")


def found_default(name):
    """Give another right value for the file."""
    others = {
        "data": "'/srv/other'",
        "database": "'sqlite:////srv/x'",
        "blobs": "'file:///srv/x'",
        "publish": "'/srv/other'",
        "log": "'json'",
        "host": "'b.example'",
        "database_password": "'env:OTHER'",
        "blob_options": "{}",
        "git_credentials": "{}",
        "git": "[]",
        "public": "[]",
        "cors": "[]",
        "watch": "[]",
    }
    return others.get(name, "8")
