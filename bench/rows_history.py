"""Rows about history: going back to a build that is there, how that grows, and a session's prompt."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from measure import Program, Row, by_turns
from rows_prompt import Prompts

if TYPE_CHECKING:
    from pathlib import Path

    from world import World

    from stead.values.generation import Generation

STEAD = f"{sys.prefix}/bin/stead"
UNDO, PAGE, GROWTH, PROMPT = 50.0, 100.0, 1.2, 0.4
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
        Row(f"`stead undo` among {MANY:,}", ms["many"], f"among {FEW}", ms["few"], GROWTH),
        *_session_rows(world),
    ]


def _session_rows(world: World) -> list[Row]:
    """Time the prompt of a session's bash where nothing changed, with some variables about."""
    place = world.place("session", {"stead.toml": '[vars]\nLEVEL = "1"\n'})
    world.do(world.stead, "trust", "--yes", cwd=place)
    ours = _session(world, place)
    ms = by_turns(
        {"session": ours.timer("session", world.rounds(40, 10), place, "LEVEL")},
        world.rounds(15, 3),
    )["session"]
    found = [Row("unchanged prompt in a session", round(ms, 2), "goal", PROMPT, PROMPT, limit=True)]
    if shutil.which("strace"):
        started = ours.started(place, "LEVEL", mode="session")
        name = "unchanged prompt in a session: processes started"
        found.append(Row(name, started, "none", 0, 0, counts=True))
    else:
        world.left_out.append("processes started by a session's prompt: strace is not there")
    return found


def _session(world: World, place: str) -> Prompts:
    """Begin a transaction without its process, and give what its bash would read."""
    from stead.formats import known
    from stead.pipeline import session
    from stead.pipeline.transaction import write_record
    from stead.store import transactions
    from stead.values.activation import Activation, Change

    directory = transactions.directory_of(world.home, place)
    journal = transactions.Journal(directory)
    owner = transactions.Owner(os.getpid(), 0.0, place, "default")
    manifest = os.path.join(place, "stead.toml")
    with open(manifest, "rb") as file:
        state = transactions.begin(journal, owner, {manifest: file.read()})
    changes = (Change("set", "LEVEL", "1"), Change("set", "STEAD_PLACE", place))
    write_record(directory, Activation(place, place, "default", changes))
    start = session.prepare(
        directory,
        "bash",
        name="session",
        home=str(world.home),
        program=("bash", world.stead),
        names=known.NAMES,
        owner=os.getpid(),
        files=state.base,
        environ=world.env,
    )
    return Prompts(world, start.files["rc.bash"], STEAD_SHELL=directory)


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
