"""Layers: how many, of what, and below which names."""

from __future__ import annotations

import hashlib
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.deploy.cache import Cache
from stead.deploy.oci import layers
from stead.deploy.oci.layers import GROUPS, grouped, places
from stead.deploy.oci.model import Descriptor, choose, descriptor
from stead.deploy.oci.names import parse
from stead.values.deployment import KEY_LENGTH, Member, Part, Tree
from stead.values.errors import DeployError


def part(name: str, size: int) -> Part:
    digest = hashlib.sha256(f"{name} {size}".encode()).hexdigest()
    return Part(name, digest, (), size)


def many(number: int) -> list[Part]:
    chance = random.Random(number)
    return [part(f"package-{n} 1.0", int(2 ** chance.uniform(9, 24))) for n in range(number)]


@given(st.integers(1, 400), st.integers(20, 100))
def test_there_are_never_more_than_so_many_and_none_is_lost(number: int, most: int) -> None:
    parts = many(number)
    found = grouped(parts, most)
    assert len(found) <= most
    assert sorted(p.name for _, some in found for p in some) == sorted(p.name for p in parts)
    if number <= most:
        assert [some for _, some in found] == [(p,) for p in parts]


def test_a_new_version_of_a_small_package_changes_one_layer() -> None:
    parts = many(300)
    small = min(parts, key=lambda p: p.size)
    newer = [part(p.name.replace("1.0", "2.0"), p.size + 1) if p is small else p for p in parts]
    before, after = (
        {tuple(p.digest for p in some) for _, some in grouped(list_, 90)}
        for list_ in (parts, newer)
    )
    assert len(before - after) == len(after - before) == 1


def test_one_more_package_changes_one_layer() -> None:
    parts = many(300)
    before, after = (
        {tuple(p.digest for p in some) for _, some in grouped(list_, 90)}
        for list_ in (parts, [*parts, part("another 1.0", 600)])
    )
    assert len(before - after) <= 1
    assert len(after) <= 90


def test_a_layer_of_use_is_kept_with_all_that_is_known_of_it(tmp_path) -> None:
    cache = Cache(tmp_path)

    def make() -> list[float]:
        layers.made(cache, "one", [Member("a", content=b"x")], "/d", ["a"])
        return [file.stat().st_mtime for file in (tmp_path / "deploy" / "layers").iterdir()]

    assert len(make()) == 2
    for file in (tmp_path / "deploy" / "layers").iterdir():
        os.utime(file, (1, 1))
    assert min(make()) > 1


def test_with_very_little_room_all_are_put_together() -> None:
    assert len(grouped(many(100), 3)) <= 3
    assert len(grouped(many(100), GROUPS)) <= GROUPS


def test_environments_and_code_have_names_that_stay() -> None:
    def trees(*digests: str) -> list[Tree]:
        packages = tuple(Part(d, d) for d in digests)
        return [
            Tree("e" * 20, "shop", packages),
            Tree("p" * 20, "python 3.12", (Part("python", "p"),)),
            Tree("c" * 20, "code", (Part("code", "c"),)),
            Tree("d" * 20, "code of web", (Part("code", "c"), Part("files", "f"))),
        ]

    found = places(trees("a", "b"))
    assert found == {
        "e" * 20: "environment-00000001",
        "p" * 20: "p" * 20,
        "c" * 20: "code-000000000000001",
        "d" * 20: "code-000000000000002",
    }
    assert {len(name) for name in found.values()} == {KEY_LENGTH}


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"mediaType": "x", "digest": "sha256:../../etc/passwd", "size": 1},
        {"mediaType": "x", "digest": "sha256", "size": 1},
        {"mediaType": "x", "digest": "md5:00", "size": 1},
        {"mediaType": "x", "digest": "sha256:00", "size": "large"},
    ],
)
def test_a_descriptor_that_makes_no_sense_is_refused(value: object) -> None:
    with pytest.raises(DeployError, match="damaged"):
        descriptor(value, "here")


def test_the_image_of_this_kind_of_machine_is_chosen() -> None:
    def entry(digit: str, **platform: str) -> dict:
        said = {"mediaType": "x", "digest": f"sha256:{digit * 64}", "size": 1}
        return {**said, "platform": platform} if platform else said

    index = {
        "manifests": [
            entry("a", os="linux", architecture="arm64"),
            entry("b", os="linux", architecture="amd64"),
        ]
    }
    assert choose(index, ("linux", "amd64"), "x") == Descriptor("x", f"sha256:{'b' * 64}", 1)
    with pytest.raises(DeployError, match="linux/riscv64") as caught:
        choose(index, ("linux", "riscv64"), "x")
    assert caught.value.details == ("it is there for linux/amd64, linux/arm64",)
    assert choose({"manifests": [entry("c")]}, ("linux", "amd64"), "x").digest.endswith("c")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("localhost:5000/a", ("localhost:5000", "a", "", "")),
        ("r.example.org/team/app:1.0", ("r.example.org", "team/app", "1.0", "")),
        ("docker://localhost/a:b", ("localhost", "a", "b", "")),
        (f"r.example.org/a@sha256:{'0' * 64}", ("r.example.org", "a", "", f"sha256:{'0' * 64}")),
    ],
)
def test_names_in_registries(text: str, parts: tuple[str, ...]) -> None:
    name = parse(text)
    assert (name.host, name.repository, name.tag, name.digest) == parts
    assert str(name) == text.removeprefix("docker://")
