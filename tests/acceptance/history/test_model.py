"""Commands and edits by hand in any order, against a model of a few lines.

The model knows a place by what it asks for: packages, variables, and for which packages
it is locked. Going back takes out what was changed since, name by name, and leaves what
the user has changed by hand.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stead.formats import stead_lock

if TYPE_CHECKING:
    from tests.acceptance.history.conftest import World

Names = dict[str, str]
START = """\
[packages.pypi]
tool = "*"

[vars]
KEPT = "1"
"""


@dataclass(frozen=True)
class State:
    """What a place asks for, and what for it is locked (None: there is no lock)."""

    packages: Names
    variables: Names
    locked: Names | None = None
    text: str = field(default=START, compare=False)
    """The manifest to the letter, as it was seen."""


@dataclass(frozen=True)
class Entry:
    """A generation. ``base`` is what would be there without what was edited by hand."""

    state: State
    base: State
    back: tuple[int, ...] = ()
    """Where undo goes, the next one last; numbers of generations."""
    forth: tuple[int, ...] = ()
    """Where redo goes, the next one last."""


@dataclass
class Model:
    now: State
    entries: list[Entry] = field(default_factory=list)

    @property
    def last(self) -> Entry:
        return self.entries[-1]

    def at(self, number: int) -> Entry:
        return self.entries[number - 1]

    def record(self, text: str, *, letters: bool = False) -> None:
        """Take down what is there, if that is new: before a change, to the ``letters``."""
        self.now = replace(self.now, text=text)
        if not self.entries:
            self.entries.append(Entry(self.now, self.now))
        elif self.last.state != self.now or (letters and self.last.state.text != text):
            self.entries.append(Entry(self.now, self.now, (*self.last.back, self.number)))

    @property
    def number(self) -> int:
        """The first generation that was as the last one is, in the same line of undoing."""
        return self.same.get(len(self.entries), len(self.entries))

    same: dict[int, int] = field(default_factory=dict)

    def merged(self, target: int, text: str) -> tuple[State | None, bool]:
        """Give the place as it is after going to a generation, and whether that must succeed.

        None where it contradicts what was edited by hand. Line by line, as the program
        goes about it, more may do so: lines that changed places, and names that both
        have changed alike.
        """
        then, base = self.at(target).state, self.last.base
        certain = in_order(base.text, text, then.text)
        found: dict[str, Names] = {}
        for kind in ("packages", "variables"):
            was, mine, theirs = (getattr(s, kind) for s in (base, self.now, then))
            names = merge(was, mine, theirs)
            if names is None:
                return None, False
            found[kind] = names
            certain = certain and not changed(was, mine) & changed(was, theirs)
        stays = self.now.locked is not None and then.locked in (base.locked, self.now.locked)
        locked = self.now.locked if stays else then.locked
        return State(found["packages"], found["variables"], locked), certain

    def went(
        self, target: int, back: tuple[int, ...], forth: tuple[int, ...], *, new: bool, own: bool
    ) -> None:
        """Note that the place is as it is ``now``; ``own``: not quite as in the generation."""
        then = self.at(target)
        self.entries.append(Entry(self.now if own else then.state, then.base, back, forth))
        if not (new or own):
            self.same[len(self.entries)] = self.same.get(target, target)


def changed(was: Names, now: Names) -> set[str]:
    return {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}


def in_order(*texts: str) -> bool:
    """Say whether the lines that texts share stand in the same order in all of them."""
    orders = [[line.partition(" =")[0] for line in text.splitlines()] for text in texts]
    shared = set(orders[0]).intersection(*orders[1:])
    return len({tuple(n for n in order if n in shared) for order in orders}) == 1


def merge(base: Names, mine: Names, theirs: Names) -> Names | None:
    """Bring what ``theirs`` changed into ``mine``; None where both changed the same otherwise."""
    result = dict(mine)
    for name in base.keys() | mine.keys() | theirs.keys():
        was, own, then = base.get(name), mine.get(name), theirs.get(name)
        if then in (was, own):
            continue
        if own != was:
            return None
        if then is None:
            del result[name]
        else:
            result[name] = then
    return result


VARIABLES = st.sampled_from(["A", "B", "C"])
VALUES = st.sampled_from(["1", "2", "3"])
PACKAGES = st.sampled_from(["leaf", "branch"])
VERSIONS = st.sampled_from(["<2", ">=2", "==1.0"])


class Machine(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        world.put_back("start")
        self.model = Model(State({"tool": "*"}, {"KEPT": "1"}))
        self.pins: set[int] = set()

    @property
    def file(self):
        return self.world.place / "stead.toml"

    @property
    def text(self) -> str:
        return self.file.read_text()

    # What changes packages and variables. Each records first what was edited by hand.

    @rule(name=VARIABLES, value=VALUES)
    def set(self, name: str, value: str) -> None:
        self.model.record(self.text, letters=True)
        self.world.ok("set", f"{name}={value}")
        self.change("variables", name, value)
        self.model.record(self.text)

    @rule(name=VARIABLES)
    def unset(self, name: str) -> None:
        self.model.record(self.text, letters=True)
        if name not in self.model.now.variables:
            assert f"no variable {name}" in self.world.fails("unset", name)
            return
        self.world.ok("unset", name)
        self.change("variables", name, None)
        self.model.record(self.text)

    @rule(name=PACKAGES, version=VERSIONS, build=st.booleans())
    def add(self, name: str, version: str, build: bool) -> None:
        self.model.record(self.text, letters=True)
        wanted = {**self.model.now.packages, name: version}
        words = ("add", f"{name}{version}", *([] if build else ["--no-build"]))
        if not possible(wanted):
            assert name in self.world.fails(*words)
            return
        self.world.ok(*words)
        self.change("packages", name, version)
        self.model.now = replace(self.model.now, locked=self.model.now.packages)
        self.model.record(self.text)

    @rule(name=PACKAGES)
    def remove(self, name: str) -> None:
        self.model.record(self.text, letters=True)
        wanted = {n: v for n, v in self.model.now.packages.items() if n != name}
        if name not in self.model.now.packages or not possible(wanted):
            assert name in self.world.fails("remove", name)
            return
        self.world.ok("remove", name)
        self.change("packages", name, None)
        self.model.now = replace(self.model.now, locked=self.model.now.packages)
        self.model.record(self.text)

    @rule()
    def run(self) -> None:
        if not possible(self.model.now.packages):
            self.world.fails("run", "true")
            return
        self.world.ok("run", "true")
        self.model.now = replace(self.model.now, locked=self.model.now.packages)
        self.model.record(self.text)

    @precondition(lambda self: possible(self.model.now.packages))
    @rule(value=VALUES, end=st.sampled_from(["commit", "fail", "abort", "--dry-run"]))
    def transaction(self, value: str, end: str) -> None:
        """What is staged after a savepoint goes with it, all of it with `abort` or a script that fails."""
        before, text = self.world.files(), self.text
        script = "stead set A={} && stead savepoint here && stead set D=1 && stead rollback to here"
        script = script.format(value) + {"fail": "; exit 3", "abort": "; stead abort"}.get(end, "")
        words = ("shell", *([end] if end == "--dry-run" else []), "-c", script)
        done = self.world.run(*words)
        assert done.code == (3 if end == "fail" else 0), done.said
        now = self.model.now
        if end != "commit":
            assert self.world.files() == before
        elif now.variables.get("A") != value:
            self.model.record(text)
            self.change("variables", "A", value)
            self.model.now = replace(self.model.now, locked=now.packages)
            self.model.record(self.text)

    # Edits by hand.

    @rule(name=VARIABLES, value=st.none() | VALUES)
    def edit_variable(self, name: str, value: str | None) -> None:
        self.edit("variables", name, value)

    @rule(name=PACKAGES, version=st.none() | VERSIONS)
    def edit_package(self, name: str, version: str | None) -> None:
        self.edit("packages", name, version)

    @rule()
    def comment(self) -> None:
        self.file.write_text(f"# said\n{self.text}")

    @rule()
    def delete_lock(self) -> None:
        (self.world.place / "stead.lock").unlink(missing_ok=True)
        self.model.now = replace(self.model.now, locked=None)

    # Going back and forth.

    @precondition(lambda self: self.model.entries)
    @rule()
    def undo_of_a_deletion(self) -> None:
        """A manifest that is gone comes back, and that is all: its deletion was the last change."""
        model = self.model
        self.file.unlink()
        said = json.loads(self.world.ok("undo", "--json"))
        then = model.last.state
        assert (said["restored"], self.text) == (model.number, model.at(model.number).state.text)
        locked = then.locked if model.now.locked is None else model.now.locked
        model.now = replace(then, locked=locked, text=self.text)
        model.went(model.number, model.last.back, model.last.forth, new=False, own=False)

    @rule()
    def undo(self) -> None:
        model = self.model
        if not model.entries or not model.last.back:
            self.refused("undo")
            return
        back, forth = model.last.back, model.last.forth
        self.go(("undo",), back[-1], back[:-1], (*forth, model.number), new=False)

    @rule()
    def redo(self) -> None:
        model = self.model
        if not model.entries or not model.last.forth:
            self.refused("redo")
            return
        forth = model.last.forth
        target = model.at(forth[-1])
        self.go(("redo",), forth[-1], target.back, forth[:-1], new=False)

    @precondition(lambda self: self.model.entries)
    @rule(data=st.data())
    def rollback(self, data: st.DataObject) -> None:
        model = self.model
        number = data.draw(st.integers(1, len(model.entries) + 1))
        if number > len(model.entries):
            assert f"no generation {number}" in self.world.fails("rollback", str(number))
            return
        back = (*model.last.back, model.number)
        self.go(("rollback", str(number)), number, back, (), new=True)

    # Keeping and collecting.

    @precondition(lambda self: self.model.entries)
    @rule(data=st.data(), keep=st.booleans())
    def pin(self, data: st.DataObject, keep: bool) -> None:
        number = data.draw(st.integers(1, len(self.model.entries)))
        if keep:
            self.world.ok("pin", str(number))
            self.pins.add(number)
        else:
            self.world.ok("pin", "--remove", str(number))
            self.pins.discard(number)

    @rule(history=st.booleans())
    def gc(self, history: bool) -> None:
        before = {e["number"]: e for e in self.world.log()}
        self.world.ok("gc", *([] if history else ["--no-history"]))
        for entry in self.world.log():
            was = before[entry["number"]]
            if history or entry["pinned"]:
                assert entry["rebuild"] == was["rebuild"]

    # What must hold.

    @invariant()
    def files_are_as_the_model_has_them(self) -> None:
        assert asked(self.text) == (
            self.model.now.packages,
            self.model.now.variables,
        )
        lock = self.world.place / "stead.lock"
        wanted = self.model.now.locked
        assert (locked(lock.read_text()) if lock.exists() else None) == wanted
        left = {p.name for p in self.world.place.iterdir()} - {"stead.toml", "stead.lock"}
        assert not left - {".stead"}

    @invariant()
    def the_history_is_as_the_model_has_it(self) -> None:
        entries = self.world.log()
        assert [e["number"] for e in entries] == list(range(len(self.model.entries), 0, -1))
        for entry in entries:
            assert entry["variables"] == self.model.at(entry["number"]).state.variables
            assert entry["pinned"] == (entry["number"] in self.pins)

    def teardown(self) -> None:
        """Without edits of the user's own, the place can be what it was at the beginning."""
        model = self.model
        if model.entries and model.now == model.last.state == model.last.base:
            first = model.at(1).state
            self.world.ok("rollback", "1")
            assert asked(self.text) == (first.packages, first.variables)

    # How it is done.

    def change(self, kind: str, name: str, value: str | None) -> None:
        names = {n: v for n, v in getattr(self.model.now, kind).items() if n != name}
        names |= {} if value is None else {name: value}
        self.model.now = replace(self.model.now, **{kind: names})

    def edit(self, kind: str, name: str, value: str | None) -> None:
        """Edit the manifest as a person does: a line changes, goes, or comes at the table's end."""
        text = self.text
        line = "" if value is None else f'{name} = "{value}"\n'
        edited, found = re.subn(rf"^{name} = .*\n", line, text, flags=re.MULTILINE)
        if not found:
            table = "[packages.pypi]\n" if kind == "packages" else "[vars]\n"
            edited = re.sub(rf"({re.escape(table)}(?:\w.*\n)*)", rf"\g<1>{line}", text)
        self.file.write_text(edited)
        self.change(kind, name, value)

    def refused(self, word: str) -> None:
        before = self.world.files()
        said = self.world.fails(word)
        assert "nothing to" in said or "nothing has been recorded" in said
        assert self.world.files() == before

    def go(
        self,
        words: tuple[str, ...],
        target: int,
        back: tuple[int, ...],
        forth: tuple[int, ...],
        *,
        new: bool,
    ) -> None:
        text = self.text
        wanted, certain = self.model.merged(target, text)
        before = self.world.files()
        done = self.world.run(*words, "--json")
        if done.code:
            assert done.code == 1
            assert "Traceback" not in done.said
            assert "a fault in Stead" not in done.said
            assert not certain or not possible(wanted.packages), done.said
            assert self.world.files() == before
            return
        assert wanted is not None, done.said
        said = json.loads(done.out)
        assert said["generation"] == len(self.model.entries) + 1
        assert said["restored"] == target
        own = bool(said["merged"])
        then = self.model.at(target).state
        if own:  # what was merged is made, to see that it can be
            wanted = replace(wanted, locked=wanted.packages)
        else:  # nothing was to be brought into what was edited by hand, or nothing was
            assert self.text in (then.text, text)
        self.model.now = replace(wanted, text=self.text)
        self.model.went(target, back, forth, new=new, own=own)


def possible(packages: Names) -> bool:
    """Say whether packages can be locked: branch 1.0 needs leaf<2, and 2.0 needs leaf>=2."""
    versions = {"<2": {"1.0"}, ">=2": {"2.0"}, "==1.0": {"1.0"}}
    leaf = versions[packages["leaf"]] if "leaf" in packages else {"1.0", "2.0"}
    branch = versions[packages["branch"]] if "branch" in packages else leaf
    return bool(leaf & branch)


def asked(text: str) -> tuple[Names, Names]:
    data = tomllib.loads(text)
    return data["packages"]["pypi"], data["vars"]


def locked(text: str) -> Names:
    """Give what a lock was made for."""
    found = {}
    for environment in stead_lock.read(text, "stead.lock").environments:
        for request in environment.requests:
            name, spec = re.fullmatch(r"pypi (\w+)\s*(.*)", request).groups()
            found[name] = spec or "*"
    return found


@pytest.mark.slow
def test_any_order(world: World, tries) -> None:
    (world.place / "stead.toml").write_text(START, encoding="utf-8")
    world.environ["PATH"] = f"{Path(sys.prefix) / 'bin'}:{world.environ['PATH']}"
    world.keep("start")
    many = tries(8)
    run_state_machine_as_test(
        lambda: Machine(world),
        settings=settings(
            max_examples=many,
            stateful_step_count=12 if many < 50 else 40,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # twelve steps are few enough to be read
            suppress_health_check=list(HealthCheck),
        ),
    )
