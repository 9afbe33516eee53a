"""What waits for a database that is away, what does not, and what becomes of it."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from stead.server.engine.children import Stopped
from stead.server.engine.steady import connect_steadily, is_away, steadily
from stead.server.engine.workflow import stopped_by_outages
from stead.testing.databases import PostgresServer

pytestmark = pytest.mark.needs("pg_ctlcluster")


@pytest.fixture(scope="module")
def server():
    with PostgresServer.make() as made:
        made.create("steady")
        yield made


@pytest.fixture
def engine(server):
    url = server.url("steady").replace("postgresql://", "postgresql+psycopg://")
    made = sqlalchemy.create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def away(server):
    """The server, stopped; it is there again after the test."""
    server.stop()
    running = threading.Event()

    def start():
        if not running.is_set():
            running.set()
            server.start()

    yield start
    start()


def ask(engine, statement="SELECT 1"):
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar_one()


def test_connections_wait_until_the_database_is_back(engine, away):
    connect_steadily(engine, threading.Event())
    found = []
    asking = threading.Thread(target=lambda: found.append(ask(engine)))
    asking.start()
    asking.join(0.5)
    assert asking.is_alive()
    away()
    asking.join(120)
    assert found == [1]


def test_connections_wait_no_more_once_it_is_over(engine, away):
    ended = threading.Event()
    connect_steadily(engine, ended)
    failed = []

    def asks():
        with pytest.raises(OperationalError):
            ask(engine)
        failed.append(True)

    asking = threading.Thread(target=asks)
    asking.start()
    ended.set()
    asking.join(120)
    assert failed == [True]


def test_what_is_wrong_is_not_waited_for(engine):
    with pytest.raises(ProgrammingError) as raised:
        steadily(lambda: ask(engine, "SELECT nothing"))
    assert not is_away(raised.value)
    with pytest.raises(ProgrammingError), stopped_by_outages():
        raise raised.value


def test_a_build_is_stopped_by_what_was_waited_for_in_vain(engine, away):
    with pytest.raises(OperationalError) as raised:
        steadily(lambda: ask(engine), seconds=0.2)
    assert is_away(raised.value)
    with pytest.raises(Stopped), stopped_by_outages():
        raise raised.value
