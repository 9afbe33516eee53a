"""Linking by recipes gives what uv gives, or leaves it to uv."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems.pypi import PyPI, uv
from stead.store import caches
from stead.store.layout import Layout
from stead.testing.index import Wheel
from stead.values.errors import CollisionError

if TYPE_CHECKING:
    from pathlib import Path

SPAM = Wheel(
    "spam",
    files={"spam/__init__.py": "def main():\n    print('spam')\n", "spam/deep/data.txt": "1"},
    scripts={"spam": "spam:main"},
)


@pytest.fixture
def without_uv(monkeypatch):
    """Make any use of uv fail."""

    def refuse() -> None:
        def run(*_args: object, **_kwargs: object) -> None:
            raise AssertionError("uv was asked")

        monkeypatch.setattr(uv.Uv, "run", run)

    return refuse


def tree(root: Path) -> dict[str, object]:
    """Give all that a tree holds, but for its own path in it."""
    own = os.fsencode(root)
    found: dict[str, object] = {}
    for path in root.rglob("*"):
        info = path.lstat()
        name = path.relative_to(root).as_posix()
        if stat.S_ISLNK(info.st_mode):
            found[name] = os.readlink(path)
        elif stat.S_ISREG(info.st_mode):
            record = path.name == "RECORD"  # hashes of scripts, which name the place
            content = path.read_bytes().replace(own, b"@")
            found[name] = (info.st_mode & 0o111, b"" if record else content)
        else:
            found[name] = "directory"
    return found


def recipes(world) -> list[Path]:
    return sorted((world.home / "packages" / "wheels").glob("*.json"))


def test_a_second_build_is_the_same_without_uv(world, without_uv):
    world.publish(SPAM, Wheel("eggs", files={"eggs.py": "a = 1\n"}))
    locked = world.lock("spam", "eggs")
    one = world.build(locked, "one")
    assert len(recipes(world)) == 2
    without_uv()
    two = world.build(locked, "two")
    assert tree(one) == tree(two)
    assert PyPI().verify(two, world.context()) == ()
    linked = next(two.rglob("spam/__init__.py"))
    assert linked.samefile(next(one.rglob("spam/__init__.py")))
    assert os.fspath(two) in (two / "bin" / "spam").read_text("utf-8")


def test_only_what_is_not_known_is_left_to_uv(world):
    world.publish(SPAM, Wheel("eggs"))
    world.build(world.lock("eggs"), "one")
    both = world.lock("spam", "eggs")
    two = world.build(both, "two")
    assert PyPI().verify(two, world.context()) == ()
    assert len(recipes(world)) == 2
    assert {p.name for p in two.rglob("*.dist-info")} == {
        "spam-1.0.dist-info",
        "eggs-1.0.dist-info",
    }


def test_a_damaged_recipe_is_none(world):
    world.publish(SPAM)
    locked = world.lock("spam")
    one = world.build(locked, "one")
    [file] = recipes(world)
    for text in ("", "{", "[]", '{"version": 1}', '{"version": 7}', '{"version": 1, "groups": 3}'):
        file.write_text(text, "utf-8")
        assert tree(world.build(locked, f"with-{len(text)}-{text[-2:-1]}")) == tree(one)
        assert len(file.read_text("utf-8")) > 50


def test_a_recipe_that_makes_no_sense_is_dropped(world):
    world.publish(SPAM)
    locked = world.lock("spam")
    one = world.build(locked, "one")
    [file] = recipes(world)
    right = json.loads(file.read_bytes())
    for number, spoil in enumerate(
        (
            lambda r: r["groups"][0][4].pop(),
            lambda r: r["groups"][0].__setitem__(2, [1, 2, 3]),
            lambda r: r["written"][0].__setitem__(1, None),
            lambda r: r["directories"].clear(),
            lambda r: r.__setitem__("archive", "archive-v0/none"),
        )
    ):
        wrong = json.loads(json.dumps(right))
        spoil(wrong)
        file.write_text(json.dumps(wrong), "utf-8")
        assert tree(world.build(locked, f"again-{number}")) == tree(one)
        assert json.loads(file.read_bytes()) == right


@pytest.mark.parametrize("what", ["gone", "longer", "later", "link"])
def test_a_recipe_that_does_not_fit_the_cache_is_dropped(world, what):
    world.publish(SPAM, Wheel("eggs"))
    locked = world.lock("spam", "eggs")
    one = world.build(locked, "one")
    before = {path: path.read_text("utf-8") for path in recipes(world)}
    [cached] = (world.home / "packages" / "uv").rglob("archive-v*/*/spam/deep/data.txt")
    if what == "longer":
        cached.write_text("12", "utf-8")
    elif what == "later":
        os.utime(cached, ns=(1, 1))
    else:
        cached.unlink()
        if what == "link":
            cached.symlink_to("/etc/passwd")
        else:
            cached.write_text("1", "utf-8")
    if what == "longer":
        # A wheel that lists another size is fetched anew, and then linked by uv.
        context = world.context()
    else:
        context = world.context(offline=what != "link")
    two = world.build(locked, "two", context=context)
    assert tree(two)["bin/spam"] == tree(one)["bin/spam"]
    assert next(two.rglob("deep/data.txt")).read_text("utf-8") == "1"
    assert not next(two.rglob("deep/data.txt")).is_symlink()
    assert PyPI().verify(two, world.context()) == ()
    changed = [path for path, text in before.items() if path.read_text("utf-8") != text]
    assert [json.loads(path.read_bytes())["info"] for path in changed] == ["spam-1.0.dist-info"]


def test_known_wheels_that_collide_are_found_before_anything_is_linked(world, without_uv):
    world.publish(
        Wheel("one", files={"shared/data.txt": "one", "one.py": ""}),
        Wheel("two", files={"shared/data.txt": "two", "two.py": ""}),
    )
    for name in ("one", "two"):
        world.build(world.lock(name), name)
    both = world.lock("one", "two")
    without_uv()
    with pytest.raises(CollisionError, match="one and two") as caught:
        world.build(both, "both")
    assert "shared/data.txt" in str(caught.value)


def test_known_wheels_may_bring_the_same_file(world):
    same = {"shared/__init__.py": "__path__ = []\n"}
    world.publish(
        Wheel("one", files={**same, "one.py": ""}), Wheel("two", files={**same, "two.py": ""})
    )
    for name in ("one", "two"):
        world.build(world.lock(name), name)
    both = world.build(world.lock("one", "two"), "both")
    assert {p.name for p in both.rglob("*.py")} == {"__init__.py", "one.py", "two.py"}
    assert PyPI().verify(both, world.context()) == ()


def test_a_known_wheel_that_collides_with_a_new_one_is_refused(world):
    world.publish(
        Wheel("one", files={"shared/data.txt": "one", "one.py": ""}),
        Wheel("two", files={"shared/data.txt": "two", "two.py": ""}),
    )
    world.build(world.lock("one"), "one")
    with pytest.raises(CollisionError, match="one and two"):
        world.build(world.lock("one", "two"), "both")


def test_other_hashes_are_another_recipe(world):
    world.publish(Wheel("eggs", files={"eggs.py": "a = 1\n"}))
    world.build(world.lock("eggs"), "one")
    world.publish(Wheel("eggs", "2.0", files={"eggs.py": "a = 2\n"}))
    final = world.build(world.lock("eggs"), "two")
    assert next(final.rglob("eggs.py")).read_text("utf-8") == "a = 2\n"
    assert len(recipes(world)) == 2


def test_a_recipe_goes_with_what_it_links_to(world):
    world.publish(SPAM, Wheel("eggs"))
    world.build(world.lock("spam", "eggs"), "one")
    [cached] = (world.home / "packages" / "uv").rglob("archive-v*/*/spam/deep/data.txt")
    info = cached.stat()
    caches.drop_origins(Layout(world.home), [(info.st_dev, info.st_ino)], lambda _: None)
    assert [json.loads(p.read_bytes())["info"] for p in recipes(world)] == ["eggs-1.0.dist-info"]
