"""Edits of the user's and versions of upstream's in any order, against a model of a few lines.

What the user writes and what upstream writes carries marks that nobody else writes (``u12``,
``t34``), so that what is lost shows. The model knows what was written last, and the table.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import tomllib
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stead.formats.merging_text import alike
from stead.modules import adding, needs, record, update_modules
from stead.modules.registry.directory import Directory
from stead.modules.update_modules import Wish
from stead.pipeline.writing import layout_of
from stead.testing.world import make_context

if TYPE_CHECKING:
    from pathlib import Path

    from stead.modules.update_modules import Update

File = tuple[bytes, bool]
Files = dict[str, File]
PATHS = ["main.py", "src/util.py", "notes.txt", "conf.toml", "data/d.json", "blob.bin", "a.yaml"]
RENAMES = {
    "main.py": "src/main.py",
    "notes.txt": "docs/text.txt",
    "conf.toml": "src/settings.toml",
    "data/d.json": "d.json",
    "a.yaml": "data/b.yaml",
    "blob.bin": "data/blob.bin",
}
KEYS = "abcdef"


class Writer:
    """Makes contents, and changes in them, with marks of its own."""

    def __init__(self, letter: str, chance: random.Random) -> None:
        self.letter, self.chance, self.count = letter, chance, 0

    def mark(self) -> str:
        self.count += 1
        return f"{self.letter}{self.count}"

    def new(self, path: str) -> bytes:
        marks = [self.mark() for _ in range(self.chance.randrange(7))]
        ending = path.rpartition(".")[2]
        if ending == "bin":
            return b"\0" + " ".join(marks).encode()
        pairs = dict(zip(KEYS, marks, strict=False))
        if ending == "json":
            return json.dumps(pairs, indent=2).encode()
        if ending == "toml":
            return "".join(f'{k} = "{v}"\n' for k, v in pairs.items()).encode()
        if ending == "yaml":
            return "".join(f"{k}: {v}\n" for k, v in pairs.items()).encode()
        return "".join(f"{mark} = 1\n" for mark in marks).encode()

    def changed(self, path: str, content: bytes) -> bytes:
        """Change something: a line, a key, the line ends, or all of it."""
        what = self.chance.random()
        if what < 0.1 or b"\0" in content:
            return self.new(path)
        if what < 0.15:
            return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if what < 0.2:
            return content.replace(b"\r\n", b"\n").rstrip(b"\n")
        ending = path.rpartition(".")[2]
        if ending == "json":
            try:
                data = json.loads(content)
            except ValueError:
                return self.new(path)
            self._pair(data)
            return json.dumps(data, indent=self.chance.choice([2, 2, 4])).encode()
        end = b"\r\n" if b"\r\n" in content else b"\n"
        lines = content.split(end)
        at = self.chance.randrange(len(lines))
        if ending in ("toml", "yaml"):
            sign, close = (" = ", '"') if ending == "toml" else (": ", "")
            key = self.chance.choice(KEYS)
            comment = f"  # {self.mark()}" if self.chance.random() < 0.4 else ""
            line = f"{key}{sign}{close}{self.mark()}{close}{comment}".encode()
            start = f"{key}{sign}".encode()
            there = [i for i, held in enumerate(lines) if held.startswith(start)]
            if there and self.chance.random() < 0.3:
                del lines[there[0]]
            elif there:
                lines[there[0]] = line
            else:
                lines.insert(at, line)
            return end.join(lines)
        if self.chance.random() < 0.3:
            del lines[at]
        else:
            line = f"{self.mark()} = 1".encode()
            lines[at : at + self.chance.randrange(2)] = [line]
        return end.join(lines)

    def _pair(self, data: dict[str, object]) -> None:
        key = self.chance.choice(KEYS)
        if key in data and self.chance.random() < 0.3:
            del data[key]
        else:
            data[key] = self.mark()


class Machine(RuleBasedStateMachine):
    def __init__(self, top: Path) -> None:
        super().__init__()
        self.top = top
        shutil.rmtree(top, ignore_errors=True)
        self.root = top / "project"
        self.module = self.root / "modules" / "item"
        self.root.mkdir(parents=True)
        self.context = make_context(top / "home")
        self.source = Directory("team", str(top / "registry"), "../registry")
        self.upstream: Files = {}
        self.version = 0
        self.base: Files = {}
        self.dropped: dict[str, bytes] = {}
        self.after: tuple[Files, dict[str, bytes], int] | None = None
        self.harmed: set[str] = set()

    @initialize(seed=st.integers(0, 1 << 32))
    def add(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.user, self.their = Writer("u", self.chance), Writer("t", self.chance)
        for path in self.chance.sample(PATHS, 5):
            self.upstream[path] = self.their.new(path), self.chance.random() < 0.2
        self._publish()
        item = self.source.item("item")
        chosen = needs.gather([self.source], self.source, item, {})
        plan = adding.plan(chosen, str(self.root), adding.reader(str(self.root)))
        adding.apply(plan, self.context, "add")
        self.base, self.written = dict(self.upstream), self.version
        assert self._files() == self.base

    # What the user does

    @rule()
    def edit(self) -> None:
        files = self._files()
        if files:
            path = self.chance.choice(sorted(files))
            (self.module / path).write_bytes(self.user.changed(path, files[path][0]))

    @rule()
    def edit_again(self) -> None:
        self.edit()

    @rule()
    def add_file(self) -> None:
        path = self.chance.choice([*PATHS, "own.py", "main.py.upstream", "conf.toml.upstream"])
        if path not in self._files() and not self._pending():
            self._write(path, self.user.new(path))

    @rule()
    def delete(self) -> None:
        files = sorted(self._files())
        if files:
            (self.module / self.chance.choice(files)).unlink()

    @rule()
    def change_mode(self) -> None:
        files = self._files()
        if files:
            path = self.chance.choice(sorted(files))
            (self.module / path).chmod(0o644 if files[path][1] else 0o755)

    @rule()
    def harm_a_copy(self) -> None:
        copies = sorted((self.module / ".stead-module" / "base").iterdir())
        if copies and self.chance.random() < 0.3:
            copy = self.chance.choice(copies)
            self.harmed.add(f"sha256:{copy.name}")
            if self.chance.random() < 0.5:
                copy.unlink()
            else:
                copy.write_bytes(copy.read_bytes() + b"harm")

    # What upstream does

    @rule()
    def publish(self) -> None:
        for _ in range(self.chance.randrange(1, 5)):
            path = self.chance.choice(PATHS)
            what = self.chance.random()
            if path not in self.upstream:
                self.upstream[path] = self.their.new(path), False
            elif what < 0.15:
                del self.upstream[path]
            elif what < 0.25:
                content, executable = self.upstream[path]
                self.upstream[path] = content, not executable
            else:
                content, executable = self.upstream[path]
                self.upstream[path] = self.their.changed(path, content), executable
        self._publish()

    @rule()
    def rename(self) -> None:
        both = [*RENAMES.items(), *((new, old) for old, new in RENAMES.items())]
        there = [(a, b) for a, b in both if a in self.upstream and b not in self.upstream]
        if not there:
            return
        old, new = self.chance.choice(there)
        content, executable = self.upstream.pop(old)
        if self.chance.random() < 0.5:
            content = self.their.changed(new, content)
        self.upstream[new] = content, executable
        self._publish()

    # Updates

    @precondition(lambda self: not self._pending())
    @rule(prune=st.booleans())
    def update(self, prune: bool) -> None:
        before = self._files()
        lost = {p for p, h in self._hashes().items() if h in self.harmed}
        found = self._update(prune=prune)
        after = self._files()
        told = {d.path: d for d in found.plan.decisions} if found.plan else {}
        assert found.state in ("current", "update", "conflicts")
        for path in {*before, *self.base, *self.upstream}:
            self._hold(path, before, after, prune=prune, lost=path in lost)
        for path in after.keys() - before.keys() - self.upstream.keys():
            assert re.search(r"\.upstream\d*$", path)
        for path in before.keys() - after.keys():
            assert told[path].action == "removed"
        held = self._record()
        assert bool(held.conflicts) == (found.state == "conflicts")
        dropped = {p: self.base[p][0] for p in self.base.keys() - self.upstream.keys()}
        dropped = {**self.dropped, **dropped}
        left = {
            p: c
            for p, c in dropped.items()
            if p in after
            and p not in self.upstream
            and alike(c, after[p][0])
            and (p not in self.base or self.base[p][1] == after[p][1])
        }
        self.after = dict(self.upstream), left, self.version
        if held.conflicts:
            assert held.came.version == self._name(self.written)
            assert held.pending.came.version == self._name(self.version)
        else:
            self._moved()
            self.harmed.clear()  # all copies were written anew
            assert lost or dict(held.dropped).keys() == left.keys()
        again = self._update()
        assert again.state == ("unsettled" if held.conflicts else "current")
        assert self._files() == after

    def _hold(self, path: str, before: Files, after: Files, *, prune: bool, lost: bool) -> None:
        """Check one path by the table, and that nothing the user wrote is gone."""
        base, mine = self.base.get(path), before.get(path)
        theirs, now = self.upstream.get(path), after.get(path)
        beside = [
            c for p, c in after.items() if p.startswith(f"{path}.upstream") and p not in before
        ]
        if base is None and path in self.dropped and mine and alike(self.dropped[path], mine[0]):
            base = self.dropped[path], mine[1]
        if mine is None:
            assert now == (None if base is not None else theirs)
            return
        same = base is not None and alike(base[0], mine[0]) and base[1] == mine[1]
        if theirs is None:
            if now is None:
                assert prune
                assert same
            else:
                assert now == mine
                assert not (prune and same and not lost)
            return
        assert now is not None
        assert marks(mine[0], "u") <= marks(now[0], "u")
        assert lines(mine[0]) - lines(base[0] if base else b"") <= lines(now[0]) or data(path)
        if parses(path, mine[0]):
            assert parses(path, now[0])
        if base is None:
            assert now == mine
            assert beside or alike(mine[0], theirs[0])
        elif same and not lost:
            assert now[1] == theirs[1]
            assert alike(now[0], theirs[0])
            assert now == theirs or mine[0] != base[0]
        elif base[0] == theirs[0]:
            assert now[0] == mine[0]
        else:
            wrote = said(path, theirs[0]) - said(path, base[0])
            assert wrote <= marks(now[0], "t") | {m for c in beside for m in marks(c[0], "t")}
        if base is not None and not beside and not lost:
            assert now[1] == (mine[1] if mine[1] != base[1] else theirs[1])

    @precondition(lambda self: self._pending())
    @rule()
    def update_too_early(self) -> None:
        before = self._files()
        if self._update().state == "unsettled":
            assert self._record().pending is not None
        else:
            self._settled(before)
        assert self._files() == before

    @precondition(lambda self: self._pending())
    @rule()
    def settle(self) -> None:
        for conflict in self._record().conflicts:
            if conflict.beside:
                beside = self.module / conflict.beside
                mine = self.module / conflict.path
                if beside.exists() and self.chance.random() < 0.3:
                    mine.write_bytes(beside.read_bytes())
                beside.unlink(missing_ok=True)
            if conflict.markers and (self.module / conflict.path).exists():
                file = self.module / conflict.path
                signs = tuple(c * conflict.markers for c in (b"<", b"=", b">"))
                kept = [
                    line for line in file.read_bytes().split(b"\n") if not line.startswith(signs)
                ]
                file.write_bytes(b"\n".join(kept))
        before = self._files()
        assert self._update().state == "settled"
        assert self._files() == before
        self._settled(before)

    def _settled(self, before: Files) -> None:
        assert self._files() == before
        self._moved()

    def _moved(self) -> None:
        assert self.after is not None
        self.base, self.dropped, self.written = self.after
        held = self._record()
        assert held.pending is None
        assert held.came.version == self._name(self.written)
        assert dict(held.files) == {p: record.digest(c) for p, (c, _) in self.base.items()}
        assert set(held.executable) == {p for p, (_, x) in self.base.items() if x}

    @invariant()
    def copies_are_whole(self) -> None:
        if not self.module.exists():
            return
        held = self._record()
        hashes = dict(held.files)
        damaged = record.bases(str(self.module), held).damaged
        assert {hashes[path] for path in damaged} <= self.harmed
        assert record.needless(str(self.module), held) == ()

    # The world

    def _update(self, *, prune: bool = False) -> Update:
        modules = {"item": ("modules/item", self._record())}
        found = update_modules.plan(
            "item", str(self.root), modules, [self.source], Wish(prune=prune)
        )
        update_modules.apply(found, str(self.root), layout_of(self.context))
        return found

    def _record(self):
        held = record.read(str(self.module))
        assert held is not None
        return held

    def _hashes(self) -> dict[str, str]:
        return dict(self._record().files)

    def _pending(self) -> bool:
        return self.module.exists() and self._record().pending is not None

    def _name(self, version: int) -> str:
        return f"1.0.{version}"

    def _publish(self) -> None:
        self.version += 1
        item = self.top / "registry" / "item"
        shutil.rmtree(item, ignore_errors=True)
        for path, (content, executable) in self.upstream.items():
            file = item / "files" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o755 if executable else 0o644)
        item.mkdir(parents=True, exist_ok=True)
        (item / "stead-item.toml").write_text(
            f'name = "item"\nkind = "lib"\nversion = "{self._name(self.version)}"\n'
            'summary = "x"\nlanguage = "none"\n'
        )

    def _write(self, path: str, content: bytes) -> None:
        file = self.module / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def _files(self) -> Files:
        return {
            p.relative_to(self.module).as_posix(): (p.read_bytes(), bool(p.stat().st_mode & 0o100))
            for p in sorted(self.module.rglob("*"))
            if p.is_file() and ".stead-module" not in p.parts
        }


def marks(content: bytes, letter: str) -> set[bytes]:
    return set(re.findall(rb"\b%s\d+" % letter.encode(), content))


def said(path: str, content: bytes) -> set[bytes]:
    """Give the marks of upstream's that count: merging by key may leave its comments out."""
    if path.endswith(".toml") and parses(path, content):
        content = repr(tomllib.loads(content.decode().replace("\r\n", "\n"))).encode()
    return marks(content, "t")


def lines(content: bytes) -> set[bytes]:
    return {line.rstrip(b"\r") for line in content.split(b"\n")}


def data(path: str) -> bool:
    return path.endswith((".toml", ".json", ".yaml", ".bin"))


def parses(path: str, content: bytes) -> bool:
    try:
        text = content.decode()
        if path.endswith(".toml"):
            tomllib.loads(text.replace("\r\n", "\n"))
        elif path.endswith(".json"):
            json.loads(text)
    except ValueError:
        return False
    return path.endswith((".toml", ".json"))


def test_no_byte_is_lost_in_any_order(tmp_path: Path, tries) -> None:
    many = tries(8)
    run_state_machine_as_test(
        lambda: Machine(tmp_path / "world"),
        settings=settings(
            max_examples=many,
            stateful_step_count=20 if many < 100 else 50,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
