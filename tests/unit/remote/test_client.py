"""A server that answers, one that does not, and what is none: over real sockets."""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from stead.remote import api, following
from stead.remote import client as clients
from stead.remote.client import AnswerError, Client
from stead.remote.following import Lines
from stead.remote.logins import Server
from stead.values.errors import NetworkError, RemoteError
from stead.values.secret import Secret

OK = (200, "application/json", '{"status": "ok", "data": {"x": 1}}')


@contextmanager
def site(*answers, tls=None):
    """A server that gives these answers one after another, the last ones again and again.

    ``None`` is a connection that breaks off; a number of bytes, an answer that does so.
    """
    asked = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            asked.append((self.command, self.path, self.headers.get("Authorization"), body))
            now = left.pop(0) if len(left) > 1 else left[0]
            if now is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, kind, text, *more = now
            self.send_response(status)
            self.send_header("Content-Type", kind)
            for name, value in dict(more[0] if more else {}).items():
                self.send_header(name, value)
            if not more or "Content-Length" not in more[0]:
                self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = answer  # noqa: N815 (the library calls them so)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def tls_site(directory):
    """The same with a certificate of its own for ``localhost``; gives where that lies."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / "localhost.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with site(OK, tls=context) as (url, _):
        yield url.replace("http://127.0.0.1", "https://localhost"), str(file)


def client(url, token="stead_secret", **more):
    return Client(Server("team", url, Secret(token) if token else None), {}, **more)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(clients, "_FIRST", 0.001)
    monkeypatch.setattr(clients, "_LAST", 0.002)


def test_an_answer_is_asked_for_by_its_path_with_a_token():
    with site(OK) as (url, asked):
        assert client(url).get("api", "v1", "te am", 3, size=5, name="", tag=None) == {"x": 1}
        client(url, token="").ask("POST", ("api", "x"), body={"ä": 1})
    assert asked == [
        ("GET", "/api/v1/te%20am/3/?size=5", "Bearer stead_secret", ""),
        ("POST", "/api/x/", None, json.dumps({"ä": 1})),
    ]


@pytest.mark.parametrize(
    "away",
    [
        None,
        (503, "application/json", '{"status": "error", "message": "the database is away"}'),
        (502, "text/html", "<h1>Bad gateway</h1>"),
        (200, "application/json", '{"status"', {"Content-Length": "500"}),
    ],
)
def test_what_is_lost_is_asked_for_again_a_few_times(away):
    with site(away, away, OK) as (url, asked):
        assert client(url).get("x") == {"x": 1}
        assert len(asked) == 3
    with site(away) as (url, asked):
        with pytest.raises(NetworkError) as caught:
            client(url).get("x")
        assert len(asked) == clients.TRIES
        assert url in str(caught.value.where)
    # What would not be the same twice is not.
    with site(away) as (url, asked):
        with pytest.raises(NetworkError):
            client(url).ask("POST", ("x",), again=False)
        assert len(asked) == 1


def test_a_server_that_has_answered_is_waited_for():
    with site(OK, *[None] * 20, OK) as (url, asked):
        patient = client(url, seconds=60)
        patient.get("x")
        assert patient.get("x") == {"x": 1}
        assert len(asked) == 22


def test_a_wait_is_told_once_and_only_where_there_is_one():
    told: list[str] = []
    with site(OK, *[None] * 20, OK, *[None] * 20, OK) as (url, _):
        patient = client(url, seconds=60, waits=told.append)
        patient.get("x")
        assert told == []
        patient.get("x")
        assert len(told) == 1
        assert "cannot be asked" in told[0]
        assert "waited for, up to 60 seconds" in told[0]
        patient.get("x")
        assert len(told) == 2
    with site(OK, None, OK) as (url, _):
        patient = client(url, seconds=60, waits=told.append)
        patient.get("x")
        patient.get("x")
    with site(None) as (url, _), pytest.raises(NetworkError):
        client(url, waits=told.append).get("x")
    assert len(told) == 2


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        (("api", "v1", "build", 99), "stead remote builds"),
        (("api", "stead", "v1", "specification"), "stead remote namespace create"),
        (("api", "v1", "environment", "a", "b"), "stead remote env list"),
    ],
)
def test_what_is_missing_is_looked_for_where_it_would_be(path, remedy):
    gone = '{"status": "error", "message": "it does not exist"}'
    with site((404, "application/json", gone)) as (url, _), pytest.raises(AnswerError) as caught:
        client(url).get(*path)
    assert remedy in caught.value.remedy


def test_what_the_server_says_is_to_be_done_is_told():
    said = '{"status": "error", "message": "full", "remedy": "delete \\u001b[31msome"}'
    with site((403, "application/json", said)) as (url, _), pytest.raises(AnswerError) as caught:
        client(url).get("x")
    assert caught.value.remedy == "delete  [31msome"
    assert str(caught.value.where) == url


@pytest.mark.parametrize(
    ("status", "token", "words", "remedy"),
    [
        (400, "t", "refuses: the channel is not allowed", ""),
        (401, "t", "refuses the token that it got: the channel", "stead remote login"),
        (403, "", "refuses those who have no token", "stead remote login"),
        (403, "t", "does not allow this: the channel", "stead remote whoami"),
        (404, "t", "refuses: the channel", "stead remote env list"),
    ],
)
def test_a_refusal_has_the_servers_words(status, token, words, remedy):
    said = '{"status": "error", "message": "the channel is not \\u001b[31mallowed"}'
    with site((status, "application/json", said.replace("\\u001b[31m", ""))) as (url, asked):
        with pytest.raises(AnswerError) as caught:
            client(url, token).get("x")
        assert len(asked) == 1
    assert words in caught.value.message
    assert remedy in caught.value.remedy
    assert caught.value.status == status
    with site((status, "application/json", said)) as (url, _), pytest.raises(AnswerError) as caught:
        client(url, token).get("x")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        (200, "text/html", "<h1>Welcome to nginx</h1>"),
        (404, "text/html", "<h1>Not found</h1>"),
        (200, "application/json", '{"jsonrpc": "2.0"}'),
        (200, "application/json", "[1]"),
        (200, "application/json", "{"),
        (200, "text/plain", '{"status": "ok", "data": 1}'),
        (418, "application/json", '{"detail": "teapot"}'),
    ],
)
def test_what_is_no_store_server_is_said_to_be_none(answer):
    with site(answer) as (url, _), pytest.raises(RemoteError) as caught:
        client(url).get("x")
    assert "no store server" in caught.value.message
    assert url in str(caught.value.where)
    assert "address" in caught.value.remedy


def test_a_token_is_not_taken_elsewhere():
    with site(OK) as (other, asked):
        leads = (302, "text/plain", "", {"Location": f"{other}/y/"})
        with site(leads) as (url, _):
            with pytest.raises(RemoteError, match="leads elsewhere") as caught:
                client(url).get("x")
            assert f"{other}/y/" in caught.value.remedy
            assert asked == [("GET", "/y/", None, "")]
            put = (307, "text/plain", "", {"Location": f"{other}/y/"})
        with site(put) as (url, _), pytest.raises(RemoteError, match="leads elsewhere"):
            client(url).ask("PUT", ("x",), body={})
    assert len(asked) == 1
    within = (302, "text/plain", "", {"Location": "/y/"})
    with site(within, OK) as (url, asked):
        assert client(url).get("x") == {"x": 1}
    assert [(path, token) for _, path, token, _ in asked] == [
        ("/x/", "Bearer stead_secret"),
        ("/y/", "Bearer stead_secret"),
    ]


def test_nobody_there_is_said_at_once():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(NetworkError, match="connection refused") as caught:
        client(f"http://127.0.0.1:{port}", seconds=1000).get("x")
    assert "stead serve" in caught.value.remedy
    with pytest.raises(NetworkError, match="no host of that name"):
        client("https://nowhere.invalid").get("x")


def test_one_that_speaks_no_tls_is_named():
    with site(OK) as (url, _), pytest.raises(NetworkError, match="does not speak TLS"):
        client(url.replace("http:", "https:")).get("x")


STREAM = """\
id: 3
data: {"text": "a\\nb", "offset": 3}

: alive

id: 4
event: end
data: {"offset": 4}

"""


def test_a_stream_gives_events():
    with site((200, "text/event-stream", STREAM + 'data: {"cut": ')) as (url, asked):
        found = list(client(url).events("x", offset=0))
        assert found == [("", {"text": "a\nb", "offset": 3}), ("end", {"offset": 4})]
        assert asked[0][1:3] == ("/x/?offset=0", "Bearer stead_secret")
    for wrong in (OK, (200, "text/event-stream", "data: [1]\n\n"), (404, "text/html", "no")):
        with site(wrong) as (url, _), pytest.raises(RemoteError, match="no store server"):
            list(client(url).events("x"))


def part(text: str, offset: int, *, whole: bool = False):
    status = "COMPLETED" if whole else "BUILDING"
    data = {"text": text, "offset": offset, "status": status, "reason": None, "whole": whole}
    return (200, "application/json", json.dumps({"status": "ok", "data": data}))


def test_a_log_is_followed_by_offset_where_no_stream_comes(monkeypatch):
    monkeypatch.setattr(following, "_SHORTEST", 0.001)
    full = (429, "application/json", '{"status": "error", "message": "too many follow"}')
    half = (200, "text/event-stream", 'id: 6\ndata: {"text": "ree\\n", "offset": 10}\n\n')
    answers = [
        *(part("one\n", 4), full, part("th", 6), half),
        *(None, None, part("four", 14), full, part("", 14, whole=True)),
    ]
    told = []
    with site(*answers) as (url, asked):
        last = following.follow(client(url, seconds=60), 7, told.append)
    assert told == ["one", "three", "four"]
    assert (last.status, last.offset) == ("COMPLETED", 14)
    log = "/api/stead/v1/build/7/log/?offset="
    stream = "/api/stead/v1/build/7/log/follow/?offset="
    assert [path for _, path, _, _ in asked] == [
        *(f"{log}0", f"{stream}4", f"{log}4", f"{stream}6", f"{log}10", f"{log}10"),
        *(f"{log}10", f"{stream}14", f"{log}14"),
    ]


def test_a_certificate_of_nobodys_is_named(tmp_path):
    with tls_site(tmp_path) as (url, file):
        with pytest.raises(NetworkError, match="certificate is not trusted") as caught:
            client(url).get("x")
        assert "SSL_CERT_FILE" in caught.value.remedy
        trusting = Client(Server("team", url), {"SSL_CERT_FILE": file})
        assert trusting.get("x") == {"x": 1}


@given(st.lists(st.text(alphabet="ab\n\r")))
def test_lines_are_told_once_they_are_whole_however_they_come(pieces):
    told = []
    lines = Lines(told.append)
    for number, piece in enumerate(pieces, 1):
        lines.take(piece)
        assert told == "".join(pieces[:number]).split("\n")[:-1]
    lines.end()
    lines.end()
    whole = "".join(pieces)
    assert "\n".join(told) == whole.removesuffix("\n")


@pytest.mark.parametrize("name", ["../stead.toml", "/etc/passwd", ".bashrc", "stead.toml/../x", ""])
def test_files_of_other_names_are_refused(name):
    files = [{"name": "stead.toml", "text": "x"}, {"name": name, "text": "harm"}]
    found = {"namespace": "team", "name": "web", "kind": "stead", "files": files}
    with site((200, "application/json", json.dumps({"status": "ok", "data": found}))) as (url, _):
        with pytest.raises(RemoteError, match="no part of a specification"):
            api.files(client(url), 1)
        assert found["files"].pop()
    with site((200, "application/json", json.dumps({"status": "ok", "data": found}))) as (url, _):
        assert api.files(client(url), 1).files == (("stead.toml", "x"),)
