"""A registry in a git repository: a revision, a directory in it, and versions by tags."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stead.modules.registry import opening
from stead.modules.registry.building import build
from stead.values.errors import ManifestError, NetworkError, RegistryError
from stead.values.frozen import replace
from stead.values.registry import Registry


@pytest.fixture
def repository(put, tmp_path, context):
    """Give what commits an item of a version, and tags it."""
    root = put("tiny")

    def git(*words):
        done = subprocess.run(
            ["git", *words],
            cwd=root,
            env=context.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "-q", "-b", "main")

    def commit(version="1.0", *tags, **more):
        put("tiny", version, **more)
        git("add", "-A")
        git("commit", "-qm", version, "--allow-empty")
        for tag in tags:
            git("tag", tag)
        return git("rev-parse", "HEAD")

    commit.root, commit.git = root, git
    return commit


def source(repository, context, revision="", **more):
    location = more.pop("location", repository.root.as_uri())
    return opening.opened(Registry("team", "git", location, revision, **more), context)


def test_items_come_from_a_repository(repository, context):
    first = repository("1.0")
    team = source(repository, context)
    assert [(s.name, s.version) for s in team.items()] == [("tiny", "1.0")]
    assert team.item("tiny").files[0].content == b"VERSION = '1.0'\n"
    assert team.commit == first


def test_a_revision_and_a_directory_may_be_named(repository, context, put, tmp_path):
    old = repository("1.0", "v1")
    repository("2.0")
    assert source(repository, context, "v1").item("tiny").version == "1.0"
    assert source(repository, context, old).item("tiny").version == "1.0"
    assert source(repository, context, "main").item("tiny").version == "2.0"
    put("deep", registry="registry/sub/dir")
    repository("2.1")
    team = source(repository, context, subdirectory="sub/dir")
    assert [s.name for s in team.items()] == ["deep"]
    relative = source(
        repository, context, location=os.path.relpath(repository.root, tmp_path), base=str(tmp_path)
    )
    assert [s.name for s in relative.items()] == ["tiny"]


@pytest.mark.parametrize("tag", ["v1.0", "1.0", "tiny-1.0", "tiny-v1.0"])
def test_an_older_version_is_where_it_is_tagged(repository, context, tag):
    old = repository("1.0", tag)
    repository("2.0")
    team = source(repository, context)
    assert team.item("tiny").version == "2.0"
    assert team.item("tiny", "1.0").version == "1.0"
    assert team.commit == old


def test_a_tag_that_means_another_version_is_told(repository, context):
    repository("1.3", "v1.0")
    repository("2.0")
    with pytest.raises(RegistryError, match=r"no tiny 1\.0") as caught:
        source(repository, context).item("tiny", "1.0")
    assert "at v1.0" in caught.value.details[0]
    with pytest.raises(RegistryError, match=r"no tiny 1\.7") as caught:
        source(repository, context).item("tiny", "1.7")
    assert "no tag v1.7" in caught.value.details[0]


def test_what_is_no_version_is_a_revision(repository, context):
    old = repository("1.0", "stable")
    repository("2.0")
    team = source(repository, context)
    assert team.item("tiny", "stable").version == "1.0"
    assert team.item("tiny", old).version == "1.0"
    with pytest.raises(
        ManifestError, match=r"registry team: .* has no revision stabel; did you mean"
    ):
        team.item("tiny", "stabel")


def test_a_repository_may_hold_a_built_registry(repository, context, tmp_path):
    repository("1.0")
    build(str(repository.root), str(tmp_path / "out"))
    repository("1.1")
    build(str(repository.root), str(tmp_path / "out"))
    (tmp_path / "out").rename(repository.root / "out")
    commit = repository("1.1")
    team = source(repository, context, subdirectory="out")
    assert team.items()[0].versions == ("1.1", "1.0")
    assert team.item("tiny", "1.0").version == "1.0"
    assert team.commit == commit


def test_a_repository_that_is_gone_counts_as_it_was(repository, context, notes):
    repository("1.0")
    source(repository, context).item("tiny")
    repository.root.rename(repository.root.with_name("away"))
    team = source(repository, context)
    assert team.item("tiny").version == "1.0"
    assert any("counts as it was" in said for said in notes.said)
    notes.said.clear()
    assert source(repository, replace(context, offline=True)).item("tiny").version == "1.0"
    assert notes.said == []
    with pytest.raises(NetworkError, match="registry team could not be fetched"):
        source(repository, context, "other").item("tiny")


def test_what_a_registry_was_is_not_collected_while_it_is_asked(repository, context):
    from stead.pipeline.checkouts import checkouts_in_use

    repository("1.0")
    source(repository, context).item("tiny")
    there = {p.name for p in (context.home / "modules").iterdir()}
    assert there
    now = context.now()
    assert there <= checkouts_in_use(context.home, now=now)
    assert not there & checkouts_in_use(context.home, now=now + 200 * 86400)


def test_a_link_in_a_repository_brings_nothing_of_this_machine(repository, context, tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    os.symlink(tmp_path / "private", repository.root / "tiny" / "files" / "keys")
    repository("1.0")
    with pytest.raises(RegistryError, match="'keys' is a link"):
        source(repository, context).item("tiny")


@pytest.mark.parametrize("location", ["ext::sh -c true", "--upload-pack=true"])
def test_an_address_starts_no_program(repository, context, location):
    with pytest.raises(ManifestError, match="registry team"):
        source(repository, context, location=location).items()


@pytest.fixture
def forge(repository, tmp_path):
    """Serve the repository by git's own protocol over http, to who has the password."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        leads = ""

        def log_message(self, *args):
            pass

        def do_GET(self):
            self._answer(b"")

        def do_POST(self):
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body):
            who = self.headers.get("Authorization", "")
            asked.append((self.path, who))
            if Handler.leads:
                self.send_response(302)
                self.send_header("Location", Handler.leads + self.path)
                self.end_headers()
                return
            if who != "Basic " + base64.b64encode(b"token:s3cr3t").decode():
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            done = subprocess.run(
                ["git", "http-backend"],
                input=body,
                capture_output=True,
                check=True,
                env={
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(repository.root.parent),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "safe.directory",
                    "GIT_CONFIG_VALUE_0": "*",
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                },
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            self.send_response(200)
            for line in head.decode().split("\r\n"):
                name, _, value = line.partition(": ")
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    Handler.asked, Handler.url = asked, f"http://127.0.0.1:{server.server_address[1]}"
    yield Handler
    server.shutdown()
    server.server_close()
    thread.join()


def test_git_is_told_who_asks_and_tells_nobody_else(repository, context, forge):
    repository("1.0")
    location = f"{forge.url}/registry/.git"
    with pytest.raises(NetworkError, match="registry team could not be fetched"):
        source(repository, context, location=location).items()
    login = {"STEAD_REGISTRY_TEAM_TOKEN": "s3cr3t"}
    knowing = replace(context, environ={**context.environ, **login})
    assert source(repository, knowing, location=location).item("tiny").version == "1.0"
    # What the person's own variables configure still counts: here, where the address leads.
    own = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{forge.url}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://parts.invalid/",
    }
    led = replace(context, environ={**context.environ, **login, **own}, home=context.home / "2")
    away = source(repository, led, location="https://parts.invalid/registry/.git")
    with pytest.raises(NetworkError) as caught:
        away.items()
    assert forge.url in "\n".join(caught.value.details)  # led there, as nobody: another origin
    for parent, _, files in os.walk(context.home):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                assert b"s3cr3t" not in file.read(), name


def test_a_login_for_git_stays_with_its_origin(repository, context, forge, elsewhere):
    repository("1.0")
    knowing = replace(context, environ={**context.environ, "STEAD_REGISTRY_TEAM_TOKEN": "s3cr3t"})
    forge.leads = elsewhere.url
    with pytest.raises(NetworkError) as caught:
        source(repository, knowing, location=f"{forge.url}/registry/.git").items()
    assert "s3cr3t" not in str(caught.value)
    assert elsewhere.asked == []
    assert any(who for _, who in forge.asked)
