"""What git tracks and should not: found by name in settings, by value anywhere."""

from __future__ import annotations

import os
import subprocess

import pytest

from stead.config.secrets.leaks import Leak, tracked_files, tracked_secrets
from stead.testing.world import make_context
from stead.values.origin import Origin

GIVEN = {"PG_PASS": None, "TOKEN": "hunter2-hunter2", "SHORT": "abc"}


def found(tmp_path, files, declared=GIVEN):
    paths = []
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        paths.append(str(path))
    leaks = tracked_secrets(declared, paths)
    assert all("hunter2" not in repr(leak) + leak.message for leak in leaks)
    return [
        (os.path.relpath(k.where.file, tmp_path), k.where.line, k.name, k.by_value) for k in leaks
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "A=1\nPG_PASS=x9\n"),
        (".env", "A=1\r\nexport PG_PASS='x9'\r\n"),
        (".env", "A=1\nPG_PASS='pa$word'\n"),
        (".env.prod", "\nPG_PASS = x9 # of prod"),
        ("dev.env", '\n  PG_PASS="x9"'),
        ("stead.toml", '[vars]\nPG_PASS = "x9"\n'),
        ("stead.toml", '[vars]\nPG_PASS = { type = "secret", default = "x9" }\n'),
        ("stead.toml", '[vars]\nothers = { PG_PASS = "x9" }\n'),
        ("docker-compose.yml", "environment:\n  PG_PASS: x9\n"),
        ("compose.yaml", "environment:\n  - PG_PASS=x9\n"),
        ("conf/app.json", '{\n"PG_PASS": "x9",\n"b": 1}'),
        ("app.properties", "\nPG_PASS: x9"),
        ("Dockerfile", "FROM x\nENV PG_PASS=x9\n"),
    ],
)
def test_a_line_that_sets_a_secret(tmp_path, name, text):
    assert found(tmp_path, {name: text}) == [(name, 2, "PG_PASS", False)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "PG_PASS=\n#PG_PASS=x9\nMY_PG_PASS=x9\nPG_PASS_FILE=x9\n"),
        (".env.example", "PG_PASS=<your password>\n"),
        (".env.example", "PG_PASS=changeme\n"),
        ("stead.toml", 'PG_PASS = "age:secrets.age#pg"\n'),
        ("stead.toml", 'PG_PASS = { type = "secret", required = true }\n'),
        ("stead.toml", 'PG_PASS = "postgres://u:{host.secrets.pg}@{net.db}/x"\n'),
        ("compose.yml", "PG_PASS: ${PG_PASS}\n"),
        ("compose.yml", "PG_PASS: $PG_PASS\n"),
        ("compose.yml", "  - PG_PASS=${PG_PASS:?missing}\n  - PG_PASS\n"),
        ("sops.yaml", "PG_PASS: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n"),
        ("a.yaml", "PG_PASS: null\nb: 1\n"),
        ("a.yaml", "PG_PASS:\n  nested: 1\n"),
        ("app.py", 'PG_PASS = os.environ["PG_PASS"]\n'),
        ("README.md", "PG_PASS=x9\n"),
        ("b.json", b'\0"PG_PASS": "x9"'),
    ],
)
def test_what_gives_nothing_away(tmp_path, name, text):
    assert found(tmp_path, {name: text}) == []


def test_a_known_value_anywhere(tmp_path):
    files = {
        "src/app.py": 'a = 1\nconnect("hunter2-hunter2")\n',
        "notes.bin": b"\0\0\nhunter2-hunter2",
        "clean.txt": "hunter2\nabc\n",
        ".env": "TOKEN=hunter2-hunter2\n",
    }
    assert found(tmp_path, files) == [
        (".env", 1, "TOKEN", False),
        ("notes.bin", 2, "TOKEN", True),
        ("src/app.py", 2, "TOKEN", True),
    ]


def test_a_known_value_as_it_stands_in_addresses_and_json(tmp_path):
    declared = {"P": 'hunter2/"ü"+more'}
    files = {
        "a.txt": "postgres://u:hunter2%2F%22%C3%BC%22%2Bmore@h/db\n",
        "b.txt": '{"x": "hunter2/\\"ü\\"+more"}\n',
    }
    assert [k[0] for k in found(tmp_path, files, declared)] == ["a.txt", "b.txt"]


def test_a_value_that_is_a_reference_is_not_looked_for(tmp_path):
    declared = {"P": "age:secrets.age#pg_pass"}
    assert found(tmp_path, {"stead.toml": 'x = "age:secrets.age#pg_pass"\n'}, declared) == []


def test_links_and_what_is_gone_are_passed_over(tmp_path):
    (tmp_path / "real").write_text("PG_PASS=x9", encoding="utf-8")
    (tmp_path / ".env").symlink_to("real")
    assert tracked_secrets(GIVEN, [str(tmp_path / ".env"), str(tmp_path / "gone.env")]) == []
    assert tracked_secrets({}, [str(tmp_path / "real")]) == []


def test_each_leak_says_what_to_look_at():
    assert Leak("A", Origin("/p/.env", 3)).message.endswith("sets A, which is declared secret")
    assert "value of A" in Leak("A", Origin("/p/x", 3), by_value=True).message


@pytest.mark.needs("git")
def test_git_says_what_is_tracked(tmp_path):
    root = tmp_path / "repo"
    (root / "sub").mkdir(parents=True)
    context = make_context(tmp_path)
    assert tracked_files(str(root), context) == ()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for name in ("a.txt", "sub/ü b.env", "untracked"):
        (root / name).write_text("x", encoding="utf-8")
    for argv in (["init", "-q"], ["add", "a.txt", "sub"]):
        subprocess.run(["git", *argv], cwd=root, env=environ, check=True)
    assert tracked_files(str(root), context) == (str(root / "a.txt"), str(root / "sub/ü b.env"))
    assert tracked_files(str(root / "sub"), context) == (str(root / "sub/ü b.env"),)


def test_without_git_nothing_is_tracked(tmp_path):
    def missing(argv, **_):
        from stead.cli.runner import run

        return run([str(tmp_path / "none" / argv[0]), *argv[1:]])

    assert tracked_files(str(tmp_path), make_context(tmp_path, run=missing)) == ()
