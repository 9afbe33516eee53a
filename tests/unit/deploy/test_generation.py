"""What lies in a generation's directory, computed."""

from __future__ import annotations

import io
import subprocess
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.deploy import generation
from stead.deploy.targets import GENERATION
from stead.testing.deliveries import delivery, shop
from stead.values.deployment import Facts, Health, Payload, PlacedFile, Service
from stead.values.errors import DeployError
from stead.values.frozen import replace

NONE = Facts(user="deploy")
SYSTEMD = Facts(user="deploy", init="systemd")


def test_a_number_stands_wherever_it_was_left_open():
    made = shop("/r", "one", (80,))
    found = generation.files(made, 7, NONE)
    assert found["files/shop.ini"] == (b"version = one\n", 0o644)
    assert b"/r/recipes/shop/generations/7/files/shop.ini" in found["run/web"][0]
    assert not any(GENERATION.encode() in content for content, _ in found.values())


def test_the_digest_does_not_know_the_number():
    assert shop("/r", "one", (80,)).digest == shop("/r", "one", (80,)).digest


def test_all_but_plain_files_are_for_their_owner_alone():
    found = generation.files(shop("/r", "one", (80,), secret="s"), 1, SYSTEMD)
    modes = {name: mode for name, (_, mode) in found.items()}
    assert set(modes.values()) == {0o600}
    assert any(name.startswith("units/") for name in modes)
    assert b"export TOKEN=s\n" in found["run/web"][0]
    assert not any(b"TOKEN" in found[name][0] for name in found if name != "run/web")


@pytest.mark.parametrize(
    "path",
    ["/etc/motd", "/r/recipes/shop/generations/1/../2/x", "/r/recipes/shop/generations/1/run/web"],
)
def test_a_file_elsewhere_is_refused(path):
    made = shop("/r", "one", (80,))
    made = replace(made, payload=replace(made.payload, files=(PlacedFile(path, b"x"),)))
    with pytest.raises(DeployError, match="does not lie where"):
        generation.files(made, 1, NONE)


def test_a_secret_that_was_not_opened_is_refused():
    made = shop("/r", "one", (80,), secret="s")
    with pytest.raises(DeployError, match="TOKEN is secret, and was not opened"):
        generation.files(replace(made, payload=replace(made.payload, secrets=())), 1, NONE)


@pytest.mark.parametrize("name", ["a b", "../up", "", "-x", "a/b", "a\nb"])
def test_a_name_that_no_file_should_have_is_refused(name):
    made = delivery(Payload("shop", "t", "", "/r", services=(Service(name, "a", ("true",), "/"),)))
    with pytest.raises(DeployError, match="cannot be a service's name"):
        generation.files(made, 1, NONE)


def test_checks_are_read_as_they_were_written():
    checks = (
        Health(url="http://127.0.0.1/", status=204, timeout=1.5),
        Health(port="8080"),
        Health(command=("true", "ä b")),
    )
    made = delivery(Payload("shop", "t", "", "/r", checks=checks))
    found = generation.files(made, 1, NONE)
    assert generation.checks_of(found["checks"][0].decode()) == checks
    assert "commands/.check-2" in found


def test_units_name_the_user_where_the_machines_systemd_runs_them():
    made = shop("/a 100% $x", "one", (80, 81)).payload
    system = generation.units(made, 3, "systemd", "deploy")
    assert set(system) == {
        "stead-shop.target",
        "stead-shop-web.service",
        "stead-shop-web-2.service",
    }
    unit = system["stead-shop-web.service"]
    assert "User=deploy\n" in unit
    assert 'ExecStart=/bin/sh "/a 100%% $$x/recipes/shop/generations/3/run/web"\n' in unit
    own = generation.units(made, 3, "systemd-user", "deploy")
    assert "User=" not in own["stead-shop-web.service"]
    assert "WantedBy=default.target" in own["stead-shop.target"]
    assert "User=" not in generation.units(made, 3, "systemd", "root")["stead-shop-web.service"]


def test_the_archive_is_the_same_each_time_and_any_tar_reads_it():
    found = generation.files(shop("/r", "one", (80,)), 1, NONE)
    packed = generation.archive(found)
    assert packed == generation.archive(dict(reversed(found.items())))
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert {one.name: one.mode for one in tar} == {n: mode for n, (_, mode) in found.items()}


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@given(value=TEXT, word=TEXT, more=TEXT)
def test_whatever_a_value_holds_it_arrives(value, word, more):
    command = ("printf", "%s|%s", word)
    service = Service("one", "a", command, "/", environment=(("VALUE", value),))
    text = generation.script(service, {"SECRET": value}, more=True)
    text = text.replace("exec printf", 'printf %s "$VALUE$SECRET"; exec printf')
    done = subprocess.run(["sh", "-c", text, "sh", more], capture_output=True, check=True)
    assert done.stdout.decode() == f"{value}{value}{word}|{more}"
