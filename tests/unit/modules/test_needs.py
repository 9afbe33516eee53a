"""Which items are added together, and what is refused of their pins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from stead.modules import needs
from stead.modules.registry import Summary
from stead.values.errors import CycleError, RegistryError
from stead.values.item import Came, Item, Need, Option

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Registry:
    """A registry in memory."""

    name: str
    held: dict[str, Item] = field(default_factory=dict)
    location: str = "memory"
    commit: str = ""

    def names(self) -> Sequence[str]:
        return sorted(self.held)

    def items(self) -> tuple[Summary, ...]:
        return tuple(
            Summary(n, i.kind, i.version, (i.version,), i.summary) for n, i in self.held.items()
        )

    def item(self, name: str, version: str = "") -> Item:
        found = self.held[name]
        if version not in ("", found.version):
            raise RegistryError(f"no {name} {version}")
        return found

    def put(self, name: str, *needed: Need, options: tuple[Option, ...] = ()) -> Need:
        item = Item(
            name, "lib", "1.0", "", needs=needed, options=options, integrity=f"sha256:{name}"
        )
        self.held[name] = item
        return Need(name, version="1.0", integrity=item.integrity)


@pytest.fixture
def registry() -> Registry:
    return Registry("team")


def gathered(registry: Registry, name: str, **more) -> list[tuple[str, str]]:
    known = more.pop("known", (registry,))
    found = needs.gather(known, registry, registry.item(name), {}, **more)
    return [(c.name, c.needed_by) for c in found]


def test_what_is_needed_comes_first_and_once(registry: Registry) -> None:
    base = registry.put("base")
    left, right = registry.put("left", base), registry.put("right", base)
    registry.put("top", left, right)
    assert gathered(registry, "top") == [
        ("base", "left"),
        ("left", "top"),
        ("right", "top"),
        ("top", ""),
    ]


def test_what_is_there_is_not_added_again(registry: Registry) -> None:
    registry.put("top", registry.put("base"))
    came = Came("team", "memory", item="base", version="1.0", integrity="sha256:base")
    assert gathered(registry, "top", there=lambda _: came) == [("top", "")]
    older = Came("team", "memory", item="base", version="0.9", integrity="sha256:old")
    with pytest.raises(RegistryError, match=r"top 1\.0 needs base 1\.0, and the project has 0\.9"):
        gathered(registry, "top", there=lambda _: older)


def test_another_content_than_the_pinned_one_is_refused_with_both(registry: Registry) -> None:
    registry.put("base")
    registry.put("top", Need("base", version="1.0", integrity="sha256:other"))
    with pytest.raises(RegistryError, match="not the one that is meant") as caught:
        gathered(registry, "top")
    assert caught.value.details == ("pinned sha256:other", "found  sha256:base")


def test_items_that_need_each_other_are_refused(registry: Registry) -> None:
    one = Need("one", version="1.0", integrity="sha256:one")
    registry.put("one", registry.put("two", one))
    with pytest.raises(CycleError, match="one → two → one"):
        gathered(registry, "one")


def test_a_need_may_lie_in_another_registry_and_has_options(registry: Registry) -> None:
    other = Registry("other")
    pool = Option("pool", "int", default=5)
    pinned = other.put("base", options=(pool,))
    elsewhere = Need("base", "other", pinned.version, pinned.integrity, (("pool", 7),))
    registry.put("top", elsewhere)
    found = needs.gather((registry, other), registry, registry.item("top"), {})
    assert found[0].came.registry == "other"
    assert found[0].options == (("pool", 7),)
    with pytest.raises(RegistryError, match="no registry other"):
        gathered(registry, "top")


def test_two_that_need_one_differently_are_refused(registry: Registry) -> None:
    pool = Option("pool", "int", default=5)
    base = registry.put("base", options=(pool,))
    more = Need("base", "", base.version, base.integrity, (("pool", 7),))
    registry.put("top", registry.put("left", base), registry.put("right", more))
    with pytest.raises(RegistryError, match=r"right 1\.0 needs base 1\.0, and left needs base"):
        gathered(registry, "top")


def test_a_need_with_a_wrong_option_is_the_registrys_fault(registry: Registry) -> None:
    base = registry.put("base")
    registry.put("top", Need("base", "", base.version, base.integrity, (("size", 1),)))
    with pytest.raises(RegistryError, match="has no option size"):
        gathered(registry, "top")


def test_where_an_item_is(registry: Registry) -> None:
    other = Registry("other")
    registry.put("mine")
    registry.put("both")
    other.put("both")
    known = (registry, other)
    assert needs.find(known, "mine") is registry
    assert needs.find(known, "both", "other") is other
    with pytest.raises(RegistryError, match="several registries have an item both: team, other"):
        needs.find(known, "both")
    with pytest.raises(RegistryError, match="did you mean mine") as caught:
        needs.find(known, "mien")
    assert "both, mine" in caught.value.remedy
