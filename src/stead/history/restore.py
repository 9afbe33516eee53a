"""Records that the store lost, written again from what git has of the same history."""

from __future__ import annotations

import os

from stead.history.who import told
from stead.store.generations import History
from stead.values.errors import SteadError, StoreError
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from stead.values.context import Context
    from stead.values.generation import Generation


def restore(
    history: History, context: Context, wanted: Collection[int] | None = None
) -> tuple[int, ...]:
    """Restore generations from git: those ``wanted``, or all that cannot be read.

    Gives the numbers of those that are there again. What git has not stays lost, and
    what hinders (no git, a full disk) is told as a note.
    """
    from stead.history import commits
    from stead.history.git import has_git, repository_of, tip

    repository = repository_of(history.place)
    if repository is None:
        return ()
    name = repository.reference(history.place, history.environment)
    try:
        if not has_git(context) or not tip(repository, name, context):
            return ()
        found = commits.read(repository, name, context)
        chosen = []
        for commit in reversed(found):
            number = commit.generation.number
            if (wanted is None or number in wanted) and not history.whole(number):
                inside = commit.generation.place
                there = os.path.normpath(os.path.join(repository.top, inside))
                generation = replace(
                    commit.generation,
                    place=history.place if inside == repository.inside(history.place) else there,
                    environment=history.environment,
                )
                chosen.append((generation, commits.texts(repository, commit, context)))
        if not chosen:
            return ()
        return history.restore(chosen, note=context.progress.note)
    except (SteadError, TimeoutError, OSError) as exc:
        context.progress.note(f"the history could not be restored from git: {exc}")
        return ()


def page(history: History, most: int, context: Context) -> tuple[list[Generation], list[int]]:
    """Give the newest generations, and the numbers among them that cannot be read.

    What is damaged or lost is restored from git first, where that has it.
    """
    shown, broken = _page(history, most)
    if broken and restore(history, context, set(broken)):
        before = set(broken)
        shown, broken = _page(history, most)
        context.progress.note(f"restored from git: {numbers(before.difference(broken))}")
    return shown, broken


def _page(history: History, most: int) -> tuple[list[Generation], list[int]]:
    shown: list[Generation] = []
    broken = []
    for number in range(history.newest, 0, -1):
        if len(shown) >= most:
            break
        found = history.find(number)
        if found is None or not history.whole(number):
            broken.append(number)
        if found is not None:
            shown.append(found)
    return shown, broken


def numbers(of: Collection[int]) -> str:
    """Say numbers as ranges: ``generations 1–100, 103``."""
    ranges: list[list[int]] = []
    for number in sorted(of):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    said = ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in ranges)
    return f"generation{'s' if len(of) > 1 else ''} {said}"


def told_broken(of: Collection[int]) -> str:
    """Say that generations cannot be read whole, and that git was no help.

    What is damaged is the record of one, or of another that holds a text of it.
    """
    return (
        f"{numbers(of)} cannot be gone to: records are damaged or lost, "
        "and git does not have what is missing"
    )


def latest(history: History, context: Context) -> Generation | None:
    """Give the newest generation; where its record is damaged, as git has it, or the one before."""
    newest = history.newest
    damaged = newest and history.find(newest) is None
    if damaged and not restore(history, context, {newest}):
        context.progress.note(
            f"the record of generation {newest} is damaged: "
            "what it changed counts as an edit by hand"
        )
    return history.last()


def readable(history: History, number: int, context: Context) -> Generation:
    """Give a generation with all its texts; one that is damaged, as git has it.

    Raises StoreError, which names the nearest that can be gone to.
    """
    if history.whole(number):
        return history.get(number)
    if not 0 < number <= history.newest:
        return history.get(number)
    restore(history, context)
    if history.whole(number):
        context.progress.note(f"the record of generation {number} is restored from git")
        return history.get(number)
    near = nearest(history, number, history.whole)
    raise StoreError(
        f"generation {number} cannot be read whole: records are damaged or lost, and git does "
        "not have what is missing",
        where=history.directory,
        remedy=f"{offer(near)} goes to the nearest that can be read"
        if near
        else "no other generation can be read; the files are as they were",
    )


def nearest(history: History, number: int, fits: Callable[[int], bool]) -> Generation | None:
    """Give the generation nearest to a number, earlier ones first, that fits; not the present one."""
    last = history.last()
    present = last.at if last else 0
    earlier = [n for n in history.numbers() if n < number]
    later = [n for n in history.numbers() if n > number]
    for one in (*earlier, *reversed(later)):
        found = history.find(one)
        if found is not None and found.at != present and fits(one):
            return found
    return None


def offer(generation: Generation) -> str:
    """Name the command that goes to a generation, and what that is."""
    return f"`stead rollback {generation.number}` ({told(generation)})"


def adopt(history: History, former: str) -> int:
    """Let the history of a directory that is gone be that of this place; gives its length.

    Raises StoreError where there is none, where the directory is still a place, and
    where this place has a history of its own.
    """
    if not History(history.home, former, history.environment).newest:
        raise StoreError(
            "nothing was recorded of this directory, in this environment",
            where=former,
            remedy="give the path it had; `-e` names another environment",
        )
    if os.path.isdir(former):
        raise StoreError(
            "this directory is still there, so it was not moved",
            where=former,
            remedy="a copy begins a history of its own; in a repository it has what git has",
        )
    if history.newest:
        raise StoreError(
            f"there is a history of {history.newest} generations here already",
            where=history.place,
            remedy="one place has one history; work where it has none",
        )
    from stead.store.moved import take_over

    take_over(history.home, former, history.place)
    return History(history.home, history.place, history.environment).newest
