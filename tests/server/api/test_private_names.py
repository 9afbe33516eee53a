"""Specifications whose names resolve to private addresses, handed in to a real server."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from urllib.parse import quote, urlencode

import pytest

from stead.testing.network import Network

pytestmark = [
    pytest.mark.needs("ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make networks"),
]

PUBLIC, PRIVATE = "9.9.9.9", "10.1.2.3"
SERVE = "import runpy; runpy.run_module('stead', run_name='__main__', alter_sys=True)"
FOR_LONG = "from stead.server.specs import addresses; addresses.look_up.__defaults__ = (600.0,);"

_numbers = itertools.count(1)


class Server:
    """`stead serve` in a network, without workers; asked as its administrator."""

    def __init__(self, network: Network, process: subprocess.Popen[str]) -> None:
        self.network = network
        self.token, self.port = "", 0
        for line in process.stdout:
            if line.startswith("admin token"):
                self.token = line.split()[-1]
            if line.startswith("serving on "):
                self.port = int(line.strip().rpartition(":")[2])
                return
        raise AssertionError(process.stderr.read())

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        asking = http.client.HTTPConnection("127.0.0.1", self.port)
        asking.sock = self.network.connect(self.port)
        asking.sock.settimeout(100)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            asking.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = asking.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            asking.close()

    def set(self, values: object, where: str = "") -> None:
        status, told = self.ask("PUT", f"/api/v1/setting/{where}", values)
        assert status == 200, told

    def submit(self, text: str, **more: object) -> tuple[int, dict]:
        body = {"namespace": "default", "specification": text, **more}
        return self.ask("POST", "/api/v1/specification/", body)

    def submit_stead(self, text: str, **more: object) -> tuple[int, dict]:
        body = {"namespace": "default", "name": "env", "kind": "stead", "specification": text}
        return self.ask("POST", "/api/stead/v1/specification/", body | more)

    def kept(self) -> list[int]:
        return [self.ask("GET", f"/api/v1/{n}/")[1]["count"] for n in ("build", "environment")]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with Network(tmp_path_factory.mktemp("network")) as made:
        yield made


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def serving(network, watched, tmp_path_factory):
    """Start a server whose settings forbid private addresses; its program begins with a text."""
    processes = []

    def start(before: str = "") -> Server:
        home = tmp_path_factory.mktemp("home")
        words = ["serve", "--workers", "0", "--port", "0", "--watch", f"{watched}=watched"]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("STEAD_")}
        process = subprocess.Popen(
            [*network.within, sys.executable, "-c", before + SERVE, *words],
            env=kept | {"STEAD_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        processes.append(process)
        server = Server(network, process)
        server.set({"allow_private_addresses": False})
        return server

    yield start
    for process in processes:
        with process:
            process.kill()


@pytest.fixture(scope="module")
def server(serving):
    return serving()


@pytest.fixture
def host(network):
    network.asked.clear()
    return f"n{next(_numbers)}.example.org"


def yaml(*channels: str, pip: str = "") -> str:
    wanted = ["tiny", *([{"pip": [pip]}] if pip else [])]
    return json.dumps({"name": "env", "channels": channels, "dependencies": wanted})


LOCK = "version: 1\npackage:\n- {name: x, manager: conda, url: 'https://%s/c/noarch/x.conda'}\n"
WAYS = {
    "channel": lambda s, host: s.submit(yaml(f"https://{host}/c")),
    "port": lambda s, host: s.submit(yaml(f"http://user@{host}.:8080/c")),
    "oci": lambda s, host: s.submit(yaml(f"oci://{host}/c")),
    "package": lambda s, host: s.submit(yaml().replace("tiny", f"https://{host}/c::tiny")),
    "index": lambda s, host: s.submit(yaml(pip=f"--index-url https://{host}/simple")),
    "archive": lambda s, host: s.submit(yaml(pip=f"x @ https://{host}/x-1.tar.gz")),
    "repository": lambda s, host: s.submit(yaml(pip=f"x @ git+https://{host}/x.git")),
    "lock": lambda s, host: s.submit(LOCK % host, is_lockfile=True, environment_name="env"),
    "manifest": lambda s, host: s.submit_stead(
        f'[packages.conda]\nchannels = ["https://{host}/c"]\ntiny = "*"\n'
    ),
    "index of a manifest": lambda s, host: s.submit_stead(
        f'[packages.pypi]\nindexes = [{{ url = "https://{host}/simple" }}]\nx = "*"\n'
    ),
    "repository of a manifest": lambda s, host: s.submit_stead(
        f'[packages.pypi]\nx = {{ git = "https://{host}/x.git" }}\n'
    ),
    "solve": lambda s, host: s.ask(
        "GET",
        "/api/v1/specification/?" + urlencode({"conda": "tiny", "channel": f"https://{host}/c"}),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_resolves_to_a_private_address_is_refused(server, network, host, way):
    network.names[host] = [[PUBLIC, PRIVATE]]
    before = server.kept()
    status, told = WAYS[way](server, host)
    assert status == 400
    assert f"private address ({host} is {PRIVATE})" in told["message"]
    assert "allow_private_addresses" in told["message"]
    assert server.kept() == before
    # Asked once, for its addresses of both kinds.
    assert network.asked.count(host) == 1


def test_so_is_one_that_settings_bring_in(server, network, host):
    network.names[host] = [[PRIVATE]]
    before = server.kept()
    for values in (
        {"conda_default_channels": [f"https://{host}/c"]},
        {"conda_default_channels": ["c"], "conda_channel_alias": f"https://{host}/"},
        {"conda_included_packages": [f"https://{host}/c::other"]},
        {"pypi_included_packages": [f"x @ https://{host}/x-1.tar.gz"]},
    ):
        server.set(values, "default/")
        status, told = server.submit(yaml())
        assert status == 400, (values, told)
        assert host in told["message"]
        server.set(dict.fromkeys(values), "default/")
    assert server.kept() == before


def test_a_name_that_resolves_to_public_addresses_is_taken_and_asked_for_once(
    server, network, host
):
    network.names[host] = [[PUBLIC, "2620:fe::fe"]]
    channels = [f"https://{host}/c", f"https://{host}/d"]
    status, told = server.submit(yaml(*channels, pip=f"--index-url https://{host}/simple"))
    assert status == 200, told
    assert network.asked.count(host) == 1
    # What it resolves to later counts where it is built again, and where it is planned.
    network.names[host] = [[PRIVATE]]
    before = server.kept()
    status, refused = server.ask("PUT", f"/api/v1/build/{told['data']['build_id']}/")
    assert (status, host in refused["message"]) == (400, True)
    assert server.kept() == before
    body = {"namespace": "default", "name": "env", "kind": "conda"}
    body["specification"] = yaml(*channels)
    _, told = server.ask("POST", "/api/stead/v1/plan/", body)
    assert told["data"]["allowed"] is False
    assert PRIVATE in told["data"]["refused"][0]


def test_a_name_without_addresses_is_let_through(server, network, host):
    assert server.submit(yaml(f"https://{host}/nowhere"))[0] == 200
    assert network.asked.count(host) == 1


def test_this_machines_own_names_are_refused_without_asking(server, network):
    for name in ("localhost", "localhost.", "x.localhost", "store"):
        for scheme in ("https", "oci"):
            status, told = server.submit(yaml(f"{scheme}://{name}/c"))
            assert (status, "private address" in told["message"]) == (400, True)
        assert name.rstrip(".") not in network.asked


@pytest.mark.parametrize("place", ["/srv/x.git", "git@10.1.2.3:x.git"])
def test_a_repository_without_an_address_of_the_web_is_refused(server, place):
    status, told = server.submit_stead(f'[packages.pypi]\nx = {{ git = "{place}" }}\n')
    assert (status, "private address" in told["message"]) == (400, True)


def test_where_settings_allow_it_nothing_is_asked(server, network, host):
    network.names[host] = [[PRIVATE]]
    server.ask("POST", "/api/v1/namespace/open/")
    server.set({"allow_private_addresses": True}, "open/")
    assert server.submit(yaml(f"https://{host}/c"), namespace="open")[0] == 200
    assert host not in network.asked


def test_a_watched_file_says_why_it_is_not_taken(server, network, host, watched):
    network.names[host] = [[PRIVATE]]
    (watched / "one.yml").write_text(yaml(f"https://{host}/c"))
    deadline = time.monotonic() + 90
    while True:
        (source,) = server.ask("GET", "/api/stead/v1/source/")[1]["data"]
        if source["files"]:
            break
        assert time.monotonic() < deadline, source
        time.sleep(0.05)
    (watched / "one.yml").unlink()
    (file,) = source["files"]
    assert f"{host} is {PRIVATE}" in file["reason"]
    assert file["build_id"] is None


def test_who_solves_reaches_no_private_address_by_a_name_that_changes(server, network, host):
    network.names[host] = [[PUBLIC], [PRIVATE]]
    here = network.serve(os.devnull, PRIVATE)
    asked = f"conda=tiny&channel={quote(f'http://{host}/c')}"
    status, told = server.ask("GET", f"/api/v1/specification/?{asked}")
    assert status == 400
    assert f"{host} is {PRIVATE}" in told["message"]
    assert here.requests == []


def test_a_resolver_that_does_not_answer_is_not_waited_for(server, network, host):
    network.names[host] = [[PRIVATE]]
    network.silent = threading.Event()
    try:
        # The resolver's own patience is longer than that of whoever asks here.
        assert server.submit(yaml(f"https://{host}/c"))[0] == 200
        assert host in network.asked
    finally:
        network.silent.set()
        network.silent = None


def test_others_are_answered_while_names_are_asked_for(serving, network, host):
    server = serving(FOR_LONG)
    network.names[host] = [[PRIVATE]]
    network.silent = threading.Event()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(server.submit(yaml(f"http://{host}/"))))
    asking.start()
    try:
        deadline = time.monotonic() + 90
        while host not in network.asked:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert server.ask("GET", "/health/live")[0] == 200
        assert server.ask("PUT", "/api/v1/setting/", {"quota_builds": 5})[0] == 200
        assert answers == []
    finally:
        network.silent.set()
        network.silent = None
        asking.join()
    assert answers[0][0] == 400
