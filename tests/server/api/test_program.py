"""The ``conda-store`` program, from the package index, against a server with its own worker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from stead.testing.channel import Package, make_channel, text

pytestmark = [pytest.mark.slow, pytest.mark.network]

VERSION = "2025.2.2"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("program") / "venv"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, directory], check=True)
    subprocess.run(
        [uv, "pip", "install", "-q", "-p", directory, f"conda-store=={VERSION}"], check=True
    )
    return directory / "bin" / "conda-store"


def test_the_program_works_against_a_server(program, here, tmp_path):
    packages = [Package("tiny", "1.0", entries=(text("share/tiny.txt", "tiny\n"),))]
    channel = make_channel(tmp_path / "channel", packages, here.name)
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("STEAD_", "CONDA_"))}
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "stead", "serve", "--port", "0", "--workers", "1"],
            env=environ | {"STEAD_HOME": str(tmp_path / "home")},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        try:
            token = server.stdout.readline().split()[-1]
            url = server.stdout.readline().split()[-1]
            _work(program, tmp_path, url, token, f"file://{channel}")
            server.terminate()
            assert server.wait(60) == 0, (tmp_path / "log").read_text()
        finally:
            server.kill()
    logged = [json.loads(line)["action"] for line in (tmp_path / "log").read_text().splitlines()]
    assert logged[-1] == "stopped"


def _work(program: Path, directory: Path, url: str, token: str, channel: str) -> None:
    known = {"CONDA_STORE_TOKEN": token, "PATH": os.environ["PATH"], "COLUMNS": "200"}

    def told(*words: str) -> str:
        done = subprocess.run(
            [program, "--conda-store-url", url, "--auth", "token", *words],
            env=known,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    assert "Authenticated True" in told("info")
    known["CONDA_STORE_TOKEN"] = told("token", "--permission", "*/*:admin").strip()
    wanted = directory / "environment.yaml"
    wanted.write_text(f"name: tiny\nchannels: ['{channel}']\ndependencies: [tiny]\n")
    solved = json.loads(told("solve", "--output", "json", str(wanted)))
    assert [(p["name"], p["version"]) for p in solved] == [("tiny", "1.0")]
    assert "tiny" in told("solve", str(wanted))
    asked = {
        "namespace": "team",
        "specification": f"name: tiny\nchannels: ['{channel}']\ndependencies: [tiny]\n",
    }
    request = urllib.request.Request(
        f"{url}/api/v1/specification/",
        json.dumps(asked).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        build = str(json.load(answer)["data"]["build_id"])
    told("wait", "--timeout", "90", "--interval", "1", build)
    told("wait", "--timeout", "5", "--interval", "1", "--artifact", "lockfile", "team/tiny")
    assert {"default", "team"} <= {n["name"] for n in json.loads(told(*_LIST, "namespace", *_JSON))}
    (environment,) = json.loads(told(*_LIST, "environment", *_JSON))
    assert environment["current_build_id"] == int(build)
    assert [b["status"] for b in json.loads(told(*_LIST, "build", *_JSON))] == ["COMPLETED"]
    assert json.loads(told(*_LIST, "build", "--status", "FAILED", *_JSON)) == []
    assert json.loads(told(*_LIST, "build", "--package", "tiny", *_JSON))[0]["id"] == int(build)
    lock = json.loads(Path(told("download", "--artifact", "lockfile", "team/tiny")).read_text())
    assert [p["name"] for p in lock["package"]] == ["tiny"]
    assert "tiny=1.0" in Path(told("download", "--artifact", "yaml", build)).read_text()
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{url}/api/v1/build/{build}/logs/", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.read()


_LIST = ("list",)
_JSON = ("--output", "json")
