"""The example with a database: SQLite in one layer, a real PostgreSQL in the other."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from dotenv import dotenv_values

from stead.testing.postgres import server

NETWORK = re.compile(r"(UV|PIP|SSL|REQUESTS|CURL)_|(?i:https?|all|no)_proxy\Z")
"""The way to the package index that this machine's user has."""

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.prefix) / "bin" / "stead"

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.needs("pg_ctlcluster")]

DUMP = """\
import json, os, stat, sys
files = ["orders.ini", "orders.env"]
print(json.dumps({
    "environ": dict(os.environ),
    "files": {name: open(name, encoding="utf-8").read() for name in files},
    "real": {name: os.path.realpath(name) for name in files},
    "modes": {name: stat.S_IMODE(os.stat(name).st_mode) for name in files},
    "prefix": sys.prefix,
}))
"""
"""Run in the environment: what a process sees, in its variables and in the files."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Clone:
    """A copy of the example that belongs to somebody with a key of her own."""

    root: Path
    home: Path
    environ: dict[str, str]
    ports: dict[str, int]
    password: str = ""
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *words: str, cwd: str = ".", **env: str) -> subprocess.CompletedProcess[str]:
        directory = self.root / cwd
        return subprocess.run(
            [str(PROGRAM), *words],
            cwd=directory,
            env={**self.environ, "PWD": str(directory), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def ok(self, *words: str, cwd: str = ".", **env: str) -> str:
        done = self.run(*words, cwd=cwd, **env)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def seen(self, environment: str):
        """Give what a process in an environment sees."""
        return json.loads(self.ok("run", "-e", environment, "--", "python", "-c", DUMP))

    def edit(self, name: str, old: str, new: str) -> str:
        """Change a file of the clone; gives its former text."""
        path = self.root / name
        text = path.read_text("utf-8")
        assert text.count(old) == 1, (name, old)
        path.write_text(text.replace(old, new), "utf-8")
        return text

    @contextmanager
    def serving(self, environment: str):
        """Run the application; gives a function that asks it."""
        process = subprocess.Popen(
            [str(PROGRAM), "run", "-e", environment, "orders"],
            cwd=self.root,
            env={**self.environ, "PWD": str(self.root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            lines = []
            while " on http://" not in (line := process.stdout.readline()):
                lines.append(line)
                assert line, "".join(lines)
            yield lambda path, **body: ask(line.split()[-1], path, body)
        finally:
            # A waiting Stead passes the signal on.
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=90)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise


def ask(address: str, path: str, body: dict[str, object]):
    """Ask the application, which may not listen yet."""
    base = address.rsplit("/", 1)[0]
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(base + path, data, {"Content-Type": "application/json"})
    for _ in range(600):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nobody answers at {base}")


@contextmanager
def postgresql(port: int, password: str):
    """Run a server with a user and a database ``orders``."""
    with server("orders", password, port=port) as made:
        made.ask("CREATE DATABASE orders")
        yield


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    """The example as a new owner takes it over: her key, her password, her ports."""
    base = tmp_path_factory.mktemp("orders")
    root, home = base / "a b" / "orders", base / "home"
    shutil.copytree(
        REPOSITORY / "examples" / "orders",
        root,
        ignore=shutil.ignore_patterns("build", "*.lock", "__pycache__", ".stead", "*.egg-info"),
    )
    home.mkdir()
    environ = {
        "HOME": str(home),
        "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
        "STEAD_HOME": str(home / "stead"),
        "LANG": "C.UTF-8",
        **{name: value for name, value in os.environ.items() if NETWORK.match(name)},
    }
    ports = {"dev": free_port(), "prod": free_port(), "database": free_port()}
    clone = Clone(root, home, environ, ports, "p@ss/wörd 50% of: it's #1")
    clone.edit("stead.toml", '"5000-5099"', f'"{ports["dev"]}"')
    clone.edit("hosts/server/stead.toml", '"8000-8099"', f'"{ports["prod"]}"')
    clone.edit("nets/backbone/stead.toml", "5432", str(ports["database"]))

    example = str(root / "example-identity.txt")
    mine = clone.ok("secret", "keygen").split()[-1]
    theirs = next(w for w in Path(example).read_text("utf-8").split() if w.startswith("age1"))
    clone.ok(
        "secret", "rotate", "--add-recipient", mine, "--remove-recipient", theirs,
        cwd="hosts/server", SOPS_AGE_KEY_FILE=example,
    )  # fmt: skip
    os.unlink(example)
    subprocess.run(
        [str(PROGRAM), "secret", "set", "db_password"],
        cwd=root / "hosts" / "server",
        env=environ,
        input=clone.password,
        text=True,
        check=True,
    )
    with postgresql(ports["database"], clone.password):
        yield clone


def test_everything_is_checked_before_it_starts(orders):
    for environment in ("dev", "prod"):
        orders.ok("check", "-e", environment)


def test_without_its_database_production_does_not_start(orders):
    at, elsewhere = str(orders.ports["database"]), str(free_port())
    former = orders.edit("nets/backbone/stead.toml", at, elsewhere)
    try:
        for words in (("check", "-e", "prod"), ("run", "-e", "prod", "orders")):
            done = orders.run(*words)
            assert done.returncode == 1, done.stdout + done.stderr
            said = done.stdout + done.stderr
            assert f"127.0.0.1:{elsewhere}" in said
            assert "start PostgreSQL" in said
        orders.ok("check", "-e", "dev")
    finally:
        (orders.root / "nets/backbone/stead.toml").write_text(former, encoding="utf-8")
    orders.ok("check", "-e", "prod")


def agrees(seen) -> dict[str, str]:
    """Hold the two files against the process's variables; gives these."""
    environ = seen["environ"]
    names = {n for n in environ if n.startswith(("DATABASE_", "ORDERS_"))}
    assert names == {
        "DATABASE_URL", "DATABASE_POOL", "DATABASE_TIMEOUT",
        "ORDERS_PORT", "ORDERS_CURRENCY", "ORDERS_BODY",
    }  # fmt: skip
    dotenv = seen["files"]["orders.env"]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".env") as file:
        file.write(dotenv)
        file.flush()
        assert dict(dotenv_values(file.name)) == {n: environ[n] for n in names}
    ini = configparser.ConfigParser(interpolation=None)
    ini.read_string(seen["files"]["orders.ini"])
    assert {s: dict(ini[s]) for s in ini.sections()} == {
        "database": {
            "url": environ["DATABASE_URL"],
            "pool": environ["DATABASE_POOL"],
            "timeout": environ["DATABASE_TIMEOUT"],
        },
        "orders": {
            "port": environ["ORDERS_PORT"],
            "currency": environ["ORDERS_CURRENCY"],
            "reports": environ["STEAD_PATH_REPORTS"],
        },
    }
    return environ


def test_process_and_files_agree_on_the_laptop(orders):
    seen = orders.seen("dev")
    environ = agrees(seen)
    database = orders.root / "build" / "orders.sqlite"
    assert environ["DATABASE_URL"] == f"sqlite:///{quote(str(database))}"
    assert environ["DATABASE_POOL"] == "1"
    assert environ["ORDERS_PORT"] == str(orders.ports["dev"])
    # Nothing secret is in them: they stay, for whoever reads them without Stead.
    for name, text in seen["files"].items():
        assert (orders.root / name).read_text("utf-8") == text


def test_process_and_files_agree_in_production(orders):
    seen = orders.seen("prod")
    environ = agrees(seen)
    secret = quote(orders.password, safe="")
    place = f"127.0.0.1:{orders.ports['database']}"
    assert environ["DATABASE_URL"] == f"postgresql+psycopg://orders:{secret}@{place}/orders"
    assert environ["DATABASE_POOL"] == "5"
    assert environ["ORDERS_PORT"] == str(orders.ports["prod"])
    for name, real in seen["real"].items():
        assert seen["modes"][name] == stat.S_IRUSR | stat.S_IWUSR
        assert not real.startswith(str(orders.root))
        assert not os.path.exists(real), "a file with a secret outlives the process"


def test_the_password_is_kept_nowhere(orders):
    orders.seen("prod")
    orders.ok("check", "-e", "prod")
    shown = orders.ok("explain", "-e", "prod", "DATABASE_URL")
    shown += orders.ok("config", "list", "-e", "prod", "--json")
    shown += orders.ok("config", "diff", "dev", "prod")
    shown += orders.ok("env", "vars", "-e", "prod")
    needles = [orders.password.encode(), quote(orders.password, safe="").encode()]
    assert not [n for n in needles if n in shown.encode()]
    looked = 0
    for top in (orders.root, orders.home):
        for parent, _, names in os.walk(top):
            if os.sep + os.path.join("stead", "packages") in parent:
                continue  # the wheels, as they came
            for name in names:
                path = Path(parent, name)
                if path.is_file():
                    looked += 1
                    content = path.read_bytes()
                    assert not [n for n in needles if n in content], path
    assert looked > 50


def test_two_layers_share_one_build(orders):
    builds = {orders.seen(environment)["prefix"] for environment in ("dev", "prod", "default")}
    assert len(builds) == 1
    held = (orders.root / "stead.lock").read_text("utf-8")
    assert "prod" not in held


@pytest.mark.parametrize(("environment", "kind"), [("dev", "sqlite"), ("prod", "postgresql")])
def test_it_serves_and_reports(orders, environment, kind):
    with orders.serving(environment) as answer:
        assert answer("/health") == {"database": kind}
        before = len(answer("/orders")["orders"])
        made = answer("/orders", customer="Ann", item="tea", cents=350)
        assert {k: made[k] for k in ("customer", "item", "cents")} == {
            "customer": "Ann", "item": "tea", "cents": 350,
        }  # fmt: skip
        answer("/orders", customer="Bob", item="cake", cents=525)
        assert answer("/orders", customer="Bob") == 400
        assert answer("/orders", customer="x" * 20_000, item="y", cents=1) == 413
        listed = answer("/orders")
        assert listed["currency"] == "EUR"
        assert len(listed["orders"]) == before + 2
    said = orders.ok("run", "-e", environment, "report")
    assert said.splitlines()[0] == "customer,EUR"
    assert "Ann,3.50" in said.splitlines()
    assert said == (orders.root / "build" / "reports" / "customers.csv").read_text("utf-8")


def test_a_pool_that_the_host_does_not_allow_is_found_before_start(orders):
    layer = "[layer.prod.choose]"
    former = orders.edit("stead.toml", layer, f"[layer.prod.vars]\nDATABASE_POOL = 30\n\n{layer}")
    try:
        for words in (("check", "-e", "prod"), ("run", "-e", "prod", "orders")):
            done = orders.run(*words)
            assert done.returncode == 1, done.stdout + done.stderr
            said = done.stdout + done.stderr
            assert "DATABASE_POOL" in said
            assert "stead.toml:" in said
            assert "hosts/server/stead.toml:" in said
        orders.ok("check", "-e", "dev")
    finally:
        (orders.root / "stead.toml").write_text(former, "utf-8")


def test_a_misspelt_name_in_its_code_is_found_by_a_type_checker(orders):
    orders.ok("typings")
    checker = [str(PROGRAM.parent / "mypy"), "--check-untyped-defs", "--ignore-missing-imports"]
    environ = {**orders.environ, "MYPYPATH": f"typings{os.pathsep}libs/ordersdb/src"}

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*checker, "orders/app.py", "orders/__main__.py"],
            cwd=orders.root, env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert check().returncode == 0, check().stdout
    orders.ok("typings", "--check")
    former = orders.edit("orders/__main__.py", "vars.ORDERS_PORT", "vars.ORDERS_PROT")
    try:
        found = check()
        assert found.returncode == 1
        assert 'has no attribute "ORDERS_PROT"; maybe "ORDERS_PORT"' in found.stdout
    finally:
        (orders.root / "orders" / "__main__.py").write_text(former, "utf-8")
