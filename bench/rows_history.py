"""Rows about history: going back to a build that is there, and how that grows."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

from measure import Program, Row, by_turns

if TYPE_CHECKING:
    from pathlib import Path

    from world import World

    from stead.values.generation import Generation

STEAD = f"{sys.prefix}/bin/stead"
UNDO, PAGE, GROWTH = 50.0, 100.0, 1.2
FEW, MANY = 10, 1000


def rows(world: World) -> list[Row]:
    """Time undo and log as whole commands, in a place of 10 generations and in one of 1,000."""
    home = world.base / "history-home"
    environ = {**world.env, "STEAD_HOME": str(home)}
    few, many = (_place(world.base / f"history-{n}", home, environ, n) for n in (FEW, MANY))
    inside = _place(world.base / "history-git", home, environ, FEW, "git", "init", "-q")

    def there_and_back(place: Path):
        undo = Program([STEAD, "undo"], str(place), environ)
        redo = Program([STEAD, "redo"], str(place), environ)

        def time() -> float:
            return (undo.time() + redo.time()) / 2

        return time

    timed = {
        "few": there_and_back(few),
        "inside": there_and_back(inside),
        "many": there_and_back(many),
        "log": Program([STEAD, "log"], str(many), environ).time,
    }
    ms = by_turns(timed, world.rounds(20, 7), warm=2)
    return [
        Row("`stead undo` to a kept build", round(ms["few"], 1), "goal", UNDO, UNDO, limit=True),
        Row("the same in a git repository", round(ms["inside"], 1), "goal", UNDO, UNDO, limit=True),
        Row(f"`stead log` of {MANY:,}", round(ms["log"], 1), "goal", PAGE, PAGE, limit=True),
        Row(
            f"`stead undo` among {MANY:,}, over {FEW}",
            round(ms["many"] / ms["few"], 2),
            "goal",
            GROWTH,
            GROWTH,
            limit=True,
        ),
    ]


def _place(root: Path, home: Path, environ: dict[str, str], count: int, *first: str) -> Path:
    """Make a place whose history is ``count`` long; all but the last entries without the program.

    ``first`` is a command that prepares the directory.
    """
    from stead.store.generations import History
    from stead.values.frozen import replace

    root.mkdir()
    if first:
        subprocess.run(first, cwd=root, env=environ, check=True)
    (root / "stead.toml").write_text('[vars]\nLEVEL = "0"\n', encoding="utf-8")

    def level(text: str) -> None:
        words = [STEAD, "set", f"LEVEL={text}"]
        subprocess.run(words, cwd=root, env=environ, check=True, capture_output=True)

    level("1")
    history = History(home, str(root), "default")

    def make(last: Generation | None, number: int):
        text = f'[vars]\nLEVEL = "{number}"\n'.encode()
        files = {"stead.toml": hashlib.sha256(text).hexdigest()}
        changed = {"number": number, "at": number, "base": number, "parent": number - 1}
        return replace(last, files=files, **changed), {"stead.toml": text}

    while history.newest < count - 2:
        history.append(make)
    level("last")
    return root
