"""What `stead status` says of a place's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stead.cli.app import App


def standing(app: App, place: str) -> dict[str, Any] | None:
    """Say how the transaction of a place stands, as JSON has it; None where there is none."""
    from stead.pipeline.session import hands_of
    from stead.store.transactions import directory_of, look

    found = look(app.context.home, place)
    if found is None:
        return None
    owner = found.owner
    inside = app.transaction
    hands = hands_of(
        directory_of(app.context.home, place), app.context.environ, app.platform.path_separator
    )
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
        "by_hand": [
            {"name": hand.name, "kind": hand.kind, "added": list(hand.added)} for hand in hands
        ],
        "savepoints": list(inside.state.savepoints) if inside else [],
    }


def of_directory(app: App) -> list[str]:
    """Say in lines how the transaction stands of a place that cannot be read."""
    place = app.transaction.place if app.transaction else app.cwd
    found = standing(app, place)
    return lines(found, app.context.now()) if found else []


def lines(value: dict[str, Any], now: float) -> list[str]:
    """Put :func:`standing` in words."""
    from stead.store.transactions import Owner, age

    owner = Owner(value["pid"], value["since"], "", value["environment"])
    count = value["staged"]
    staged = f"{count or 'no'} staged change{'' if count == 1 else 's'}"
    whose = "this shell" if value["inside"] else f"process {owner.pid} ({value['who']})"
    told = [f"transaction  {whose}, for {age(owner, now)}: {staged}"]
    told += [f"             stead {' '.join(words)}" for words in value["operations"]]
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
