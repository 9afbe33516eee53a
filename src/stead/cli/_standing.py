"""What `stead status` says of a place's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.cli.nearby import near as nearby

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.cli.app import App


def standing(app: App, place: str) -> dict[str, Any] | None:
    """Say how the transaction of a place stands, as JSON has it; None where there is none."""
    from stead.store.transactions import directory_of, look

    found = look(app.context.home, place)
    if found is None:
        return None
    from stead.pipeline.session import hands_of

    owner = found.owner
    inside = app.transaction
    directory = directory_of(app.context.home, place)
    hands = hands_of(directory, app.context.environ, app.platform.path_separator)
    return {
        "pid": owner.pid,
        "who": owner.who,
        "terminal": owner.tty or None,
        "environment": owner.environment,
        "since": owner.since,
        "age": max(0.0, app.context.now() - owner.since),
        "alive": found.alive,
        "inside": inside is not None,
        "staged": len(found.operations),
        "operations": [list(o.words) for o in found.operations],
        "edited": list(edited_by_hand(app, directory)),
        "by_hand": [
            {"name": hand.name, "kind": hand.kind, "added": list(hand.added)} for hand in hands
        ],
        "savepoints": list(inside.state.savepoints) if inside else [],
    }


def edited_by_hand(app: App, directory: str) -> tuple[str, ...]:
    """Name the files of a place that were edited by hand since its transaction began."""
    from stead.pipeline.session import edited_of, files_of

    files = files_of(directory)
    return by_hand_alone(app, directory, edited_of(files)) if files else ()


def by_hand_alone(app: App, directory: str, changed: Sequence[str]) -> tuple[str, ...]:
    """Leave out of changed files what commands elsewhere have changed, and recorded."""
    from stead.history.transaction import Transaction
    from stead.values.errors import SteadError

    if not changed:
        return ()
    try:
        by_hand = Transaction(directory, app.context).edited_by_hand()
    except SteadError:  # what it was before cannot be read
        return tuple(changed)
    return tuple(path for path in changed if path in by_hand)


def of_directory(app: App) -> list[str]:
    """Say in lines how the transaction stands of a place that cannot be read."""
    place = app.transaction.place if app.transaction else app.cwd
    found = standing(app, place)
    return lines(found, app.context.now(), app.cwd) if found else []


def lines(value: dict[str, Any], now: float, cwd: str) -> list[str]:
    """Put :func:`standing` in words."""
    from stead.pipeline.session import done_to
    from stead.store.transactions import Owner, age

    owner = Owner(value["pid"], value["since"], "", value["environment"])
    count = value["staged"]
    staged = f"{count or 'no'} staged change{'' if count == 1 else 's'}"
    whose = "this shell" if value["inside"] else f"process {owner.pid} ({value['who']})"
    told = [f"transaction  {whose}, for {age(owner, now)}: {staged}"]
    told += [f"             stead {' '.join(words)}" for words in value["operations"]]
    before = ""
    for path in value["edited"]:
        done = done_to(path)
        told.append(f"{'' if done == before else done:<13}{nearby(path, cwd)} by hand: uncommitted")
        before = done
    for number, hand in enumerate(value["by_hand"]):
        words = ", ".join(f"{d} added" for d in hand["added"]) or (
            "set" if hand["kind"] == "new" else hand["kind"]
        )
        told.append(f"{'' if number else 'by hand':<13}{hand['name']} {words}: uncommitted")
    if value["by_hand"] and value["inside"]:
        told.append("             → `stead keep NAME` adopts one")
    if not value["alive"]:
        told[0] += "; its shell has ended"
        told.append("             → `stead shell --resume` goes on with it, `stead shell` drops it")
    return told
