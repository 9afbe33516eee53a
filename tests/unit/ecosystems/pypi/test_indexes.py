from __future__ import annotations

import pytest

from stead.ecosystems.pypi.indexes import (
    Place,
    default_place,
    mirror,
    places,
    quoted,
    without_credentials,
)
from stead.values.errors import ManifestError
from stead.values.manifest import Index
from stead.values.origin import Origin

MIRROR = "https://mirror.example/simple"


@pytest.fixture
def user(tmp_path):
    (tmp_path / "config" / "uv").mkdir(parents=True)
    (tmp_path / "config" / "pip").mkdir()
    return {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CONFIG_DIRS": str(tmp_path / "system"),
    }


def test_nothing_set_means_uvs_own_default(user):
    assert mirror(user) == ""
    assert default_place((), user) is None


@pytest.mark.parametrize(
    "text",
    [
        f'index-url = "{MIRROR}"\n',
        f'[pip]\nindex-url = "{MIRROR}"\n',
        f'[[index]]\nurl = "https://x.example"\n[[index]]\nurl = "{MIRROR}"\ndefault = true\n',
    ],
)
def test_uvs_file_names_a_mirror(user, tmp_path, text):
    (tmp_path / "config" / "uv" / "uv.toml").write_text(text, "utf-8")
    assert mirror(user) == MIRROR
    assert default_place((), user) == Place("pypi", MIRROR, default=True)


@pytest.mark.parametrize("where", ["config/pip/pip.conf", ".pip/pip.conf", "system/pip/pip.conf"])
def test_pips_files_name_a_mirror(user, tmp_path, where):
    path = tmp_path / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[global]\nindex-url = {MIRROR}\nextra-index-url = https://x\n", "utf-8")
    assert mirror(user) == MIRROR


def test_a_file_named_by_a_variable_counts(user, tmp_path):
    path = tmp_path / "mine.conf"
    path.write_text(f"[global]\nindex-url = {MIRROR}\n", "utf-8")
    assert mirror(user | {"PIP_CONFIG_FILE": str(path)}) == MIRROR
    uv = tmp_path / "mine.toml"
    uv.write_text('index-url = "https://uv.example"\n', "utf-8")
    assert mirror(user | {"UV_CONFIG_FILE": str(uv)}) == "https://uv.example"


def test_the_order_is_variables_then_files_and_uv_then_pip(user, tmp_path):
    (tmp_path / "config" / "uv" / "uv.toml").write_text('index-url = "https://c"\n', "utf-8")
    (tmp_path / "config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://e\n", "utf-8"
    )
    everything = user | {
        "UV_DEFAULT_INDEX": "https://a",
        "UV_INDEX_URL": "https://b",
        "PIP_INDEX_URL": "https://d",
    }
    seen = []
    for gone in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "file", "PIP_INDEX_URL", ""):
        seen.append(mirror(everything))
        if gone == "file":
            (tmp_path / "config" / "uv" / "uv.toml").unlink()
        else:
            everything.pop(gone, None)
    assert seen == ["https://a", "https://b", "https://c", "https://d", "https://e"]


def test_a_named_mirror_in_a_variable_is_understood(user):
    assert mirror(user | {"UV_DEFAULT_INDEX": f"corp={MIRROR}"}) == MIRROR
    with_query = "https://mirror.example/simple?token=a"
    assert mirror(user | {"UV_DEFAULT_INDEX": with_query}) == with_query


@pytest.mark.parametrize("text", ["index-url = [", "[[index]]\nurl = 3\ndefault = true\n", "\xff"])
def test_a_broken_file_sets_nothing(user, tmp_path, text):
    (tmp_path / "config" / "uv" / "uv.toml").write_text(text, "latin-1")
    (tmp_path / "config" / "pip" / "pip.conf").write_text("index-url\n[[", "utf-8")
    assert mirror(user) == ""


def test_the_manifests_default_goes_before_any_mirror(user):
    own = places((Index("corp", "https://corp.example", default=True),), user)
    assert default_place(own, user | {"UV_INDEX_URL": MIRROR}) == own[0]


def test_relative_addresses_are_of_the_manifest_that_writes_them(tmp_path):
    found = places(
        (
            Index("flat", "wheels", base=str(tmp_path), flat=True),
            Index("simple", "./my index", base=str(tmp_path)),
            Index("far", "https://far.example/simple"),
        ),
        {},
    )
    assert found[0].url == str(tmp_path / "wheels")
    assert found[1].url == (tmp_path / "my index").as_uri()
    assert found[2].url == "https://far.example/simple"


def test_a_missing_variable_and_a_bad_name_are_named_with_their_line():
    origin = Origin("stead.toml", 3)
    with pytest.raises(ManifestError, match=r"stead\.toml:3: .*the variable TOKEN"):
        places((Index("x", "https://${TOKEN}@x.example", origin=origin),), {})
    with pytest.raises(ManifestError, match=r"stead\.toml:3: 'a b'"):
        places((Index("a b", "https://x.example", origin=origin),), {})


def test_credentials_are_cut_out():
    assert without_credentials("see https://me:hush@x.example/a@b") == "see https://x.example/a@b"
    assert without_credentials("https://x.example/a@b") == "https://x.example/a@b"


def test_text_survives_as_toml():
    import tomllib

    for text in ['a"b\\c', "tab\tnew\nline", "é\x7f\x1b", "${x}"]:
        assert tomllib.loads(f"x = {quoted(text)}")["x"] == text
