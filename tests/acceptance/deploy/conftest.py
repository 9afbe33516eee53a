"""A project with a recipe, and a directory of this machine that it is deployed to."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jsonschema
import pytest

from stead.deploy.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER = """\
import http.server, json, os, pathlib, sys

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        shown = {n: v for n, v in os.environ.items() if n != "LS_COLORS"}
        held = {p.name: p.read_text() for p in pathlib.Path().glob("*.ini")}
        body = json.dumps({"vars": shown, "files": held, "argv": sys.argv}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

print("serves", os.environ.get("TITLE"), flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


def free_ports(count: int) -> str:
    """Give a range of ports of which all are free, another one in each process of the tests."""
    first = 21000 + os.getpid() % 300 * 100
    for low in (*range(first, 60000, 100), *range(21000, first, 100)):
        try:
            for port in range(low, low + count):
                with closing(socket.socket()) as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return f"{low}-{low + count - 1}"
    raise AssertionError("no ports are free")


@pytest.fixture
def ports():
    """Give what gives a range of so many ports that are free."""
    return free_ports


def schema_of(words: tuple[str, ...]) -> str:
    if "--all" in words or "--module" in words:
        return "deploy-modules"
    if words[:2] == ("node", "down"):
        return "node-down"
    if words[1] in ("status", "rollback"):
        return f"deploy-{words[1]}"
    return "deploy-plan" if "--plan" in words else "deploy"


def closed(schema):
    """Give a schema that admits no other fields."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(one) for name, one in schema.items()}
    if made.get("type") == "object":
        made["additionalProperties"] = False
    return made


@dataclass
class Site:
    """A project, and where it is deployed to."""

    machine: object
    root: Path
    node: Path

    def manifest(self, text: str) -> None:
        """Write the manifest; ``@ports`` stands for free ports, ``@node`` for the node's directory."""
        ports = getattr(self, "ports", None) or free_ports(8)
        self.ports = ports
        text = text.replace("@ports", ports).replace("@node", str(self.node))
        (self.root / "stead.toml").write_text(text)

    def ok(self, *words: str) -> str:
        return self.machine.ok(*words, cwd=self.root)

    def json(self, *words: str):
        """Ask for an answer as JSON, which must be as its schema says."""
        answer = self.machine.json(*words, cwd=self.root)
        jsonschema.validate(answer, closed(SCHEMAS[schema_of(words)]))
        return answer

    def run(self, *words: str, **more):
        return self.machine.run(*words, cwd=self.root, **more)

    def fails(self, *words: str, code: int = 1) -> str:
        return self.machine.fails(*words, cwd=self.root, code=code)

    def asked(self, port: int):
        """Ask a service of :data:`SERVER`, which may just have been started."""
        end = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                    return json.load(answer)
            except urllib.error.URLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    @property
    def low(self) -> int:
        return int(self.ports.partition("-")[0])

    def everything(self) -> dict[str, bytes]:
        """All files of the node but those that say who may deploy at the moment."""
        return {
            str(p.relative_to(self.node)): p.read_bytes()
            for p in sorted(self.node.rglob("*"))
            if p.is_file() and not p.name.startswith(("lease.", "turn."))
        }


@pytest.fixture
def site(machine, tmp_path) -> Iterator[Site]:
    root = tmp_path / "project"
    root.mkdir()
    (root / "serve.py").write_text(SERVER)
    made = Site(machine, root, tmp_path / "node")
    yield made
    for recipe in sorted((made.node / "recipes").glob("*")) if made.node.exists() else []:
        if (recipe / "current").exists():
            made.run("node", "down", recipe.name, "here")
