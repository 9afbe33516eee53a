"""Builds that may not reach private addresses, in a network of their own."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.server.database import namespaces, settings
from stead.server.specs.reading import read
from stead.server.values import BuildStatus
from stead.testing.channel import Package, make_channel, text
from stead.testing.index import Sdist, Wheel, make_index, project_files
from stead.testing.network import Network

if TYPE_CHECKING:
    from stead.server.values import Build

pytestmark = [
    pytest.mark.needs("ip"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make networks"),
]

PUBLIC, OTHER, PRIVATE = "9.9.9.9", "9.9.9.10", "10.1.2.3"
MOVED = {
    "one": f"http://{PRIVATE}/c/noarch/tiny.conda",
    "two": "http://127.0.0.1/tiny.conda",
    "three": "http://localhost/tiny.conda",
    "four": "http://[::ffff:127.0.0.1]/tiny.conda",
    "five": "http://2130706433/tiny.conda",
    "six": "http://n.example.org/tiny.conda",
    "seven": f"https://{PRIVATE}/tiny.conda",
}
"""Packages, and where whoever asks for them is sent to."""
NAMES = ["tiny", "turning", *MOVED]

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, here):
    """A directory with a channel in `c` and an index in `i`."""
    made = tmp_path_factory.mktemp("pages")
    packages = [Package(name, entries=(text(f"share/{name}", "x"),)) for name in NAMES]
    make_channel(made / "c", packages, here.name)
    make_index(made / "i", [Wheel("leaf"), Wheel("branch"), Wheel("root")])
    return made


@pytest.fixture(scope="module")
def network(tmp_path_factory, pages):
    with Network(tmp_path_factory.mktemp("network")) as made:
        made.public = made.serve(pages, PUBLIC)
        made.private = made.serve(pages, PRIVATE)
        made.here = made.serve(pages, "127.0.0.1")
        yield made


@pytest.fixture(autouse=True)
def forgotten(network):
    network.names.clear()
    network.asked.clear()
    for each in (network.public, network.private, network.here):
        each.requests.clear()
        each.moved.clear()


@pytest.fixture
def host():
    """A name that nobody has asked for: what was fetched by one is kept by its address."""
    return f"n{next(_numbers)}.example.org"


@pytest.fixture(scope="module")
def guarded(store_of, tmp_path_factory, network):
    """A store whose settings forbid private addresses, with a worker in the network."""
    with store_of(tmp_path_factory.mktemp("guarded")) as made:
        with made.database.begin() as connection:
            settings.put(connection, {"allow_private_addresses": False})
        made.worker(within=network.within)
        yield made


def refused(store, build_id, *words):
    """Say that a build has failed for good, at once, with a reason that has these words."""
    done = store.ended(build_id)
    assert (done.status, done.retries) == (BuildStatus.FAILED, 0), store.log(build_id)
    for word in (*words, "private address", "allow_private_addresses"):
        assert word in done.reason
    assert done.reason in store.log(build_id)


def manifest(index, wanted='leaf = "*"'):
    return f'[packages.pypi]\nindexes = [{{ url = "{index}", default = true }}]\n{wanted}\n'


def test_a_name_that_resolves_to_a_public_address_is_fetched_from(guarded, network, host):
    network.names[host] = [[PUBLIC]]
    done = guarded.ended(guarded.submit("tiny", channel=f"http://{host}/c"))
    assert done.status is BuildStatus.COMPLETED, guarded.log(done.id)
    assert network.public.requests


@pytest.mark.parametrize(
    ("scheme", "answers", "told"),
    [
        ("http", [[PRIVATE]], PRIVATE),
        ("http", [["127.0.0.1"]], "127.0.0.1"),
        ("http", [[PUBLIC, PRIVATE]], PRIVATE),
        ("http", [["::ffff:10.1.2.3"]], PRIVATE),
        ("https", [[PUBLIC, PRIVATE]], PRIVATE),
    ],
)
def test_a_name_that_resolves_to_a_private_address_is_not(
    guarded, network, host, scheme, answers, told
):
    network.names[host] = answers
    made = guarded.submit("tiny", channel=f"{scheme}://{host}/c")
    refused(guarded, made, f"{host} is", told)
    assert network.private.requests == network.here.requests == network.public.requests == []


def test_a_name_that_resolves_otherwise_a_moment_later_leads_nowhere(guarded, network, host):
    network.names[host] = [[PUBLIC], [PRIVATE]]
    refused(guarded, guarded.submit("turning", channel=f"http://{host}/c"), PRIVATE)
    assert network.asked.count(host) > 1
    assert network.private.requests == []


@pytest.mark.parametrize("package", MOVED)
def test_a_server_that_sends_on_to_a_private_address_leads_nowhere(guarded, network, package):
    network.names["n.example.org"] = [["127.0.0.1"]]
    network.public.moved[".conda"] = MOVED[package]
    refused(guarded, guarded.submit(package, channel=f"http://{PUBLIC}/c"))
    assert network.public.requests
    assert network.private.requests == network.here.requests == []


def test_the_same_holds_for_an_index(guarded, network, host):
    network.names[host] = [[PUBLIC]]
    found = manifest(f"http://{host}/i/simple")
    done = guarded.ended(guarded.ask(read(found, "stead", name="web")))
    assert done.status is BuildStatus.COMPLETED, guarded.log(done.id)
    network.public.moved[".whl"] = f"http://{PRIVATE}/i/files/branch-1.0-py3-none-any.whl"
    found = manifest(f"http://{host}/i/simple", 'branch = "*"')
    refused(guarded, guarded.ask(read(found, "stead", name="moved")), PRIVATE)
    network.public.moved.clear()
    network.names[host] = [["127.0.0.1"]]
    found = manifest(f"http://{host}/i/simple", 'root = "*"')
    refused(guarded, guarded.ask(read(found, "stead", name="named")), "127.0.0.1")
    assert network.private.requests == network.here.requests == []


def test_the_same_holds_for_a_repository(guarded, network, host):
    network.names[host] = [[PRIVATE]]
    wanted = f'leaf = {{git = "http://{host}/leaf.git"}}'
    found = manifest(f"http://{PUBLIC}/i/simple", wanted)
    refused(guarded, guarded.ask(read(found, "stead", name="git")), PRIVATE)
    assert network.private.requests == []


def git(directory, *words):
    own = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    done = subprocess.run(
        ["git", *own, *words], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.needs("git")
@pytest.mark.parametrize("scheme", ["http", "git", "ssh"])
def test_the_same_holds_for_parts_of_a_repository(guarded, network, pages, tmp_path, host, scheme):
    for path, content in project_files(Sdist("part")).items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    served = pages / f"{scheme}.git"
    git(tmp_path, "init", "--quiet")

    def publish(name: str) -> Build:
        git(tmp_path, "commit", "--quiet", "--message=x")
        shutil.rmtree(served, ignore_errors=True)
        git(tmp_path, "clone", "--quiet", "--bare", str(tmp_path), str(served))
        git(served, "update-server-info")
        wanted = f'part = {{git = "http://{host}/{scheme}.git"}}'
        return guarded.ended(
            guarded.ask(read(manifest(f"http://{PUBLIC}/i/simple", wanted), "stead", name=name))
        )

    network.names[host] = [[PUBLIC]]
    git(tmp_path, "add", ".")
    done = publish(f"{scheme}-alone")
    assert done.status is BuildStatus.COMPLETED, guarded.log(done.id)
    (tmp_path / ".gitmodules").write_text(
        f'[submodule "s"]\n\tpath = s\n\turl = {scheme}://{PRIVATE}/s.git\n'
    )
    git(tmp_path, "add", ".gitmodules")
    commit = git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{commit},s")
    done = publish(f"{scheme}-whole")
    assert (done.status, done.retries) == (BuildStatus.FAILED, 0), guarded.log(done.id)
    told = PRIVATE if scheme == "http" else f"transport '{scheme}' not allowed"
    assert told in done.status_info
    assert network.private.requests == []


def test_where_settings_allow_it_private_addresses_are_fetched_from(guarded, network, host):
    network.names[host] = [[PRIVATE]]
    with guarded.database.begin() as connection:
        home = namespaces.create(connection, "inner", guarded.database.now())
        settings.put(connection, {"allow_private_addresses": True}, namespace_id=home.id)
    spec = f"name: env\nchannels: [http://{host}/c]\ndependencies: [tiny]\n"
    done = guarded.ended(guarded.ask(read(spec), "inner"))
    assert done.status is BuildStatus.COMPLETED, guarded.log(done.id)
    assert network.private.requests


def test_the_workers_own_index_may_be_private(store_of, tmp_path, network):
    with store_of(tmp_path) as store:
        with store.database.begin() as connection:
            settings.put(connection, {"allow_private_addresses": False})
        index = f"UV_DEFAULT_INDEX=http://{PRIVATE}/i/simple"
        store.worker(within=[*network.within, "env", index, "NO_PROXY=127.0.0.1,10.0.0.0/8"])
        found = '[packages.pypi]\nleaf = "*"\n'
        done = store.ended(store.ask(read(found, "stead", name="web")))
        assert done.status is BuildStatus.COMPLETED, store.log(done.id)
        # It leads to itself, and nowhere else.
        network.private.moved[".whl"] = "http://127.0.0.1/i/files/branch-1.0-py3-none-any.whl"
        found = '[packages.pypi]\nbranch = "*"\n'
        refused(store, store.ask(read(found, "stead", name="more")), "127.0.0.1")
        assert network.here.requests == []


def test_the_workers_own_proxy_is_asked(store_of, tmp_path, network, host):
    """Then names are resolved there; what is written as a private address is refused here."""
    with store_of(tmp_path) as store:
        with store.database.begin() as connection:
            settings.put(connection, {"allow_private_addresses": False})
        proxy = f"http_proxy=http://us%65r:secret@{PRIVATE}"
        store.worker(within=[*network.within, "env", proxy])
        done = store.ended(store.submit("tiny", channel=f"http://{host}/c"))
        assert done.status is BuildStatus.COMPLETED, store.log(done.id)
        asked = network.private.requests
        assert asked
        assert all(f"http://{host}/c/" in line for line in asked)
        assert network.asked == []
        network.private.moved[".conda"] = "http://127.0.0.1/tiny.conda"
        refused(store, store.submit("one", channel=f"http://{host}/c"), "127.0.0.1")
        assert network.here.requests == []
