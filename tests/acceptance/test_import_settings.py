"""`stead import` of settings: a messy .env, a compose file, a settings class of pydantic's."""

from __future__ import annotations

import json
import os
import stat
import sys
import tomllib

import pytest

MESSY = """\
# messy
export DEBUG = true
PORT=8000
DATABASE_URL=postgres://app:hunter2@db:5432/app   # the store
SECRET_KEY="abc#hunter3\\n"
GREETING=Hello ${NAME:-World}!
WHERE=${ELSEWHERE}/x
BRACES='{net.db} $${x}'
  # behind blanks
API_TOKEN='it\\'s hunter4'
EMPTY_TOKEN=
"""
SECRETS = ("hunter2", "hunter3", "hunter4")


def manifest(root):
    return tomllib.loads((root / "stead.toml").read_text(encoding="utf-8"))


def declared_secret(table):
    return {n for n, v in table.items() if isinstance(v, dict) and v.get("type") == "secret"}


def snapshot(root):
    return {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_a_messy_file_becomes_a_manifest_and_a_private_file(machine, project):
    root = project({".env": MESSY})
    message = machine.ok("status", cwd=root)
    for line in (2, 5, 6, 7, 8, 9, 10):
        assert f".env:{line}: " in message
    assert "stead import --portable --dialect" in message
    done = machine.run("import", "--dialect", "compose", ".env", cwd=root)
    assert done.returncode == 0, done.stderr
    assert (root / ".env").read_text() == MESSY
    table = manifest(root)["vars"]
    assert declared_secret(table) == {"DATABASE_URL", "SECRET_KEY", "API_TOKEN", "EMPTY_TOKEN"}
    assert table["PORT"] == 8000
    kept = root / ".env.portable"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    shown = done.stdout + done.stderr + (root / "stead.toml").read_text()
    assert not any(secret in shown for secret in SECRETS)
    assert "WHERE uses ELSEWHERE" in done.stderr
    assert "mv .env.portable .env" in done.stderr
    kept.replace(root / ".env")
    assert "EMPTY_TOKEN has no value" in machine.run("check", cwd=root).stdout
    text = (root / "stead.toml").read_text()
    (root / "stead.toml").write_text(
        text.replace('EMPTY_TOKEN = { type = "secret", required = true }', "")
    )
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    got = json.loads(machine.ok("run", "python", "-c", code, cwd=root))
    expected = {
        "DEBUG": "true",
        "PORT": "8000",
        "DATABASE_URL": "postgres://app:hunter2@db:5432/app",
        "SECRET_KEY": "abc#hunter3\n",
        "GREETING": "Hello World!",
        "WHERE": "/x",
        "BRACES": "{net.db} $${x}",
        "API_TOKEN": "it's hunter4",
    }
    assert {n: got.get(n) for n in expected} == expected


def test_a_messy_file_is_made_portable(machine, project):
    root = project({"stead.toml": "", ".env": MESSY.replace("$${x}", "${x}")})
    done = machine.run("import", "--portable", "--dialect", "python", ".env", cwd=root)
    assert done.returncode == 0, done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    (root / ".env.portable").replace(root / ".env")
    assert stat.S_IMODE((root / ".env").stat().st_mode) == 0o600
    machine.ok("check", cwd=root)
    assert "GREETING='Hello World!'\n" in (root / ".env").read_text()


def test_what_no_portable_file_can_hold_is_named(machine, project):
    root = project({"x/heroku.env": "A='it\\'s \"x\"'\nB=1\n"})
    done = machine.run("import", "--portable", "--dialect", "compose", "x/heroku.env", cwd=root)
    assert "left out: A cannot be written" in done.stderr
    assert (root / ".env").read_text() == "B=1\n"


def test_a_file_of_another_name_gives_the_private_file_of_the_place(machine, project):
    root = project({"prod.env": "STRIPE_KEY=sk_live\nLANG_NAME=de\n"})
    out = machine.ok("import", "prod.env", cwd=root)
    assert "for you alone: STRIPE_KEY" in out
    assert (root / ".env").read_text() == "STRIPE_KEY=sk_live\n"
    assert manifest(root)["vars"]["LANG_NAME"] == "de"
    machine.ok("check", cwd=root)


def test_nothing_is_written_over(machine, project):
    root = project({"stead.toml": "# mine\n", "a.env": "A=1\n"})
    before = snapshot(root)
    message = machine.fails("import", "a.env", cwd=root, code=2)
    assert "--print" in message
    assert machine.ok("import", "--print", "a.env", cwd=root).endswith("[vars]\nA = 1\n")
    assert snapshot(root) == before


def test_a_dialect_that_refuses_the_file_writes_nothing(machine, project):
    root = project({"a.env": "A=1\nB='hunter2\n"})
    before = snapshot(root)
    message = machine.fails("import", "--dialect", "compose", "a.env", cwd=root)
    assert "a.env:2: docker compose refuses the file" in message
    assert "hunter2" not in message
    done = machine.run("import", "--dialect", "python", "a.env", cwd=root)
    assert "a.env:2: B: python drops the line" in done.stderr
    assert {**before, root / "stead.toml": b""}.keys() == snapshot(root).keys()


COMPOSE = """\
services:
  web:
    build: .
    env_file:
      - web.env
      - path: more.env
        required: false
    environment:
      LOG_LEVEL: debug
      WORKERS: 4
      FLAG: true
      PASS_THROUGH:
      URL: http://${HOST:-localhost}:${PORT}/
      OTHER: ${NOBODY}
      PRICE: $$5
  worker:
    build: .
    environment:
      - LOG_LEVEL=debug
      - QUEUE=main
      - API_TOKEN=hunter3
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: hunter4, POSTGRES_USER: app}
"""


def test_a_compose_file_becomes_a_manifest(machine, project):
    root = project(
        {
            "docker-compose.yml": COMPOSE,
            "web.env": "LOG_LEVEL=info\nAPI_TOKEN=hunter2\nMODE=fast\n",
            ".env": "PORT=8000\n",
        }
    )
    done = machine.run("import", "docker-compose.yml", cwd=root)
    assert done.returncode == 0, done.stderr
    found = manifest(root)
    assert found["vars"] == {"LOG_LEVEL": "debug"}
    web = found["app"]["web"]["vars"]
    assert web["WORKERS"] == 4
    assert (web["FLAG"], web["MODE"]) == ("true", "fast")
    assert web["URL"] == "http://localhost:8000/"
    assert web["PRICE"] == "$$5"
    assert web["PASS_THROUGH"] == {"type": "str", "required": True}
    assert declared_secret(web) == {"API_TOKEN"}
    assert found["app"]["db"]["vars"] == {
        "POSTGRES_PASSWORD": {"type": "secret", "required": True},
        "POSTGRES_USER": "app",
    }
    assert "image postgres:16" in (root / "stead.toml").read_text()
    shown = done.stdout + done.stderr + (root / "stead.toml").read_text()
    assert not any(secret in shown for secret in SECRETS)
    assert "API_TOKEN has another secret value in worker" in done.stderr
    assert "OTHER uses NOBODY" in done.stderr
    kept = (root / ".env.portable").read_text()
    assert kept == "API_TOKEN=hunter2\nPOSTGRES_PASSWORD=hunter4\n"
    assert (root / ".env").read_text() == "PORT=8000\n"


def test_files_that_compose_refuses_are_all_named_and_the_rest_is_taken(machine, project):
    text = (
        "services:\n"
        "  web: {image: x, env_file: [good.env, bad.env], environment: {A: '${PORT}'}}\n"
        "  worker: {image: y, env_file: [bad.env, latin.env], environment: {B: two}}\n"
    )
    root = project(
        {
            "compose.yaml": text,
            "good.env": "MODE=fast\n",
            "bad.env": "C=1\nD='hunter2\n",
            ".env": "PORT=8000\n\nE='hunter3\n",
        }
    )
    (root / "latin.env").write_bytes(b"F=1\nG=\xe9\n")
    done = machine.run("import", "compose.yaml", cwd=root)
    assert done.returncode == 0, done.stderr
    refused = [line for line in done.stderr.splitlines() if "nothing of this file is taken" in line]
    where = [line.removeprefix(f"{root}/").partition(" ")[0] for line in refused]
    assert where == [".env:3:", "bad.env:2:", "latin.env:"]
    assert not any(secret in done.stderr for secret in SECRETS)
    found = manifest(root)["app"]
    assert found == {"web": {"vars": {"MODE": "fast", "A": ""}}, "worker": {"vars": {"B": "two"}}}
    assert "A uses PORT" in done.stderr


def test_a_sole_service_s_variables_are_the_place_s_own(machine, project):
    text = "services: {web: {image: x, environment: {A: 1, B: two}}}\n"
    root = project({"compose.yaml": text})
    machine.ok("import", "compose.yaml", cwd=root)
    assert manifest(root) == {"vars": {"A": 1, "B": "two"}}
    assert "B=two" in machine.ok("run", "env", cwd=root)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: 1\n", "has no services"),
        ("services: [a]\n", "has no services"),
        ("services:\n  web: {\n", "docker-compose.yml:"),
        ("", "has no services"),
    ],
)
def test_what_is_no_compose_file_is_told(machine, project, text, said):
    root = project({"docker-compose.yml": text})
    before = snapshot(root)
    assert said in machine.fails("import", "docker-compose.yml", cwd=root)
    assert snapshot(root) == before


SETTINGS = """\
import datetime
import enum
import pathlib
from typing import Annotated, Dict, List, Literal, Optional

from pydantic import AliasChoices, BaseModel, ByteSize, Field, HttpUrl, PostgresDsn, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

print("noise")


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Db(BaseModel):
    host: str = "localhost"
    port: int = Field(5432, ge=1, le=65535)
    password: SecretStr


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="shop_", env_nested_delimiter="__")
    debug: bool = False
    dsn: PostgresDsn
    site: HttpUrl = "https://example.org/"
    level: Level = Level.LOW
    mode: Literal["a", "b"] = "a"
    retries: Annotated[int, Field(gt=0, lt=10, description="how often\\nto try")] = 3
    ratio: Optional[float] = 0.5
    key: SecretStr = SecretStr("hunter2")
    where: pathlib.Path = pathlib.Path("/srv")
    wait: datetime.timedelta = datetime.timedelta(seconds=90)
    tags: List[str] = ["a", "b"]
    extra: Dict[str, int] = Field(default_factory=dict)
    title: str = Field("it's ${HOME}", validation_alias=AliasChoices("APP_TITLE", "TITLE"))
    size: ByteSize = ByteSize(2048)
    db: Db
"""


@pytest.fixture
def with_python(machine):
    """A caller whose Python has pydantic-settings: the one of these tests."""
    path = os.path.dirname(sys.executable)
    machine.environ["PATH"] = f"{path}{os.pathsep}{machine.environ['PATH']}"
    return machine


def test_a_settings_class_is_declared(with_python, project):
    root = project({"conf.py": SETTINGS})
    done = with_python.run("import", "--pydantic", "conf:Settings", cwd=root)
    assert done.returncode == 0, done.stderr
    table = manifest(root)["vars"]
    assert table["SHOP_DEBUG"] == {"type": "bool", "default": False}
    assert table["SHOP_DSN"]["type"] == "url"
    assert table["SHOP_DSN"]["required"] is True
    assert "postgresql" in table["SHOP_DSN"]["scheme"]
    assert table["SHOP_LEVEL"] == {"type": "enum", "default": "low", "choices": ["low", "high"]}
    assert table["SHOP_MODE"]["choices"] == ["a", "b"]
    assert table["SHOP_RETRIES"] == {
        "type": "int",
        "default": 3,
        "min": 1,
        "max": 9,
        "description": "how often to try",
    }
    assert table["SHOP_KEY"] == {"type": "secret"}
    assert table["SHOP_DB__PASSWORD"] == {"type": "secret", "required": True}
    assert table["SHOP_DB__PORT"]["max"] == 65535
    assert table["SHOP_SIZE"] == {"type": "bytes", "default": 2048}
    assert table["APP_TITLE"]["default"] == "it's $${HOME}"
    assert "hunter2" not in (root / "stead.toml").read_text() + done.stderr
    assert "APP_TITLE may also be called TITLE" in done.stderr
    found = with_python.run("check", cwd=root).stdout
    assert {line.split()[2] for line in found.splitlines()} == {"SHOP_DB__PASSWORD", "SHOP_DSN"}


def test_the_class_reads_what_the_manifest_gives(with_python, project):
    root = project({"conf.py": SETTINGS})
    with_python.ok("import", "--pydantic", "conf:Settings", cwd=root)
    (root / ".env").write_text("SHOP_DSN=postgres://a:b@c/d\nSHOP_DB__PASSWORD=hunter3\n")
    code = (
        "import conf; s = conf.Settings(); print(s.debug, s.level, s.wait, s.tags, s.size, s.title,"
        " s.retries, s.db.password.get_secret_value(), s.db.port)"
    )
    said = with_python.ok("run", sys.executable, "-c", code, cwd=root)
    expected = "False Level.LOW 0:01:30 ['a', 'b'] 2048 it's ${HOME} 3 hunter3 5432"
    assert said.splitlines()[-1] == expected


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("conf:Nope", "has no attribute 'Nope'"),
        ("nope:Settings", "No module named 'nope'"),
        ("conf:Level", "not a settings class"),
        ("conf", "does not name a class"),
        ("conf:Settings;x", "does not name a class"),
    ],
)
def test_what_cannot_be_imported_is_told(with_python, project, spec, said):
    root = project({"conf.py": SETTINGS})
    assert said in with_python.fails("import", "--pydantic", spec, cwd=root, code=2)
    assert not (root / "stead.toml").exists()


@pytest.mark.network
@pytest.mark.slow
def test_the_class_is_imported_by_the_place_s_own_python(machine, project):
    asked = "pydantic-settings>=2.6\n"
    root = project({"requirements.txt": asked, "src/conf.py": SETTINGS})
    machine.environ |= {n: v for n, v in os.environ.items() if "proxy" in n.lower() or "CERT" in n}
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_NO_INDEX", "PIP_INDEX_URL"):
        machine.environ.pop(name, None)
    done = machine.run("import", "--pydantic", "conf:Settings", cwd=root)
    assert done.returncode == 0, done.stderr
    assert "SHOP_DSN" in manifest(root)["vars"]


def test_import_wants_one_thing(machine, project):
    root = project({"a.env": "A=1\n"})
    assert "one FILE" in machine.fails("import", cwd=root, code=2)
    assert "one FILE" in machine.fails("import", "a.env", "--pydantic", "a:B", cwd=root, code=2)
