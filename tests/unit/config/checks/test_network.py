"""Ports and URLs, with real servers on this machine."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import http.server
import socket
import ssl
import threading
import urllib.error

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stead.config.checks.bounds import MistakeError
from stead.config.checks.network import opener_for


@contextlib.contextmanager
def listening(family=socket.AF_INET, host="127.0.0.1", backlog=5):
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((host, 0))
        server.listen(backlog)
        yield server.getsockname()[1]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/200")
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
        else:
            digits = self.path.strip("/")
            self.send_response(int(digits) if digits.isdigit() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine's own for ``localhost``, with its key, in one file."""
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
    plain = serialization.NoEncryption()
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return str(file)


@pytest.fixture
def at(web):
    return f"http://127.0.0.1:{web.server_port}"


class TestPort:
    def test_one_that_listens(self, see):
        with listening() as port:
            assert see("port", f"127.0.0.1:{port}").ok
            assert see("port", f"localhost:{port}").ok
            assert see("port", str(port)).ok

    def test_one_of_ipv6(self, see):
        with listening(socket.AF_INET6, "::1") as port:
            result = see("port", f"[::1]:{port}")
            assert result.ok
            assert f"[::1]:{port}" in result.message

    def test_nobody_listens(self, see):
        port = free_port()
        result = see("port", f"127.0.0.1:{port}")
        assert not result.ok
        assert f"nothing listens at 127.0.0.1:{port} (connection refused)" in result.message
        assert "start it" in result.remedy

    def test_no_host_of_that_name(self, see):
        result = see("port", "no-such-host.invalid:80", timeout="2s")
        assert "there is no host no-such-host.invalid" in result.message

    def test_one_that_does_not_answer(self, see):
        with listening(backlog=0) as port, contextlib.ExitStack() as stack:
            for _ in range(4):  # the kernel lets no more wait than these
                one = stack.enter_context(socket.socket())
                one.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    one.connect(("127.0.0.1", port))
            result = see("port", f"127.0.0.1:{port}", timeout="200ms")
        assert not result.ok
        assert "within 0.2 s" in result.message


class TestUrl:
    def test_one_that_answers(self, see, at, web):
        assert see("url", at).ok
        assert see("url", f"{at}/health?full=1", expect="200").ok
        assert web.seen[-1][0] == "/health?full=1"

    @pytest.mark.parametrize(
        ("path", "expect", "ok"),
        [
            ("204", "", True),
            ("404", "", False),
            ("503", "", False),
            ("404", "404", True),
            ("401", "200, 401", True),
            ("204", "2xx", True),
            ("200", "3xx", False),
            ("moved", "", True),
            ("moved", "302", True),
            ("moved", "200", True),
        ],
    )
    def test_the_status_is_compared(self, see, at, path, expect, ok):
        assert see("url", f"{at}/{path}", expect=expect).ok is ok

    def test_what_was_answered_is_said(self, see, at):
        result = see("url", f"{at}/503", expect="200")
        assert result.message == f"{at}/503 answers 503, and 200 is expected"

    def test_no_redirection_leads_to_a_file(self, see, at):
        assert "leads nowhere" in see("url", f"{at}/away").message

    def test_nor_round_and_round(self, see, at):
        assert "leads nowhere" in see("url", f"{at}/round").message

    def test_a_name_and_password_are_sent_and_not_shown(self, see, at, web):
        url = at.replace("//", "//ann:pa%40ss@") + "/404?token=planted"
        result = see("url", url)
        sent = web.seen[-1][1]["Authorization"]
        assert sent == "Basic " + base64.b64encode(b"ann:pa@ss").decode()
        assert "ss" not in result.message.replace("answers", "")
        assert "planted" not in result.message

    def test_nothing_answers(self, see):
        result = see("url", f"http://127.0.0.1:{free_port()}/")
        assert "nothing answers at" in result.message

    def test_something_else_than_http_answers(self, see):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def speak():
                one, _ = server.accept()
                with one:
                    one.recv(65536)
                    one.sendall(b"SSH-2.0-nothing\r\n\r\n")

            thread = threading.Thread(target=speak)
            thread.start()
            result = see("url", f"http://127.0.0.1:{server.getsockname()[1]}/")
            thread.join()
        assert not result.ok
        assert "does not speak HTTP" in result.message

    def test_a_server_that_says_nothing(self, see):
        with listening() as port:
            result = see("url", f"http://127.0.0.1:{port}/", timeout="200ms")
        assert "does not answer within 0.2 s" in result.message

    def test_no_tls_where_it_is_asked_for(self, see, at):
        result = see("url", at.replace("http:", "https:"))
        assert "does not speak TLS" in result.message

    def test_a_certificate_is_trusted_only_where_the_process_would(self, see, web, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        web.socket = context.wrap_socket(web.socket, server_side=True)
        url = f"https://localhost:{web.server_port}/200"
        result = see("url", url)
        assert "the certificate of" in result.message
        assert "SSL_CERT_FILE" in result.remedy
        assert see("url", url, environ={"SSL_CERT_FILE": certificate}).ok
        missing = see("url", url, environ={"SSL_CERT_FILE": "/no/such.pem"})
        assert "/no/such.pem" in missing.message

    def test_certificates_may_be_read_when_they_are_needed(self, web, at, certificate):
        def ask(url, file):
            opener = opener_for({"SSL_CERT_FILE": file}, "localhost", redirected=True, later=True)
            with opener.open(url, timeout=5) as answer:
                return answer.status

        assert ask(f"{at}/200", "/no/such.pem") == 200
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        web.socket = context.wrap_socket(web.socket, server_side=True)
        url = f"https://localhost:{web.server_port}/200"
        assert ask(url, certificate) == 200
        with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
            ask(url, "")
        with pytest.raises(MistakeError, match=r"/no/such\.pem"):
            ask(url, "/no/such.pem")

    def test_the_processs_own_proxy_is_used(self, see, web, at):
        environ = {"http_proxy": at}
        assert see("url", "http://inside.invalid/200", environ=environ).ok
        assert web.seen[-1][0] == "http://inside.invalid/200"
        environ["NO_PROXY"] = ".invalid"
        assert not see("url", "http://inside.invalid/200", environ=environ, timeout="2s").ok

    def test_a_servers_url_is_connected_to(self, see):
        with listening() as port:
            assert see("url", f"postgresql+psycopg://a:planted@127.0.0.1:{port}/db").ok
        result = see("url", f"redis://:planted@127.0.0.1:{free_port()}/0")
        assert not result.ok
        assert "planted" not in str(result)
