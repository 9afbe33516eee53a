"""`stead env fill` asks a newcomer for what is missing; `env export --dotenv` shows what that is."""

from __future__ import annotations

import stat

import pexpect
import pytest

MANIFEST = """\
[vars]
PORT = { type = "port", required = true, description = "where it listens" }
MODE = { type = "enum", choices = ["fast", "safe"], required = true }
NAME = { type = "str", required = true, value = "given" }
SPARE = { type = "int" }
PASSWORD = { type = "secret", required = true, description = "of the store" }
"""
ANSWERS = {"MODE": "fast", "PASSWORD": "it's hunter2", "PORT": "8080"}


@pytest.fixture
def talk(machine):
    running = []

    def start(root):
        child = pexpect.spawn(
            str(machine.program),
            ["env", "fill"],
            cwd=str(root),
            env={**machine.environ, "PWD": str(root), "TERM": "dumb"},
            encoding="utf-8",
            timeout=90,
        )
        running.append(child)
        return child

    yield start
    for child in running:
        child.close(force=True)


def test_each_missing_value_is_asked_for_and_checked_at_once(machine, project, talk):
    root = project({"stead.toml": MANIFEST})
    child = talk(root)
    child.expect_exact("MODE (1 of 3) enum, one of fast, safe")
    child.sendline("slow")
    child.expect_exact("once more:")
    child.sendline("fast")
    child.expect_exact("PASSWORD (2 of 3) secret")
    child.expect_exact("of the store")
    child.expect_exact("PASSWORD (not shown): ")
    child.sendline('it\'s "hunter1"')
    child.expect_exact("no quotes hold both")
    child.expect_exact("PASSWORD (not shown): ")
    child.sendline("it's hunter2")
    child.expect_exact("PORT (3 of 3) port")
    said = child.before
    child.expect_exact("where it listens")
    child.sendline("")
    child.expect_exact("a value is required")
    child.sendline("808000")
    child.expect_exact("once more:")
    child.sendline("8080")
    child.expect_exact("wrote .env")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "hunter" not in said
    assert (root / ".env").read_text() == 'MODE=fast\nPASSWORD="it\'s hunter2"\nPORT=8080\n'
    assert stat.S_IMODE((root / ".env").stat().st_mode) == 0o600
    assert machine.ok("env", "fill", cwd=root) == "every required variable has a value\n"
    code = "import os; print(os.environ['PASSWORD'], os.environ['PORT'])"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "it's hunter2 8080\n"


def test_who_leaves_before_the_end_writes_nothing(project, talk):
    root = project({"stead.toml": MANIFEST})
    child = talk(root)
    child.expect_exact("MODE: ")
    child.sendline("fast")
    child.expect_exact("PASSWORD (not shown): ")
    child.sendeof()
    child.expect_exact("nothing was written")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
    assert not (root / ".env").exists()


def test_what_is_there_is_kept_and_not_asked_for(project, talk):
    root = project({"stead.toml": MANIFEST, ".env": "# mine\nMODE=safe\nPASSWORD=x\n"})
    child = talk(root)
    child.expect_exact("PORT (1 of 1)")
    child.sendline("1")
    child.expect(pexpect.EOF)
    assert (root / ".env").read_text() == "# mine\nMODE=safe\nPASSWORD=x\nPORT=1\n"


def test_without_a_terminal_all_that_is_missing_is_listed(machine, project):
    root = project({"stead.toml": MANIFEST})
    message = machine.fails("env", "fill", cwd=root)
    assert "3 required variables have no value" in message
    for line in (
        "MODE: enum, one of fast, safe",
        "PASSWORD: secret: of the store",
        "PORT: port: where it listens",
    ):
        assert line in message
    assert "NAME" not in message.replace("NAME=VALUE", "")


EXAMPLE = """
# enum, one of fast, safe
MODE=

# secret: of the store
PASSWORD=

# port: where it listens
PORT=

# str
# NAME is given by [vars]; a line here changes it
"""


def test_the_example_has_every_required_name_and_no_value(machine, project):
    root = project({"stead.toml": MANIFEST, ".env": "PASSWORD=hunter2\nMODE=fast\n"})
    text = machine.ok("env", "export", "--dotenv", cwd=root)
    assert text.endswith(EXAMPLE)
    listed = machine.json("env", "export", "--dotenv", cwd=root)
    assert {e["name"]: e["given"] for e in listed} == {
        "MODE": False,
        "PASSWORD": False,
        "PORT": False,
        "NAME": True,
    }
    assert "--dotenv" in machine.fails("env", "export", cwd=root, code=2)


def test_the_example_filled_in_is_a_working_file(machine, project):
    root = project({"stead.toml": MANIFEST})
    text = machine.ok("env", "export", "--dotenv", cwd=root)
    for name, value in {**ANSWERS, "PASSWORD": "x"}.items():
        text = text.replace(f"{name}=\n", f"{name}={value}\n")
    (root / ".env").write_text(text)
    machine.ok("check", cwd=root)


APPS = """\
[app.web.vars]
PORT = { type = "port", required = true }
SHARED = { type = "str", required = true }

[app.worker.vars]
QUEUE = { type = "str", required = true }
SHARED = { type = "str", required = true, value = "given" }
"""


def test_all_apps_are_asked_about_where_none_is_chosen(machine, project):
    root = project({"stead.toml": APPS})

    def needed(*words):
        listed = machine.json("env", "export", "--dotenv", *words, cwd=root)
        return {e["name"] for e in listed if not e["given"]}

    assert needed() == {"PORT", "QUEUE", "SHARED"}
    assert needed("--app", "worker") == {"QUEUE"}
    message = machine.fails("env", "fill", cwd=root)
    assert "3 required variables" in message
    assert "PORT has no value" in machine.run("check", "--app", "web", cwd=root).stdout
