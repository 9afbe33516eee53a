"""What goes over the wire: what is missing, once, and nothing that is not what it says."""

from __future__ import annotations

import hashlib
import os
import threading
import time

import pytest

from stead.deploy.targets import Node, tree_directory
from stead.deploy.targets.local import target as local_target
from stead.deploy.targets.ssh import target
from stead.testing.deliveries import delivery, part, shop, tree, write
from stead.values.deployment import PLACEHOLDER, Payload
from stead.values.errors import ContactError, DeployError, OccupiedError
from stead.values.frozen import replace

machines = [
    pytest.mark.slow,
    pytest.mark.needs("mmdebstrap", "ssh", "ip", "tc"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make machines"),
]


def noise(size, seed=b"noise"):
    return hashlib.shake_256(seed).digest(size)


@pytest.fixture
def here(tmp_path):
    """A directory of this machine as a target, with a payload of no service."""
    root = str(tmp_path / "node")
    made = local_target(
        "here", Node("files", root, services="supervise", settling=0.2), dict(os.environ)
    )
    yield made, root
    made.remove()
    made.close()


def files(root, *parts, write=write):
    made = delivery(Payload("files", "here", "", root, trees=(tree("files", *parts),)))
    return replace(made, write=write)


def test_a_key_is_written_wherever_it_stands_and_nothing_else_is_touched(here):
    made, root = here
    text = f"#!{PLACEHOLDER}/bin/python\n# {PLACEHOLDER}{PLACEHOLDER[:-1]}y\n".encode()
    binary = noise(5000) + PLACEHOLDER.encode() + noise(5000) + PLACEHOLDER.encode()
    one = part("p", {"bin/a tool": text, "lib/ä.so": binary})
    members = [replace(member, mode=0o555) for member in one.members]
    read_only = part("p", {m.path: m.content for m in one.members})
    read_only = replace(read_only, members=tuple(members))
    packed = _digest(read_only)
    read_only = replace(read_only, digest=packed)
    wanted = files(root, read_only)
    made.apply(wanted)
    key = wanted.payload.trees[0].key
    at = tree_directory(root, key)
    for member in members:
        with open(f"{at}/{member.path}", "rb") as file:
            found = file.read()
        expected = bytearray(member.content)
        for offset in member.keyed:
            expected[offset : offset + len(key)] = key.encode()
        assert found == bytes(expected)
        assert os.stat(f"{at}/{member.path}").st_mode & 0o777 == 0o555


def _digest(made):
    import io

    out = io.BytesIO()
    write(made, out)
    return hashlib.sha256(out.getvalue()).hexdigest()


def test_a_part_that_changes_while_it_is_sent_is_refused(here):
    made, root = here
    one = part("p", {"a": b"1"})

    def other(_part, out):
        write(part("p", {"a": b"2"}), out)

    with pytest.raises(DeployError, match="changed while it was being sent"):
        made.apply(files(root, one, write=other))
    assert made.status().generation == 0
    assert made.apply(files(root, one)).changed


def test_a_part_that_was_damaged_there_comes_again(here):
    made, root = here
    one, two = part("one", {"a": b"1"}), part("two", {"b": b"2"})
    made.apply(files(root, one))
    with open(f"{root}/parts/{one.digest}.tar.gz", "r+b") as file:
        file.truncate(20)
    with pytest.raises(DeployError, match="could not be unpacked"):
        made.apply(files(root, one, two))
    assert made.status().generation == 1
    assert made.apply(files(root, one, two)).changed
    at = tree_directory(root, files(root, one, two).payload.trees[0].key)
    assert sorted(os.listdir(at)) == ["a", "b"]


def test_what_no_generation_names_is_removed(here):
    made, root = here
    common = part("common", {"c": noise(2000)})
    for number in range(4):
        own = part(f"own {number}", {"o": noise(100, str(number).encode())})
        wanted = files(root, common, own)
        made.apply(replace(wanted, payload=replace(wanted.payload, keep=2)))
    kept = made.status().generations
    assert len(kept) == 2
    assert len(os.listdir(f"{root}/trees")) == 2
    parts = [name for name in os.listdir(f"{root}/parts") if name.endswith(".tar.gz")]
    assert len(parts) == 3


def test_a_payload_for_another_directory_is_refused(here):
    made, root = here
    with pytest.raises(DeployError, match="plan again"):
        made.apply(files(f"{root}-other", part("p", {"a": b"1"})))


class TestOverTheWire:
    pytestmark = machines

    @pytest.fixture
    def case(self, lab, plain):
        root = f"{plain.home}/wire"
        made = self.open(lab, plain, root)
        yield made, root
        made.remove()
        made.close()

    def open(self, lab, plain, root):
        node = Node("shop", root, patience=6, settling=0.2)
        environ = lab.environ(os.environ["PATH"])
        return target("shop", plain.address, node, environ, system="linux")

    def test_a_change_of_one_small_package_sends_at_most_twice_its_size(self, case):
        made, root = case
        rest = tuple(
            part(
                f"package {n}",
                {f"lib/{n}/module{m}.py": noise(3000, b"%d" % (n * 50 + m)) for m in range(10)},
            )
            for n in range(30)
        )
        before = part("small 1.0", {"lib/small.py": noise(20_000, b"before")})
        after = part("small 1.1", {"lib/small.py": noise(20_000, b"after")})
        ports = (8080,)
        first = made.apply(shop(root, "one", ports, more=(*rest, before)))
        second = made.apply(shop(root, "one", ports, more=(*rest, after)))
        assert first.sent > 900_000
        assert second.sent <= 2 * after.size

    def test_units_where_there_can_be_none_are_refused(self, lab, plain):
        root = f"{plain.home}/units"
        node = Node("shop", root, services="systemd", patience=6)
        environ = lab.environ(os.environ["PATH"])
        made = target("shop", plain.address, node, environ, system="linux")
        with pytest.raises(DeployError, match="deploy cannot have units on plain") as caught:
            made.apply(shop(root, "one", (8080,)))
        assert "enable-linger deploy" in caught.value.remedy
        made.close()

    def test_a_cut_transfer_goes_on_where_it_was(self, lab, plain, case):
        _, root = case
        big = tuple(part(f"big {n}", {f"big{n}": noise(1_500_000, b"%d" % n)}) for n in range(6))
        wanted = shop(root, "one", (8080,), more=big)
        cut_off = self.open(lab, plain, root)
        with plain.limited("16mbit"):
            timer = threading.Timer(3.0, plain.cut)
            timer.start()
            with pytest.raises(ContactError, match="contact with plain was lost"):
                cut_off.apply(wanted)
            timer.join()
            cut_off.close()
            plain.heal()
        made = self.open(lab, plain, root)
        done = self.patiently(lambda: made.apply(wanted))
        made.close()
        assert plain.get(8080).startswith("one|")
        assert done.sent < sum(one.size for one in big) - 1_400_000

    def patiently(self, work):
        for _ in range(100):
            try:
                return work()
            except OccupiedError:
                time.sleep(0.3)
        return work()
