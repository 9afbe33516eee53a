"""A built registry behind an address: asked conditionally, kept, and told who asks."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from stead.modules.registry import opening
from stead.modules.registry.building import build
from stead.values.errors import NetworkError, RegistryError, UsageError
from stead.values.frozen import replace
from stead.values.registry import Registry


@pytest.fixture
def published(put, tmp_path):
    """Build a registry to be served; gives a function that publishes another version."""

    def publish(version="1.0", **more):
        registry = put("tiny", version, **more)
        build(str(registry), str(tmp_path / "out"))
        return registry

    publish()
    return publish


def source(url, context, name="team"):
    return opening.opened(Registry(name, "url", url), context)


def asked(site):
    return [(path, status) for path, _, status in site.asked]


def test_items_come_from_an_address(published, site, context):
    team = source(site.url, context)
    assert [(s.name, s.version) for s in team.items()] == [("tiny", "1.0")]
    item = team.item("tiny")
    assert item.files[0].content == b"VERSION = '1.0'\n"
    assert [path[:9] for path, _ in asked(site)] == ["/index.js", "/archives"]


def test_what_is_here_is_not_fetched_again(published, site, context):
    source(site.url, context).item("tiny")
    site.asked.clear()
    source(site.url, context).item("tiny")
    assert asked(site) == [("/index.json", "304")]
    published("1.1")
    site.asked.clear()
    assert source(site.url, context).item("tiny").version == "1.1"
    assert [status for _, status in asked(site)] == ["200", "200"]


def test_offline_what_is_known_counts(published, site, context):
    source(site.url, context).item("tiny")
    published("1.1")
    source(site.url, context).items()
    site.asked.clear()
    offline = replace(context, offline=True)
    assert source(site.url, offline).items()[0].versions == ("1.1", "1.0")
    assert source(site.url, offline).item("tiny", "1.0").version == "1.0"
    with pytest.raises(NetworkError, match="never fetched"):
        source(site.url, offline).item("tiny", "1.1")
    with pytest.raises(NetworkError, match="never asked") as caught:
        source(f"{site.url}/other", offline).items()
    assert "--offline" in caught.value.remedy
    assert site.asked == []


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_registry_that_is_gone_is_told_once_and_clearly(context):
    url = f"http://127.0.0.1:{free_port()}/registry"
    with pytest.raises(NetworkError, match="the registry team cannot be reached") as caught:
        source(url, context).items()
    assert caught.value.where == f"{url}/index.json"
    assert "other registries still work" in caught.value.remedy


def test_a_registry_that_is_gone_counts_as_it_was(published, site, context, notes):
    source(site.url, context).item("tiny")
    site.leads["/index.json"] = f"http://127.0.0.1:{free_port()}/"
    team = source(site.url, context)
    assert team.item("tiny").version == "1.0"
    assert any("what the registry team had on" in said for said in notes.said)


def test_an_index_that_breaks_off_does_not_count(published, site, context, notes):
    source(site.url, context).items()
    published("1.1")
    site.cut.add("index.json")
    assert source(site.url, context).items()[0].version == "1.0"
    assert any("broke off" in said for said in notes.said)
    site.cut.clear()
    assert source(site.url, context).items()[0].version == "1.1"


def test_an_address_without_a_registry_is_told(published, site, context):
    with pytest.raises(RegistryError, match=r"has no index\.json") as caught:
        source(f"{site.url}/nowhere", context).items()
    assert "stead registry build" in caught.value.remedy


@pytest.mark.parametrize("end", ["index.json", ".tar.gz"])
def test_an_answer_without_an_end_is_cut_off(published, site, context, end, monkeypatch):
    monkeypatch.setattr("stead.modules.registry.index.LARGEST_INDEX", 200_000)
    site.streams.add(end)
    with pytest.raises(RegistryError, match=r"more than [0-9]+ bytes"):
        source(site.url, context).item("tiny")
    assert site.sent < 32 * 2**20


def test_an_answer_that_is_said_to_be_too_long_is_not_read(published, site, context, tmp_path):
    with open(tmp_path / "out" / "index.json", "r+b") as file:
        file.truncate(64 * 2**20)
    with pytest.raises(RegistryError, match="more than 16777216 bytes"):
        source(site.url, context).items()


def test_an_archive_that_was_changed_here_is_fetched_again(published, site, context):
    source(site.url, context).item("tiny")
    (kept,) = (context.home / "registries" / "archives").iterdir()
    kept.write_bytes(b"damaged")
    assert source(site.url, context).item("tiny").version == "1.0"


def test_an_archive_that_was_changed_there_is_refused_and_not_kept(
    published, site, context, tmp_path
):
    (archive,) = (tmp_path / "out" / "archives").iterdir()
    archive.write_bytes(b"x" * archive.stat().st_size)
    with pytest.raises(RegistryError, match="not what it is said to be"):
        source(site.url, context).item("tiny")
    assert not (context.home / "registries" / "archives").exists()


TOKEN = "s3cr3t-token"


def known(context, **variables):
    environ = {f"STEAD_REGISTRY_TEAM_{k}": v for k, v in variables.items()}
    return replace(context, environ={**context.environ, **environ})


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({"TOKEN": TOKEN}, f"Bearer {TOKEN}"),
        ({"USER": "me", "PASSWORD": "pw"}, "Basic bWU6cHc="),
    ],
)
def test_who_asks_stands_in_variables(published, site, context, variables, header):
    site.wants = header
    with pytest.raises(RegistryError, match="refuses nobody in particular") as caught:
        source(site.url, context).items()
    assert "STEAD_REGISTRY_TEAM_TOKEN" in caught.value.remedy
    assert source(site.url, known(context, **variables)).item("tiny").version == "1.0"


def test_a_wrong_token_is_refused_without_being_shown_or_kept(published, site, context):
    site.wants = "Bearer right"
    with pytest.raises(RegistryError, match=r"refuses the token or password that it got") as caught:
        source(site.url, known(context, TOKEN=TOKEN)).items()
    assert TOKEN not in str(caught.value)
    site.wants = f"Bearer {TOKEN}"
    source(site.url, known(context, TOKEN=TOKEN)).item("tiny")
    for parent, _, files in os.walk(context.home):
        for name in files:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                assert TOKEN.encode() not in file.read(), name
            # What only some may fetch, others on this machine cannot read here.
            assert os.stat(path).st_mode & 0o077 == 0


def test_a_login_stays_with_the_registrys_own_origin(published, site, elsewhere, context):
    """Redirected elsewhere, who asks is nobody; redirected within, it is still itself."""
    site.wants = f"Bearer {TOKEN}"
    site.leads["/moved/index.json"] = f"{site.url}/index.json"
    assert source(f"{site.url}/moved", known(context, TOKEN=TOKEN)).items()
    site.leads["/away/index.json"] = f"{elsewhere.url}/index.json"
    assert source(f"{site.url}/away", known(context, TOKEN=TOKEN)).items()
    assert [who for _, who, _ in elsewhere.asked] == [""]


def test_a_login_does_not_go_over_the_network_in_clear(context):
    with pytest.raises(UsageError, match="in clear"):
        source("http://registry.example.org/r", known(context, TOKEN=TOKEN))
    source("https://registry.example.org/r", known(context, TOKEN=TOKEN))


def test_a_keyring_is_asked_once_the_registry_refuses(published, site, context, monkeypatch):
    import keyring
    from keyring.backend import KeyringBackend

    questions = []
    before = keyring.get_keyring()  # from then on, a class that is there can be chosen

    class Own(KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            questions.append((service, username))
            return TOKEN

        def set_password(self, service, username, password):
            raise AssertionError

    keyring.set_keyring(Own())
    try:
        source(site.url, context).items()
        assert questions == []
        site.wants = f"Bearer {TOKEN}"
        assert source(site.url, context).item("tiny").version == "1.0"
    finally:
        keyring.set_keyring(before)
    assert set(questions) == {(site.url, "token")}


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://u:p@h/"])
def test_an_answer_leads_to_no_other_kind_of_place(published, site, context, target):
    site.leads["/index.json"] = target
    with pytest.raises(RegistryError, match="leads elsewhere"):
        source(site.url, context).items()


def test_answers_that_lead_in_a_circle_end(published, site, context):
    site.leads["/index.json"] = "/index.json"
    with pytest.raises(RegistryError, match="leads elsewhere"):
        source(site.url, context).items()
    assert len(site.asked) < 20


def test_a_server_that_says_nothing_is_not_waited_for(context, monkeypatch):
    monkeypatch.setattr("stead.modules.registry.http.TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NetworkError, match="does not answer in time"):
            source(f"http://127.0.0.1:{silent.getsockname()[1]}", context).items()


def test_a_server_that_sends_a_byte_now_and_then_is_left(context, monkeypatch):
    monkeypatch.setattr("stead.modules.registry.http.LONGEST", 0.3)
    ended = threading.Event()

    def drip(one):
        talk, _ = one.accept()
        with talk:
            talk.recv(4096)
            talk.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            while not ended.is_set():
                try:
                    talk.sendall(b" " * 70_000)
                except OSError:
                    return
                time.sleep(0.05)

    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()
        thread = threading.Thread(target=drip, args=(slow,))
        thread.start()
        try:
            with pytest.raises(NetworkError, match="does not answer in time"):
                source(f"http://127.0.0.1:{slow.getsockname()[1]}", context).items()
        finally:
            ended.set()
            thread.join()
