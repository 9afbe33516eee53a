"""The proxy of a child by itself: what it hands on, what it refuses, whom else it asks."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from stead.server.engine.guard import can_ask
from stead.server.engine.reasons import Failure, Kind
from stead.testing.network import Network
from stead.values.errors import StoreError

pytestmark = [
    pytest.mark.needs("ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make networks"),
]

PUBLIC, PRIVATE = "9.9.9.9", "10.1.2.3"
GUARD = """
import json, os, sys
from stead.server.engine.reasons import Failure
from stead.server.engine import guard, relaying
for name in {"LEAVING", "CONNECTING", "ANSWERING"} & {*os.environ}:
    setattr(guard if name == "ANSWERING" else relaying, name, float(os.environ[name]))
made = guard.Guard(os.environ)
print(made.url, flush=True)
print(json.dumps(made.variables()), flush=True)
for line in sys.stdin:
    print(json.dumps(made.told(Failure.of_json(json.loads(line))).to_json()), flush=True)
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    pages = tmp_path_factory.mktemp("pages")
    (pages / "x").write_text("found")
    with Network(tmp_path_factory.mktemp("network")) as made:
        made.public = made.serve(pages, PUBLIC)
        made.private = made.serve(pages, PRIVATE)
        made.here = made.serve(pages, "127.0.0.1")
        made.names["c.example.org"] = [[PUBLIC]]
        made.names["p.example.org"] = [[PUBLIC, PRIVATE]]
        yield made


@contextlib.contextmanager
def guarded(network, **variables):
    """Have a guard in the network; gives a function that sends it text and gives what comes."""
    with subprocess.Popen(
        [*network.within, sys.executable, "-u", "-c", GUARD],
        env={"PATH": os.environ["PATH"], **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        address, _, port = process.stdout.readline().strip().rpartition(":")
        assert address == "http://127.0.0.1"
        variables = json.loads(process.stdout.readline())

        def send(*texts: str) -> str:
            """Send each text once the one before it is answered; gives all that came."""
            said = b""
            with network.connect(int(port)) as asking:
                asking.settimeout(60)
                for text in texts:
                    asking.sendall(text.encode())
                    if text is not texts[-1]:
                        said += asking.recv(65536)
                while content := asking.recv(65536):
                    said += content
            return said.decode()

        def told(failure: Failure) -> Failure:
            """Ask how a failure is told."""
            process.stdin.write(json.dumps(failure.to_json()) + "\n")
            process.stdin.flush()
            # Before it stands the log, which has what is refused.
            line = next(line for line in process.stdout if line.startswith("{"))
            return Failure.of_json(json.loads(line))

        send.port = int(port)
        send.variables = variables
        send.told = told
        try:
            yield send
        finally:
            process.stdin.close()


@pytest.fixture(scope="module")
def send(network):
    with guarded(network) as made:
        yield made


@pytest.mark.parametrize("host", [PUBLIC, "c.example.org"])
def test_a_request_and_a_tunnel_are_handed_on(network, send, host):
    assert send(f"GET http://{host}/x HTTP/1.1\r\nHost: {host}\r\n\r\n").endswith("found")
    said = send(f"CONNECT {host}:80 HTTP/1.1\r\n\r\n", "GET /x HTTP/1.0\r\n\r\n")
    assert said.startswith("HTTP/1.1 200 ")
    assert said.endswith("found")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "[::1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "0x7f.1", "2130706433"),
        *("0.0.0.0", "localhost", "store", "p.example.org"),
    ],
)
def test_what_is_private_is_refused_with_a_reason(network, send, host):
    for text in (f"GET http://{host}/x HTTP/1.1\r\n\r\n", f"CONNECT {host}:80 HTTP/1.1\r\n\r\n"):
        said = send(text)
        assert said.startswith("HTTP/1.1 403 ")
        assert "private address" in said
        assert host in said
    assert network.here.requests == []


def test_what_was_looked_at_is_what_is_connected_to(network, send):
    network.names["r.example.org"] = [[PUBLIC], [PRIVATE]]
    network.private.requests.clear()
    text = "GET http://r.example.org/x HTTP/1.1\r\n\r\n"
    assert send(text).endswith("found")
    assert network.asked.count("r.example.org") == 1
    assert send(text).startswith("HTTP/1.1 403 ")
    assert network.private.requests == []


def test_a_second_request_goes_nowhere_else(network, send):
    first = f"GET http://{PUBLIC}/x HTTP/1.1\r\nHost: {PUBLIC}\r\n\r\n"
    assert "found" in send(first + "GET http://127.0.0.1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert network.here.requests == []


def test_a_connection_is_for_one_request_though_its_server_would_go_on(network):
    asked, gone = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["Host"], content))
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.send_header("Connection", "keep-alive")
            self.end_headers()
            self.wfile.write(b"found")
            self.close_connection = False

        def finish(self) -> None:
            super().finish()
            gone.set()

    network.run(Handler, network.listen(PUBLIC, 8080))
    text = f"POST http://{PUBLIC}:8080/a HTTP/1.1\r\nHost: other\r\nContent-Length: 4\r\n\r\nbody"
    with guarded(network, LEAVING="0.5") as send, network.connect(send.port) as asking:
        asking.sendall(text.encode())
        said = b""
        while not said.endswith(b"found"):
            said += asking.recv(65536)
        assert b"Connection: close\r\n" in said
        assert b"keep-alive" not in said
        asking.sendall(text.replace(PUBLIC, PRIVATE).encode())
        asking.shutdown(socket.SHUT_WR)
        # A server that stays is left soon after whoever asked has gone.
        assert gone.wait(60)
    assert asked == [("/a", f"{PUBLIC}:8080", b"body")]


@pytest.mark.parametrize(
    "headers", ["Transfer-Encoding: chunked", "Content-Length: 1\r\nContent-Length: 2", "a\nb: c"]
)
def test_a_request_whose_end_is_not_known_is_not_handed_on(network, send, headers):
    network.public.requests.clear()
    said = send(f"POST http://{PUBLIC}/x HTTP/1.1\r\n{headers}\r\n\r\n0\r\n\r\n")
    assert said.startswith("HTTP/1.1 400 ")
    assert network.public.requests == []


def test_reasons_have_no_secrets(send):
    said = send("GET http://us:er@127.0.0.1/t/token/c?key=secret HTTP/1.1\r\n\r\n")
    assert said.startswith("HTTP/1.1 403 ")
    assert "http://127.0.0.1/c lies on" in said
    said = send("CONNECT us:er@127.0.0.1:443 HTTP/1.1\r\n\r\n")
    assert "127.0.0.1:443 lies on" in said
    assert "er@" not in said


def test_an_address_that_does_not_answer_keeps_nobody_from_the_next(network):
    silent = "9.9.9.11"
    network.listen(silent).close()
    full = network.inside(lambda: socket.create_server((silent, 80), backlog=0))
    network.names["s.example.org"] = [[silent, PUBLIC]]
    with full, network.connect(80, silent), guarded(network, CONNECTING="3600") as send:
        assert send("GET http://s.example.org/x HTTP/1.1\r\n\r\n").endswith("found")


def test_a_name_that_nobody_answers_for_keeps_nobody_from_others(network):
    text = "GET http://dead.example.org/x HTTP/1.1\r\n\r\n"
    with guarded(network) as send, guarded(network, ANSWERING="0.1") as quick:
        network.silent = threading.Event()
        try:
            with contextlib.ExitStack() as stack:
                waiting = [stack.enter_context(network.connect(send.port)) for _ in range(20)]
                for one in waiting:
                    one.sendall(text.encode())
                assert send(f"GET http://{PUBLIC}/x HTTP/1.1\r\n\r\n").endswith("found")
                assert "dead.example.org has not resolved within" in quick(text)
                network.silent.set()
                assert {one.recv(65536)[:13] for one in waiting} == {b"HTTP/1.1 502 "}
        finally:
            network.silent.set()
            network.silent = None


def test_what_is_no_request_is_told_so(send):
    for text in (
        "GET /x HTTP/1.1\r\n\r\n",
        "GET ftp://9.9.9.9/x HTTP/1.1\r\n\r\n",
        "CONNECT 9.9.9.9:port HTTP/1.1\r\n\r\n",
        "GET http://[/ HTTP/1.1\r\n\r\n",
        "nothing\r\n\r\n",
    ):
        assert send(text).startswith("HTTP/1.1 400 ")
    assert send("GET http://none.example.org/ HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 502 ")
    assert send(f"CONNECT {PUBLIC}:81 HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 502 ")


def test_other_users_of_the_machine_get_nothing(network, send):
    network.public.requests.clear()
    for line in (f"GET http://{PUBLIC}/x HTTP/1.1", f"CONNECT {PUBLIC}:80 HTTP/1.1"):
        asking = network.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        with asking:
            os.fchown(asking.fileno(), 65534, 65534)
            asking.connect(("127.0.0.1", send.port))
            asking.sendall(f"{line}\r\n\r\n".encode())
            assert asking.recv(65536).startswith(b"HTTP/1.1 403 ")
    assert network.public.requests == []


@pytest.mark.needs("git")
def test_a_proxy_in_the_machines_settings_of_git_is_not_asked(network, tmp_path):
    with guarded(network) as send:
        settings = tmp_path / "gitconfig"
        settings.write_text(f"[http]\n\tproxy = http://{PRIVATE}:80\n")
        network.private.requests.clear()
        own = {"PATH": os.environ["PATH"], "GIT_CONFIG_SYSTEM": str(settings), **send.variables}
        done = subprocess.run(
            [*network.within, "git", "ls-remote", "http://127.0.0.1/x.git"],
            check=False,
            env=own,
            capture_output=True,
            text=True,
        )
    assert "403" in done.stderr
    assert network.private.requests == []


def test_nobody_else_is_listened_to(network, send):
    for address in (PUBLIC, "::1"):
        with pytest.raises(OSError, match="refused"):
            network.connect(send.port, address)


def test_the_workers_own_proxy_gets_its_credentials_and_what_is_not_excepted(network):
    heads = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            credentials = self.headers.get_all("Proxy-Authorization")
            heads.append((self.command, self.path, credentials, self.headers["Via"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"by the proxy")

        def do_CONNECT(self) -> None:
            self.do_GET()

    network.run(Handler, network.listen(PRIVATE, 3128))
    network.asked.clear()
    proxy = f"http://us%65r:secret@{PRIVATE}:3128"
    variables = {"HTTP_PROXY": proxy, "https_proxy": proxy, "no_proxy": f"other.org,{PUBLIC}"}
    with guarded(network, **variables) as send:
        text = (
            "GET http://far.example.org/x?y HTTP/1.1\r\nVia: a\r\nProxy-Authorization: own\r\n\r\n"
        )
        assert send(text).endswith("by the proxy")
        assert send("CONNECT far.example.org:443 HTTP/1.1\r\n\r\n").endswith("by the proxy")
        basic = ["Basic dXNlcjpzZWNyZXQ="]
        assert heads == [
            ("GET", "http://far.example.org/x?y", basic, "a"),
            ("CONNECT", "far.example.org:443", basic, None),
        ]
        # Names are that one's; how something is written is looked at here.
        assert network.asked == []
        assert send("CONNECT localhost:443 HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 403 ")
        # What was judged is what is asked for, not what others may read in it.
        said = send(f"GET http://{PRIVATE}\\@far.example.org:81/x HTTP/1.1\r\n\r\n")
        assert said.endswith("by the proxy")
        assert heads.pop()[1] == "http://far.example.org:81/x"
        assert send(f"GET http://{PUBLIC}/x HTTP/1.1\r\n\r\n").endswith("found")
        assert len(heads) == 2


def test_the_workers_own_index_and_mirror_are_asked_wherever_they_are(network):
    for name in ("UV_DEFAULT_INDEX", "UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL"):
        with guarded(network, **{name: f"http://{PRIVATE}/mirror"}) as send:
            assert send(f"GET http://{PRIVATE}/x HTTP/1.1\r\n\r\n").endswith("found")
            for place in ("127.0.0.1", f"{PRIVATE}:81"):
                said = send(f"GET http://{place}/x HTTP/1.1\r\n\r\n")
                assert said.startswith("HTTP/1.1 403 ")


PAGE = f"http://{PRIVATE}/simple/leaf/"


@pytest.mark.parametrize(
    ("text", "kind", "info", "forbidden"),
    [
        (f"GET {PAGE}", "package", f"403 Forbidden for url ({PAGE})", True),
        (f"GET {PAGE}", "network", f"unable to access 'http://{PRIVATE}/'", True),
        (f"GET {PAGE}", "network", "http://c.example.org/x asks for credentials (403)", True),
        (f"GET {PAGE}", "unsatisfiable", "leaf was not found in the package registry", True),
        (f"CONNECT {PRIVATE}:443", "network", "Request failed after 3 retries", True),
        # Something else went wrong, which may be otherwise another time, or is to be mended.
        (f"GET {PAGE}", "network", "http://c.example.org/x did not answer", False),
        (f"GET {PAGE}", "network", f"http://{PRIVATE}4/x did not answer", False),
        (f"GET {PAGE}", "package", "x-1.0-0.conda has another sha256", False),
        (f"GET {PAGE}", "unsatisfiable", "no index has a package 'leaflet'", False),
        (f"GET {PAGE}", "memory", f"no memory for {PAGE}", False),
        (f"GET {PAGE}", "store", "no space left on device", False),
        (f"CONNECT {PRIVATE}:443", "fault", f"KeyError: {PRIVATE}", False),
    ],
)
def test_a_failure_is_told_as_what_was_refused_where_that_may_be_why(
    network, text, kind, info, forbidden
):
    failure = Failure(Kind(kind), "it failed", info)
    with guarded(network) as send:
        assert send(f"{text} HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 403 ")
        told = send.told(failure)
    if forbidden:
        assert told.kind is Kind.FORBIDDEN
        assert f"{PRIVATE}" in told.reason
        assert told.info == f"{told.reason}\n{info}"
    else:
        assert told == failure


def test_other_kinds_of_proxies_cannot_be_asked():
    assert can_ask({})
    assert can_ask({"http_proxy": "proxy.example.org:3128", "HTTPS_PROXY": "https://p/"})
    assert not can_ask({"ALL_PROXY": "socks5h://proxy.example.org"})


@pytest.mark.parametrize("url", ["http://:3128", "http://p:port", "http://[/", "p:99999"])
def test_a_variable_that_holds_no_proxy_is_told_and_not_passed_over(url):
    with pytest.raises(StoreError, match="the worker's variable https_proxy holds no address"):
        can_ask({"HTTPS_PROXY": url})


def test_a_variable_that_holds_no_index_is_for_others_to_tell(network):
    with guarded(network, UV_DEFAULT_INDEX="http://[/", UV_PYTHON_INSTALL_MIRROR="http://p:x") as s:
        assert s(f"GET http://{PUBLIC}/x HTTP/1.1\r\n\r\n").endswith("found")


def test_a_proxy_whose_certificate_nobody_trusts_is_no_wrong_request(network, tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "p")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    form = (PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, *form))
    listening = network.listen(PUBLIC, 8443)
    listening.settimeout(60)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)

    def answer() -> None:
        with contextlib.suppress(OSError), listening:
            context.wrap_socket(listening.accept()[0], server_side=True).close()

    thread = threading.Thread(target=answer)
    thread.start()
    with guarded(network, HTTPS_PROXY=f"https://{PUBLIC}:8443") as send:
        said = send("CONNECT c.example.org:443 HTTP/1.1\r\n\r\n")
    thread.join()
    assert said.startswith("HTTP/1.1 502 ")
    assert "certificate" in said
