"""What `[registries]` and `uses` say of registries, and how a lock pins an item."""

from __future__ import annotations

import pytest

from stead.formats import stead_lock, stead_toml, user_settings
from stead.values.errors import LockError, ManifestError
from stead.values.lock import Lock, Pin

ITEM = Pin("pg", "registry:team", "1.2.0", "", version="1.2.0", integrity="sha256:" + "a" * 64)
FROM_GIT = Pin("pg", "registry:", "", "b" * 40, version="1.2.0", integrity="sha256:" + "a" * 64)


def read(text):
    return stead_toml.read("/w/stead.toml", lambda _: text)


@pytest.mark.parametrize(
    ("written", "kind", "location", "revision", "subdirectory"),
    [
        ('"../r"', "path", "../r", "", ""),
        ('{ path = "../r" }', "path", "../r", "", ""),
        ('"https://example.org/r/"', "url", "https://example.org/r", "", ""),
        ('"git+https://example.org/r.git#v3"', "git", "https://example.org/r.git", "v3", ""),
        (
            '{ git = "https://example.org/r.git", rev = "v3", subdirectory = "a/b/" }',
            "git",
            "https://example.org/r.git",
            "v3",
            "a/b",
        ),
    ],
)
def test_a_registry_is_a_path_an_address_or_a_repository(
    written, kind, location, revision, subdirectory
):
    text = f"[registries]\nteam = {written}\n"
    (found,) = read(text).registries
    assert (found.kind, found.location) == (kind, location)
    assert (found.revision, found.subdirectory) == (revision, subdirectory)
    assert (found.base, found.origin.line) == ("/w", 2)
    (also,) = user_settings.read("/w/config.toml", text).registries
    assert also == found


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("team = {}", "needs one of path, git and url"),
        ('team = { path = "a", url = "https://example.org" }', "needs one of path, git and url"),
        ('team = { path = "a", rev = "b" }', "rev goes with git"),
        ('team = { url = "ftp://example.org" }', "must begin with https:// or http://"),
        ('team = "https://me:secret@example.org/r"', "must not hold a password"),
        ('team = { git = "https://example.org/r", subdirectory = "../x" }', "leads out"),
        ('stead = "../r"', "comes with Stead"),
    ],
)
def test_a_registry_that_cannot_be_is_refused_with_its_line(written, says):
    with pytest.raises(ManifestError, match=says) as caught:
        read(f"[registries]\n{written}\n")
    assert caught.value.where.line == 2
    assert "secret" not in str(caught.value)


def test_settings_hold_nothing_but_registries():
    with pytest.raises(ManifestError, match="tasks"):
        user_settings.read("/w/config.toml", "[tasks]\n")


@pytest.mark.parametrize(
    ("written", "location", "version"),
    [
        ('"1.2"', "registry:", "1.2"),
        ('"*"', "registry:", ""),
        ('{ registry = "team" }', "registry:team", ""),
        ('{ registry = "team", version = "1.2.0" }', "registry:team", "1.2.0"),
    ],
)
def test_a_module_may_be_an_item_of_a_registry(written, location, version):
    (use,) = read(f"[uses]\npg = {written}\n").uses
    assert (use.kind, use.location, use.revision) == ("registry", location, version)


def test_the_options_of_an_item_are_kept():
    (use,) = read('uses.pg = { version = "1", options = { b = 2, a = "x" } }').uses
    assert use.options == (("a", "x"), ("b", 2))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ('"../common"', "is no version of a registry's item"),
        ('{ path = "x", version = "1" }', "needs either path, git, or registry and version"),
        ('{ version = "1", rev = "v1" }', "not with a registry's item"),
        ('{ path = "x", options = { a = 1 } }', "options go with a registry's item"),
    ],
)
def test_a_module_that_is_half_an_item_is_refused(written, says):
    with pytest.raises(ManifestError, match=says):
        read(f"[uses]\npg = {written}\n")


@pytest.mark.parametrize("pin", [ITEM, FROM_GIT])
def test_a_lock_keeps_version_and_content_of_an_item(pin):
    text = stead_lock.write(Lock(pins=(pin,)))
    assert stead_lock.read(text, "stead.lock").pins == (pin,)
    # By the reader that also takes what is not canonical.
    assert stead_lock.read(text.replace(" = ", "  = "), "stead.lock").pins == (pin,)
    assert stead_lock.write(stead_lock.read(text, "stead.lock")) == text


def test_a_pin_with_neither_commit_nor_content_is_refused():
    text = stead_lock.write(Lock(pins=(ITEM,)))
    lines = [line for line in text.splitlines() if not line.startswith(('version = "1.', "integ"))]
    with pytest.raises(LockError, match="commit is missing"):
        stead_lock.read("\n".join(lines) + "\n", "stead.lock")


def test_an_item_is_shown_by_its_version():
    assert str(ITEM) == f"1.2.0 ({'a' * 12})"
