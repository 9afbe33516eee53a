"""A deployed app that needs PostgreSQL: the shipped item loads it, a service answers from it."""

from __future__ import annotations

import json
import os
import re
import time

import pytest

from stead.testing.postgres import server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.needs("mmdebstrap", "ssh", "ip", "pg_ctlcluster"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]

NETWORK = re.compile(r"(UV|PIP|SSL|REQUESTS|CURL)_|(?i:https?|all|no)_proxy\Z")
PASSWORD = "s'e$c`r\\e\"t"
SERVE = """\
import http.server, json, os, psycopg

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with psycopg.connect(os.environ["DATABASE_URL"]) as database:
                row = database.execute(os.environ["QUERY"]).fetchone()
        except psycopg.Error as error:
            status, body = 503, str(error)
        else:
            status, body = 200, json.dumps(row)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
MIGRATE = """\
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    database.execute("ALTER TABLE weather ADD COLUMN IF NOT EXISTS warm boolean")
    database.execute("UPDATE weather SET warm = temp_max > 20")
"""
MANIFEST = """

[app.days]
environment = "etl"
libs = ["etl"]
run = ["python", "serve.py"]
listen = { PORT = "host.ports.web" }
vars.QUERY = "SELECT count(*) FROM weather"
vars.DATABASE_URL = "postgresql://days:{host.secrets.db_password}@{net.db}/days"
checks.database = { port = "{net.db}", message = "start PostgreSQL" }
health.up = { url = "http://127.0.0.1:${PORT}/", timeout = "10s" }
commands = { load = ["etl", "run"], migrate = ["python", "migrate.py"] }
release = ["load"]

[host.box]
ports = { web = "8020-8029" }
secrets = { db_password = "env:DB_PASSWORD" }

[net.lab]
db = { host = "127.0.0.1", port = 5432, tls = false }

[target.data]
kind = "ssh"
hosts = ["plain"]
host = "box"

[recipe.days]
app = "days"
targets = ["data"]
net = "lab"
"""


def test_it_is_migrated_checked_and_taken_back(site, lab, plain):
    environ = site.machine.environ
    del environ["UV_DEFAULT_INDEX"]
    environ |= {name: value for name, value in os.environ.items() if NETWORK.match(name)}
    environ["PATH"] = f"{lab.path}:{environ['PATH']}"
    environ["DB_PASSWORD"] = PASSWORD
    manifest = site.root / "stead.toml"
    manifest.write_text('[workspace]\nname = "weather"\n')
    site.ok("module", "add", "etl")
    manifest.write_text(manifest.read_text() + MANIFEST)
    (site.root / "serve.py").write_text(SERVE)
    (site.root / "migrate.py").write_text(MIGRATE)

    def answer(within: float = 0.0):
        end = time.monotonic() + within
        while not (said := plain.get(8020)) and time.monotonic() < end:
            time.sleep(0.1)
        return json.loads(said or "null")

    def change(old: str, new: str) -> None:
        assert old in manifest.read_text()
        manifest.write_text(manifest.read_text().replace(old, new))

    with server("days", PASSWORD, port=5432, within=plain.network()) as database:
        database.ask("CREATE DATABASE days")
        database.stop()
        said = site.fails("deploy", "days")
        assert "check database: 127.0.0.1:5432 cannot be reached from there" in said
        assert "start PostgreSQL" in said
        database.start()

        environ["DB_PASSWORD"] = "another-one"
        said = site.fails("deploy", "days")
        assert "days.load, which runs before the switch, ended with 2" in said
        assert "PostgreSQL does not answer" in said
        assert "another-one" not in said
        assert answer() is None
        environ["DB_PASSWORD"] = PASSWORD

        done = site.run("deploy", "days")
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        (days,) = answer()
        assert days == int(database.ask("SELECT count(*) FROM weather", "days")) > 1000

        # It asks for what no migration brought: 503, and what ran before runs again.
        change("count(*) FROM weather", "count(*) FROM weather WHERE warm")
        said = site.fails("deploy", "days")
        assert "did not hold within 10 s" in said
        assert "503" in said
        assert answer(within=20) == [days]

        change('release = ["load"]', 'release = ["load", "migrate"]')
        site.ok("deploy", "days")
        (warm,) = answer()
        assert 0 < warm < days

        site.ok("deploy", "rollback", "days")
        assert answer() == [days]
        site.ok("node", "down", "days", "data")
        assert answer() is None
        assert database.ask("SELECT count(*) FROM weather WHERE warm", "days") == str(warm)
