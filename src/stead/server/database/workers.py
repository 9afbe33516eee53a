"""Workers: who takes builds, and when each was last heard of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from stead.server.database.builds import COLUMNS, build_of
from stead.server.database.tables import build
from stead.server.database.tables import worker as table
from stead.server.values import MissingError, Worker

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stead.server.values import Build, Moment

RUNNING = "running"
STOPPING = "stopping"
STOPPED = "stopped"
DEAD = "dead"

_COLUMNS = (
    table.c.id,
    table.c.name,
    table.c.host,
    table.c.pid,
    table.c.state,
    table.c.capacity,
    table.c.started_on,
    table.c.seen_on,
)


def register(
    connection: Connection, name: str, now: Moment, *, host: str, pid: int, capacity: int
) -> Worker:
    """Tell of a worker that starts, which takes so many builds at once."""
    values = {
        "name": name,
        "host": host,
        "pid": pid,
        "state": RUNNING,
        "capacity": capacity,
        "started_on": now,
        "seen_on": now,
    }
    made = connection.execute(table.insert().returning(table.c.id), values).scalar_one()
    return Worker(made, name, host, pid, RUNNING, capacity, now, now)


def beat(connection: Connection, worker_id: int, now: Moment) -> bool:
    """Tell that a worker is alive; False where it was taken for dead, and must stop."""
    alive = table.c.state.in_((RUNNING, STOPPING))
    statement = table.update().where(table.c.id == worker_id, alive).values(seen_on=now)
    return bool(connection.execute(statement).rowcount)


def set_state(connection: Connection, worker_id: int, state: str) -> None:
    """Change whether a worker takes builds."""
    connection.execute(table.update().where(table.c.id == worker_id).values(state=state))


def get(connection: Connection, worker_id: int) -> Worker:
    """Give a worker by id; raises :class:`MissingError`."""
    row = connection.execute(select(*_COLUMNS).where(table.c.id == worker_id)).first()
    if row is None:
        raise MissingError("worker does not exist")
    return Worker(*row)


def listed(connection: Connection, *, states: tuple[str, ...] = ()) -> tuple[Worker, ...]:
    """Give all workers, or those in some states."""
    query = select(*_COLUMNS).order_by(table.c.id)
    if states:
        query = query.where(table.c.state.in_(states))
    return tuple(Worker(*row) for row in connection.execute(query))


def silent(connection: Connection, since: Moment) -> tuple[Worker, ...]:
    """Give the workers that should be heard of, and were not since a moment."""
    query = select(*_COLUMNS).where(table.c.state.in_((RUNNING, STOPPING)), table.c.seen_on < since)
    return tuple(Worker(*row) for row in connection.execute(query.order_by(table.c.id)))


def places(connection: Connection) -> int:
    """Count how many builds the running workers take at once."""
    total = select(func.coalesce(func.sum(table.c.capacity), 0)).where(table.c.state == RUNNING)
    return int(connection.execute(total).scalar_one())


def builds_of(connection: Connection, worker_id: int) -> tuple[Build, ...]:
    """Give the builds that a worker is at."""
    query = (
        select(*COLUMNS)
        .where(build.c.worker_id == worker_id, build.c.status == "BUILDING")
        .order_by(build.c.id)
    )
    return tuple(map(build_of, connection.execute(query)))
