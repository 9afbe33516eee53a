"""Pushing to a real registry: what is missing is sent, by whoever may, and only whole images show."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.server
import json
import os
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from stead.deploy.cache import Cache
from stead.deploy.oci import layers, layout
from stead.deploy.oci.model import Base, Image, dumped
from stead.deploy.oci.names import parse
from stead.deploy.oci.registry import Registry
from stead.testing.world import make_context
from stead.values.deployment import Member
from stead.values.errors import DeployError, NetworkError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("docker-registry")

AMD = ("linux", "amd64")


def image(tmp_path: Path, *sizes: int, base: Base | None = None, seed: str = "") -> Image:
    """Make an image with layers of noise of these sizes."""
    made = []
    for number, size in enumerate(sizes):
        data = hashlib.shake_256(f"{seed}{number}".encode()).digest(size)
        member = Member(f"noise-{number}", content=data, size=size)
        by = ["noise", seed, number, size]
        made.append(layers.made(Cache(tmp_path), "noise", (member,), "", by))
    all_ = (*(base.layers if base else ()), *made)
    config = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Labels": {"seed": seed}},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in all_]},
    }
    return Image("1", all_, dumped(config), base)


def repository(name: str, tmp_path: Path, **changes) -> Registry:
    waits: list[float] = []
    context = make_context(tmp_path, **changes)
    return Registry(parse(name), context, sleep=waits.append)


def fetched(name: str) -> bytes:
    done = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.needs("skopeo")
def test_what_is_pushed_is_there_for_others(open_registry, tmp_path) -> None:
    name = f"{open_registry.host}/team/app:1"
    made = image(tmp_path, 5000, 300_000, seed="there")
    repository(name, tmp_path).push(made, "1")
    assert fetched(name) == made.manifest
    said = subprocess.run(
        ["skopeo", "copy", "--src-tls-verify=false", f"docker://{name}", f"dir:{tmp_path}/copy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr


def test_only_what_is_missing_is_sent(open_registry, tmp_path) -> None:
    name = f"{open_registry.host}/missing/app:1"
    first = image(tmp_path, 200_000, seed="a")
    assert repository(name, tmp_path).push(first, "1") > 200_000
    more = image(tmp_path, 200_000, 3000, seed="a")
    assert 3000 < repository(name, tmp_path).push(more, "2") < 6000
    assert repository(name, tmp_path).push(more, "3") < 2000


def test_a_base_in_the_same_registry_is_mounted(open_registry, tmp_path) -> None:
    host = open_registry.host
    repository(f"{host}/bases/one:1", tmp_path).push(image(tmp_path, 250_000, seed="base"), "1")
    base = repository(f"{host}/bases/one:1", tmp_path).base(AMD)
    made = image(tmp_path, 1000, base=base, seed="upon")
    sent = repository(f"{host}/apps/upon:1", tmp_path).push(made, "1")
    assert sent < 4000
    assert len(repository(f"{host}/apps/upon:1", tmp_path).base(AMD).layers) == 2


def test_a_base_of_another_registry_is_copied(open_registry, registry_with, tmp_path) -> None:
    with registry_with(tmp_path / "other") as other:
        name = f"{other.host}/bases/far:1"
        repository(name, tmp_path).push(image(tmp_path, 50_000, seed="far"), "1")
        base = repository(name, tmp_path).base(AMD)
        made = image(tmp_path, 1000, base=base, seed="near")
        target = f"{open_registry.host}/apps/near:1"
        assert repository(target, tmp_path).push(made, "1") > 50_000
    there = repository(target, tmp_path).base(AMD)
    for layer in there.layers:
        layout.fetch(there.blobs, layer.blob, str(tmp_path / layer.blob.digest), "x")


def test_a_layer_whose_connection_breaks_off_is_sent_again(
    open_registry, cut_off, tmp_path
) -> None:
    """This registry forgets an upload that broke off: that layer begins anew, no other does."""
    made = image(tmp_path, 6_000_000, 1_000_000, seed="cut")
    with cut_off(open_registry.host, [2_500_000]) as (host, seen):
        name = f"{host}/cut/app:1"
        repository(name, tmp_path).push(made, "1")
        assert sum(seen) < 10_000_000
    there = repository(f"{open_registry.host}/cut/app:1", tmp_path).base(AMD)
    assert there.digest == made.digest


class Keeping(http.server.BaseHTTPRequestHandler):
    """Uploads as the specification has them: what arrived stays, and is told when asked."""

    protocol_version = "HTTP/1.1"
    held: dict[str, bytearray]
    whole: dict[str, bytes]

    def do_HEAD(self) -> None:
        self._answer(200 if self.path.rpartition("/")[2] in self.whole else 404)

    def do_POST(self) -> None:
        self.held[name := str(len(self.held))] = bytearray()
        self._answer(202, name)

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self._answer(204, name, Range=f"0-{len(self.held[name]) - 1}")

    def do_PATCH(self) -> None:
        name = self.path.rpartition("/")[2]
        at = int(self.headers.get("Content-Range", "0-").partition("-")[0])
        assert at == len(self.held[name])
        left = int(self.headers["Content-Length"])
        while left and (data := self.rfile.read1(min(left, 65536))):
            self.held[name] += data
            left -= len(data)
        if not left:
            self._answer(202, name)

    def do_PUT(self) -> None:
        path, _, query = self.path.partition("?")
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if query:
            data = bytes(self.held[path.rpartition("/")[2]])
            name = parse_qs(query)["digest"][0]
            assert name == f"sha256:{hashlib.sha256(data).hexdigest()}"
            self.whole[name] = data
        self._answer(201)

    def _answer(self, status: int, name: str = "", **headers: str) -> None:
        self.send_response(status)
        if name:
            self.send_header("Location", f"/v2/cut/app/blobs/uploads/{name}")
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def test_a_connection_that_breaks_off_goes_on_where_it_was(cut_off, tmp_path) -> None:
    Keeping.held, Keeping.whole = {}, {}
    made = image(tmp_path, 6_000_000, seed="go on")
    (layer,) = made.layers
    with serving(Keeping) as port, cut_off(f"127.0.0.1:{port}", [2_500_000]) as (host, seen):
        repository(f"{host}/cut/app:1", tmp_path).push(made, "1")
        assert sum(seen) < 6_300_000
    assert len(Keeping.whole[layer.blob.digest]) == layer.blob.size


def test_a_registry_that_always_breaks_off_is_given_up(open_registry, cut_off, tmp_path) -> None:
    with (
        cut_off(open_registry.host, [50_000] * 50) as (host, _),
        pytest.raises(NetworkError, match=r"127\.0\.0\.1"),
    ):
        repository(f"{host}/never/app:1", tmp_path).push(image(tmp_path, 500_000), "1")
    with pytest.raises(DeployError, match="no such image"):
        repository(f"{open_registry.host}/never/app:1", tmp_path).base(AMD)


def test_nobody_there_is_a_network_error(tmp_path) -> None:
    with pytest.raises(NetworkError, match="does not answer"):
        repository("127.0.0.1:9/a/b:1", tmp_path).push(image(tmp_path, 10), "1")


def test_a_password_is_found_where_other_tools_keep_it(registry_with, tmp_path) -> None:
    file = tmp_path / "htpasswd"
    file.write_text(hashed("ann", "correct-horse"), encoding="utf-8")
    extra = f"auth:\n  htpasswd:\n    realm: here\n    path: {file}\n"
    with registry_with(tmp_path / "guarded", extra) as guarded:
        name = f"{guarded.host}/private/app:1"
        made = image(tmp_path, 1000, seed="secret")
        with pytest.raises(DeployError, match="who you are") as caught:
            repository(name, tmp_path).push(made, "1")
        assert "podman login" in caught.value.remedy
        wrong = {"STEAD_IMAGE_USER": "ann", "STEAD_IMAGE_PASSWORD": "battery"}
        with pytest.raises(DeployError, match="does not let you") as caught:
            repository(name, tmp_path, environ=wrong).push(made, "1")
        assert "battery" not in str(caught.value)
        right = {"STEAD_IMAGE_USER": "ann", "STEAD_IMAGE_PASSWORD": "correct-horse"}
        opened = repository(name, tmp_path, environ=right)
        assert opened.push(made, "1") > 1000
        pair = base64.b64encode(b"ann:correct-horse").decode()
        for place, variables in (
            ("a.json", {"REGISTRY_AUTH_FILE": str(tmp_path / "a.json")}),
            (".docker/config.json", {"HOME": str(tmp_path)}),
            ("run/containers/auth.json", {"XDG_RUNTIME_DIR": str(tmp_path / "run")}),
        ):
            path = tmp_path / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"auths": {guarded.host: {"auth": pair}}}), encoding="utf-8")
            assert repository(name, tmp_path, environ=variables).base(AMD).digest == made.digest
            path.unlink()
        helper = tmp_path / "bin" / "docker-credential-mine"
        helper.parent.mkdir()
        helper.write_text(
            '#!/bin/sh\nread -r host\n[ "$1 $host" = "get ' + guarded.host + '" ] && '
            'echo \'{"Username":"ann","Secret":"correct-horse"}\'\n',
            encoding="utf-8",
        )
        helper.chmod(0o755)
        (tmp_path / "h.json").write_text(json.dumps({"credsStore": "mine"}), encoding="utf-8")
        os.environ["PATH"], before = f"{helper.parent}:{os.environ['PATH']}", os.environ["PATH"]
        try:
            variables = {"REGISTRY_AUTH_FILE": str(tmp_path / "h.json")}
            assert repository(name, tmp_path, environ=variables).base(AMD).digest == made.digest
        finally:
            os.environ["PATH"] = before


def hashed(user: str, password: str) -> str:
    salted = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))
    return f"{user}:{salted.decode()}\n"


class Tokens:
    """A server that makes tokens which the registry takes, for those who say who they are."""

    def __init__(self, work: Path) -> None:
        self.asked: list[tuple[str, str]] = []
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tokens")])
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder(
            name,
            name,
            self._key.public_key(),
            x509.random_serial_number(),
            now - dt.timedelta(days=1),
            now + dt.timedelta(days=1),
        ).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = made.sign(self._key, hashes.SHA256())
        self.bundle = work / "bundle.pem"
        self.bundle.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def token(self, scopes: list[str]) -> str:
        def coded(data: bytes) -> str:
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        der = self._certificate.public_bytes(Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {
            "iss": "tokens",
            "sub": "ann",
            "aud": "images",
            "jti": "1",
            "access": access,
            "nbf": now - 10,
            "iat": now - 10,
            "exp": now + 300,
        }
        text = ".".join(coded(json.dumps(part).encode()) for part in (header, claims))
        signed = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{coded(signed)}"

    @contextmanager
    def serve(self):
        tokens = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = parse_qs(urlsplit(self.path).query)
                tokens.asked.append((self.path, self.headers.get("Authorization", "")))
                self.send_response(200)
                self.end_headers()
                said = {"token": tokens.token(asked.get("scope", []))}
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, *words: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}/token"
            finally:
                server.shutdown()
                thread.join()


def test_a_token_is_asked_for_where_the_registry_says(registry_with, tmp_path) -> None:
    tokens = Tokens(tmp_path)
    with tokens.serve() as realm:
        extra = (
            f"auth:\n  token:\n    realm: {realm}\n    service: images\n    issuer: tokens\n"
            f"    rootcertbundle: {tokens.bundle}\n"
        )
        with registry_with(tmp_path / "guarded", extra) as guarded:
            name = f"{guarded.host}/private/app:1"
            made = image(tmp_path, 1000, seed="token")
            environ = {"STEAD_IMAGE_USER": "ann", "STEAD_IMAGE_PASSWORD": "correct-horse"}
            assert repository(name, tmp_path, environ=environ).push(made, "1") > 1000
            found = list(repository(name, tmp_path, environ=environ).there())
    assert [(tag, digest) for tag, digest, _ in found] == [("1", made.digest)]
    pair = base64.b64encode(b"ann:correct-horse").decode()
    assert {said for _, said in tokens.asked} == {f"Basic {pair}"}
    assert "correct-horse" not in tokens.asked[0][0]


def test_a_password_is_not_told_where_an_answer_leads(tmp_path) -> None:
    heard: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(str(self.headers.get("Authorization")))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *words: object) -> None:
            pass

    class Here(Elsewhere):
        def do_GET(self) -> None:
            if not self.headers.get("Authorization"):
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="here"')
            else:
                self.send_response(307)
                self.send_header("Location", f"http://127.0.0.1:{other}/elsewhere")
            self.end_headers()

    with serving(Elsewhere) as other, serving(Here) as port:
        environ = {"STEAD_IMAGE_USER": "ann", "STEAD_IMAGE_PASSWORD": "correct-horse"}
        opened = repository(f"127.0.0.1:{port}/a/b:1", tmp_path, environ=environ)
        with pytest.raises(DeployError):
            opened.base(AMD)
    assert set(heard) == {"None"}


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_a_target_in_a_registry_is_deployed_once(maker, environment, open_registry) -> None:
    name = f"{open_registry.host}/demo/app"
    delivery = maker.delivery(maker.payload(maker.trees(environment)))
    target = maker.target(f"{name}:stable")
    said: list[tuple[str, str]] = []
    assert target.facts().running == ""
    assert target.apply(delivery, lambda *step: said.append(step)).changed
    assert target.facts().running == delivery.digest
    step, word = said[-1]
    assert (step, word.split()[0]) == ("confirm", f"{name}:stable")
    assert word.split()[1].startswith("sha256:")
    again = maker.target(f"{name}:stable").apply(delivery)
    assert (again.changed, again.sent) == (False, 0)
    other = maker.trees(environment, "print('another')\n")
    done = maker.target(f"{name}:stable").apply(maker.delivery(maker.payload(other)))
    assert 0 < done.sent < 6000
