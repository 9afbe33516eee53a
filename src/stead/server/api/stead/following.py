"""What happens, and what builds print, as it comes: streams of server-sent events.

Each event has an id; a reader that was cut off goes on with the header ``Last-Event-ID``.
What is new is read in threads, a page at a time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stead.server.api.errors import AWAY, BadRequest
from stead.server.api.pulse import ALIVE, HEARTBEAT, Stream, event_text
from stead.server.api.requests import LARGEST, Asked, Caller, json_answer
from stead.server.api.stead import models
from stead.server.api.v1.builds import build_for
from stead.server.api.v1.models import Text
from stead.server.auth import Refused
from stead.server.database import events, logs, packages
from stead.server.engine.publishing import LOGS
from stead.server.values import MissingError, instant

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stead.server.api.pulse import Watch
    from stead.server.auth import Who

router = APIRouter(prefix="/api/stead/v1", tags=["following"])

Number = Annotated[int, Path(ge=0, le=LARGEST)]
Bound = Annotated[int | None, Query(ge=0, le=LARGEST)]
LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=20)]

PAGE = 500
REVIEW = 10.0
"""Seconds after which it is looked anew whether a reader still may read."""

LINGER = 5.0
"""Seconds after a build's end in which its log may still grow where it is not kept yet."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which events; None for all."""

    namespace: str | None
    environment: str | None
    build_id: int | None

    def holds(self, namespace: str | None, environment: str | None) -> bool:
        return (self.namespace in (None, namespace)) and (self.environment in (None, environment))


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
_LOG_STREAM = _STREAM | {204: {"description": "All of it was read, and nothing will follow."}}


@router.get("/event/", responses={200: {"model": models.Events}})
def listed(
    asked: Caller,
    after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
    namespace: Text = None,
    environment: Text = None,
    build_id: Bound = None,
) -> Response:
    """Give what happened after an event, of what the one that asks may see.

    ``last`` is where to go on: later than the last that is given where others may not be seen.
    """
    wanted = _Wanted(namespace, environment, build_id)
    data, last = _read(asked, asked.who(), after, limit, wanted)
    return json_answer({"status": "ok", "data": data, "message": None, "last": last})


@router.get("/event/follow/", response_class=Response, responses=_STREAM)
async def followed(
    request: Request,
    asked: Caller,
    after: Bound = None,
    namespace: Text = None,
    environment: Text = None,
    build_id: Bound = None,
    last_event_id: LastId = None,
) -> Any:
    """Follow what happens, from now on or from what comes after an event.

    ``event: missed`` comes first where not all since then is kept. ``event: end`` says why it
    is over, where the server ends it.
    """
    await run_in_threadpool(asked.who)
    start = after if last_event_id is None else _number(last_event_id)
    wanted = _Wanted(namespace, environment, build_id)
    watch = request.app.state.pulse.watch()
    return Stream(_events(asked, watch, start, wanted), watch)


@router.get("/build/{build_id}/log/follow/", response_class=Response, responses=_LOG_STREAM)
async def followed_log(
    request: Request,
    asked: Caller,
    build_id: Number,
    offset: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    last_event_id: LastId = None,
) -> Any:
    """Follow a build's log from an offset in bytes on, until the build has ended.

    Each event has some ``text``, and the offset of what follows for its id. ``event: end``
    comes last, with the build's status and the reason if it failed.
    """
    start = offset if last_event_id is None else _number(last_event_id)
    part = await run_in_threadpool(log_part, asked, build_id, start)
    if last_event_id is not None and part["whole"]:
        # Browsers ask again whenever a stream ends, unless they are told so.
        return Response(status_code=204)
    watch = request.app.state.pulse.watch(build_id)
    return Stream(_log(asked, watch, start), watch)


async def _events(
    asked: Asked, watch: Watch, start: int | None, wanted: _Wanted
) -> AsyncGenerator[bytes]:
    patient = _Patient(watch)
    last = start
    who: Who | None = None
    while not watch.closed:
        try:
            if who is None or patient.is_time_for_review():
                who = await run_in_threadpool(asked.who)
            if last is None:
                last = await run_in_threadpool(_newest, asked)
            elif last == start:
                first, newest = await run_in_threadpool(_kept, asked)
                if last > newest or last < first - 1:
                    last = first - 1 if last < first - 1 else newest
                    yield event_text({"first": last + 1}, kind="missed")
            data, read = await run_in_threadpool(_read, asked, who, last, PAGE, wanted)
        except Refused as exc:
            yield event_text({"reason": exc.message}, kind="end")
            return
        except AWAY:
            yield ALIVE
            await patient.wait()
            continue
        for each in data:
            yield event_text(each, id=each["id"], kind=each["kind"])
        if read == last:
            start = None
            if not await patient.wait():
                yield ALIVE
        last = read
    yield event_text({"reason": "the server ends"}, kind="end")


async def _log(asked: Asked, watch: Watch, offset: int) -> AsyncGenerator[bytes]:
    patient = _Patient(watch)
    assert watch.build_id is not None
    while not watch.closed:
        try:
            part = await run_in_threadpool(log_part, asked, watch.build_id, offset)
        except (Refused, MissingError) as exc:
            yield event_text({"reason": exc.message}, kind="end")
            return
        except AWAY:
            yield ALIVE
            await patient.wait()
            continue
        if part["text"]:
            offset = part["offset"]
            yield event_text({"text": part["text"], "offset": offset}, id=offset)
        elif part["whole"]:
            told = {"status": part["status"], "reason": part["reason"], "offset": offset}
            yield event_text(told, id=offset, kind="end")
            return
        elif not await patient.wait(ended=not part["live"]):
            yield ALIVE
    yield event_text({"status": None, "reason": "the server ends", "offset": offset}, kind="end")


class _Patient:
    """Waits for what is new, no longer than until a reader hears that there is nothing."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._reviewed = time.monotonic()

    def is_time_for_review(self) -> bool:
        """Say, once after each such while, that it is to be asked anew who reads."""
        now = time.monotonic()
        if now - self._reviewed < REVIEW:
            return False
        self._reviewed = now
        return True

    async def wait(self, *, ended: bool = False) -> bool:
        """Wait; a build that has ended is looked at more often, for its log is kept soon."""
        return await self._watch.wait(0.5 if ended else HEARTBEAT)


def _number(last: str) -> int:
    if not last.isdecimal() or int(last) > LARGEST:
        raise BadRequest("Last-Event-ID is not one that this server gave")
    return int(last)


def _newest(asked: Asked) -> int:
    with asked.services.database.read() as connection:
        return events.newest(connection)


def _kept(asked: Asked) -> tuple[int, int]:
    with asked.services.database.read() as connection:
        return events.oldest(connection), events.newest(connection)


def _read(
    asked: Asked, who: Who, after: int, limit: int, wanted: _Wanted
) -> tuple[list[dict[str, Any]], int]:
    """Give what happened after an event that somebody may see, and the last that was looked at."""
    with asked.services.database.read() as connection:
        found = events.after(connection, after, limit=limit, build_id=wanted.build_id)
        named = events.named(connection, found)
    data = []
    for each in found:
        namespace, environment = named[each.id]
        if not wanted.holds(namespace, environment) or not _may(who, namespace, environment):
            continue
        data.append(
            {
                "id": each.id,
                "at": f"{each.at}Z",
                "kind": each.kind,
                "namespace": namespace,
                "environment": environment,
                "build_id": each.build_id,
                "data": each.data,
            }
        )
    return data, found[-1].id if found else after


def _may(who: Who, namespace: str | None, environment: str | None) -> bool:
    if namespace is None:
        return who.visible().everything
    if environment is None:
        return who.may("namespace::read", namespace)
    return who.may("environment::read", namespace, environment)


def log_part(asked: Asked, build_id: int, offset: int) -> dict[str, Any]:
    """Give the log from an offset on, and whether it is whole."""
    # The build before its log: what was written until it ended is read then.
    found, _ = build_for(asked, "environment::read", build_id)
    database = asked.services.database
    with database.read() as connection:
        kept = packages.artifacts(connection, build_id, LOGS)
    with database.read() as connection:
        text, end = logs.read(connection, build_id, offset)
    late = False
    if found.ended_on is not None:
        since = instant(database.now()) - instant(found.ended_on)
        late = since.total_seconds() > LINGER
    live = found.status.is_live
    return {
        "text": text,
        "offset": end,
        "status": found.status.value,
        "reason": found.reason,
        "live": live,
        "whole": not live and not text and (bool(kept) or late),
    }
