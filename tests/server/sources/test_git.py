"""Git repositories as sources of specifications, by the real git."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.server.sources.kinds import IN_BOTH

from stead.server.sources.declared import repository
from stead.server.sources.git import Credential
from stead.server.values import ServerError

pytestmark = pytest.mark.needs("git")


def spec(package, name=""):
    head = f"name: {name}\n" if name else ""
    return f"{head}channels: [http://127.0.0.1:18090]\ndependencies: [{package}]\n"


class GitServer:
    """Serves repositories by git's own program over HTTP, to who shows the right password."""

    def __init__(self, root, user="", password=""):
        self.asked = []
        self.away = False
        outer = self
        wanted = base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.asked.append(self.headers.get("Authorization"))
                if outer.away:
                    self.send_error(503)
                    return
                if wanted and self.headers.get("Authorization") != f"Basic {wanted}":
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                path, _, query = self.path.partition("?")
                env = os.environ | {
                    "GIT_PROJECT_ROOT": str(root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "safe.directory",
                    "GIT_CONFIG_VALUE_0": "*",
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                }
                length = int(self.headers.get("Content-Length") or 0)
                done = subprocess.run(
                    ["git", "http-backend"],
                    input=self.rfile.read(length),
                    env=env,
                    capture_output=True,
                    check=True,
                )
                head, _, body = done.stdout.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self.send_response(int(headers.pop("Status", "200").split()[0]))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server's word

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def following(place, repo_or_url, **more):
    url = getattr(repo_or_url, "path", repo_or_url)
    table = {"url": str(url), "namespace": "team", "interval": 1} | more
    return place.running(git=(table,))


@IN_BOTH
def test_a_branch_is_followed_and_the_commit_stands_in_the_build(place, repo):
    first = repo.commit(
        envs__web_yml=spec("tiny"), envs__deep__jobs_yml=spec("other"), docs_yml="a: 1"
    )
    with following(place, repo, branch="main", directory="envs"):
        place.eventually(lambda: place.source().state.get("commit") == first)
        assert place.asked() == [("jobs", "other"), ("web", "tiny")]
        build = place.file("web.yml")["build"]
        line = f"from file://{repo.path}, commit {first}, file web.yml\n"
        assert place.log(build) == line
        # What is on another branch, or does not change a file, builds nothing.
        repo.git("checkout", "-q", "-b", "side")
        repo.commit(envs__web_yml=spec("wide"))
        repo.git("checkout", "-q", "main")
        second = repo.commit(docs_yml="a: 2")
        place.eventually(lambda: place.source().state["commit"] == second)
        assert len(place.asked()) == 2
        # A branch that is put somewhere else, without a common history, is followed too.
        repo.git("checkout", "-q", "--orphan", "anew")
        third = repo.commit(envs__web_yml=spec("third"), envs__deep__jobs_yml=None)
        repo.git("branch", "-q", "-M", "main")
        place.eventually(lambda: place.source().state["commit"] == third)
        assert place.asked()[2:] == [("web", "third")]
        assert place.file("deep/jobs.yml")["gone"]
    # A restart fetches again, and builds nothing again.
    before = place.known()
    with following(place, repo, branch="main", directory="envs"):
        fourth = repo.commit()
        place.eventually(lambda: place.source().state["commit"] == fourth)
    assert place.known() == before
    assert os.listdir(place.root / "data" / "sources") == []


def test_a_tag_and_a_pattern_choose_and_what_is_no_file_is_left_alone(place, repo):
    (repo.path / "link.yml").symlink_to("/etc/passwd")
    repo.commit(a_yml=spec("tiny"), b_yml="dependencies: [", c_yml=spec("other"))
    repo.git("tag", "-a", "-m", "one", "v1")
    repo.commit(a_yml=spec("wide"))
    with following(place, repo, tag="v1", glob="*[abk].yml"):
        place.eventually(lambda: place.source().state.get("commit"))
    assert place.asked() == [("a", "tiny")]
    assert "link.yml" not in place.known()
    assert "Invalid YAML" in place.reason("b.yml")


@IN_BOTH
def test_a_repository_that_cannot_be_had_is_told_of_and_asked_for_again(place, repo):
    commit = repo.commit(web_yml=spec("tiny"))
    away = repo.path.with_name("away")
    repo.path.rename(away)
    with following(place, repo):
        place.eventually(lambda: place.source().state.get("failures", 0) >= 2)
        assert str(repo.path) in place.source().state["error"]
        away.rename(repo.path)
        place.eventually(lambda: place.source().state.get("commit") == commit)
        assert (place.source().state["error"], place.source().state["failures"]) == (None, 0)
        assert place.asked() == [("web", "tiny")]
        # An unknown branch says so; what was built stays.
        repo.git("branch", "-q", "-M", "other")
        repo.git("checkout", "-q", "--orphan", "empty")
        repo.git("branch", "-q", "-D", "other")
        place.eventually(lambda: place.source().state["error"])
    assert place.source().state["commit"] == commit


def test_a_password_is_shown_to_its_server_alone_and_stands_nowhere(place, repo, capfd, caplog):
    caplog.set_level("INFO")
    commit = repo.commit(web_yml=spec("tiny"))
    with GitServer(repo.path.parent, "ann", "s3cret:pass") as server:
        url = f"http://{server.host}/repo/.git"
        place.secrets["git_credentials.http://other.example"] = "bob:wr0ng"
        with following(place, url):
            place.eventually(lambda: place.source().state.get("failures"))
        assert "could not read Username" in place.source().state["error"]
        assert {one for one in server.asked if one} == set()
        place.secrets[f"git_credentials.{server.host}"] = "ann:s3cret:pass"
        with following(place, url):
            place.eventually(lambda: place.source().state.get("commit") == commit)
            server.away = True
            place.eventually(lambda: "503" in (place.source().state["error"] or ""))
            server.away = False
            place.eventually(lambda: place.source().state["error"] is None)
    assert place.asked() == [("web", "tiny")]
    dump = "\n".join(str(row) for row in place.rows("SELECT state, location FROM source"))
    dump += str(place.known())
    dump += "\n".join(str(row) for row in place.rows("SELECT data FROM event"))
    told = dump + caplog.text + "".join(capfd.readouterr()) + place.log(1)
    assert "s3cret" not in told


@IN_BOTH
def test_a_call_has_it_fetched_now(place, repo):
    from stead.server.database import sources

    repo.commit(web_yml=spec("tiny"))
    with following(place, repo, interval=3600):
        place.eventually(lambda: place.source().state.get("commit"))
        second = repo.commit(web_yml=spec("wide"))
        with place.services.database.begin() as connection:
            assert sources.ask(connection, place.source().id)
        place.eventually(lambda: place.source().state["commit"] == second)
        place.eventually(lambda: place.source().state["answered"] == place.source().state["asked"])


def test_what_was_named_by_a_call_is_worked_on_by_any_server(place, repo):
    from stead.server.database import namespaces, sources

    commit = repo.commit(web_yml=spec("tiny"))
    with place.running():
        with place.services.database.begin() as connection:
            home = namespaces.get(connection, "team").id
            made = sources.put(connection, home, "git", {"url": f"file://{repo.path}"})
            sources.set_state(connection, made.id, {"called": True})
        place.eventually(lambda: place.source().state.get("commit") == commit)
        with place.services.database.begin() as connection:
            sources.remove(connection, made.id)
    assert place.asked() == [("web", "tiny")]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"url": "ext::sh -c id"}, "cannot be asked for by ext"),
        ({"url": "https://ann:pw@git.example/a.git"}, "a password does not belong"),
        ({"url": "https://git.example/a.git", "branch": "--upload-pack=x"}, "cannot be a branch"),
        (
            {"url": "https://git.example/a.git", "branch": "a", "tag": "b"},
            "either a branch or a tag",
        ),
        ({"url": "https://git.example/a.git", "directory": "../x"}, "leads out"),
        ({"url": "https://git.example/a.git", "interval": "often"}, "must be a number"),
        ({"url": "https://git.example/a.git", "interval": 0.1}, "at least 1"),
        ({"url": "https://git.example/a.git", "brunch": "x"}, "means nothing here"),
        ({"url": ""}, "needs 'url'"),
    ],
)
def test_what_cannot_be_a_repository_is_refused(table, told):
    with pytest.raises(ServerError, match=told):
        repository({"namespace": "team"} | table)


def test_what_others_name_is_no_directory_of_this_machine():
    table = {"namespace": "team", "url": "/srv/envs.git"}
    assert repository(table).location == {"url": "file:///srv/envs.git"}
    with pytest.raises(ServerError, match="cannot be asked for by file"):
        repository(table, remote=True)
    table["url"] = "git@git.example:team/envs.git"
    assert repository(table, remote=True).location["url"] == "ssh://git@git.example/team/envs.git"


def test_a_credential_is_for_its_address_alone():
    one = Credential("https://git.example/team", "x")
    assert one.admits("https://git.example/team/a.git")
    assert one.admits("https://ann@git.example/team/a.git")
    for other in (
        "https://git.example/teammates/a.git",
        "http://git.example/team/a.git",
        "https://git.example.org/team/a.git",
        "https://git.example@evil.example/team/a.git",
        "https://git.example:444/team/a.git",
        "ssh://git.example/team/a.git",
    ):
        assert not one.admits(other), other
    assert "x" not in repr(one).replace("address", "").replace("example", "")
