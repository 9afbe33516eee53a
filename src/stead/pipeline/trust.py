"""Trust as a decision: is this place trusted, by what, and if not, what stands in the way.

The store keeps what was agreed to, by content. Here that is judged: a place is
trusted by its record, by the user's own settings, or because all that changed
since its record is harmless. Everything else is told to the user in words.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from stead.pipeline.meaning import Meaning, TrustSnapshot, changes_of_meaning, from_json
from stead.store import places
from stead.store import trust as store
from stead.values.errors import SteadError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stead.values.context import Context

__all__ = [
    "Meaning",
    "TrustSnapshot",
    "Verdict",
    "changes_of_meaning",
    "grant",
    "judge",
    "may_build_sources",
    "revoke",
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a place is trusted, by what, and otherwise what stands in the way."""

    state: Literal["trusted", "changed", "unknown"]
    by: Literal["", "record", "settings", "harmless change"] = ""
    meanings: tuple[Meaning, ...] = ()

    @property
    def trusted(self) -> bool:
        return self.state == "trusted"

    @property
    def reason(self) -> str:
        """Say in a few words why the place is not trusted."""
        if self.trusted:
            return ""
        if self.state == "unknown":
            return "not trusted yet"
        weighty = [m.text for m in self.meanings if not m.harmless] or ["its files changed"]
        more = f" and {len(weighty) - 2} more" if len(weighty) > 2 else ""
        return "changed since it was trusted: " + ", ".join(weighty[:2]) + more


def judge(
    place: str,
    participants: Sequence[str],
    context: Context,
    snapshot: Callable[[], TrustSnapshot] | None = None,
) -> Verdict:
    """Say whether a place is trusted with just these files.

    ``snapshot`` gives their meaning; it is called only where content changed, or
    was not yet described. A harmless change is agreed to on the spot. Raises
    TrustError for files or settings that cannot be read.
    """
    if store.read_settings(context.environ).admits(place):
        return Verdict("trusted", "settings")
    record = store.read(context.home, place)
    if record is None:
        return Verdict("unknown")
    different = store.differences(record, place, participants)
    if not different:
        if record.snapshot is None and snapshot is not None:
            _describe(record, snapshot, context)
        return Verdict("trusted", "record")
    before = from_json(record.snapshot)
    now = _taken(snapshot) if before is not None and snapshot is not None else None
    if before is None or now is None:
        return Verdict("changed", meanings=_of_files(different))
    meanings = tuple(changes_of_meaning(before, now))
    if all(m.harmless for m in meanings):
        store.exchange(context.home, record, _agreed(place, participants, context, now))
        return Verdict("trusted", "harmless change", meanings)
    return Verdict("changed", meanings=meanings)


def grant(
    place: str,
    participants: Iterable[str],
    context: Context,
    snapshot: TrustSnapshot | None = None,
) -> store.TrustRecord:
    """Agree to what these files hold now. Raises TrustError, StoreError."""
    record = _agreed(place, participants, context, snapshot)
    store.write(context.home, record)
    return record


def _agreed(
    place: str,
    participants: Iterable[str],
    context: Context,
    snapshot: TrustSnapshot | None,
) -> store.TrustRecord:
    return store.TrustRecord(
        os.path.realpath(place),
        store.content_digests(participants, place),
        snapshot.as_json() if snapshot is not None else None,
        context.now(),
    )


def may_build_sources(verdict: Verdict, *, explicit: bool) -> bool:
    """Say whether source distributions may be built: their build scripts run at once.

    A command that the user gave (``explicit``) is consent for what the files hold
    now; a build that starts by itself needs a trusted place.
    """
    return explicit or verdict.trusted


def revoke(place: str, context: Context) -> bool:
    """Take trust back, with the records that hooks read; says whether there was any.

    Shells that stand in the place leave its environment at their next prompt.
    """
    had = store.revoke(context.home, place)
    resolved = os.path.realpath(place)
    for record in tuple(places.records(context.home)):
        if os.path.realpath(record.activation.place) == resolved:
            places.forget(context.home, record.activation.place, record.activation.environment)
    return had


def _of_files(different: store.Differences) -> tuple[Meaning, ...]:
    groups = (
        ("adds", different.added),
        ("changes", different.changed),
        ("removes", different.gone),
    )
    return tuple(Meaning(f"{verb} {n}", "file", n) for verb, names in groups for n in names)


def _describe(
    record: store.TrustRecord, snapshot: Callable[[], TrustSnapshot], context: Context
) -> None:
    taken = _taken(snapshot)
    if taken is not None:
        store.exchange(context.home, record, replace(record, snapshot=taken.as_json()))


def _taken(snapshot: Callable[[], TrustSnapshot]) -> TrustSnapshot | None:
    """Take a snapshot; None where the files cannot be understood (that is no consent)."""
    try:
        return snapshot()
    except SteadError:
        return None
