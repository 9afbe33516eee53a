"""What a plan names: everything that will be otherwise, and no secret."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from stead.deploy.plan import lines, plan
from stead.deploy.record import digest_of, key_in, read, record_of, written
from stead.values.deployment import (
    Facts,
    Health,
    HeldData,
    OneOff,
    Part,
    Payload,
    PlacedFile,
    Service,
    Tree,
)
from stead.values.frozen import replace


def payload(**changes):
    service = Service(
        "web", "web", ("serve",), "/n", (("A", "1"),), ("PASS",), ports=(80,), makes=("/n/d",)
    )
    made = Payload(
        "r",
        "t",
        "",
        "/n",
        trees=(Tree("k" * 20, "code", (Part("code", "d1", size=10), Part("lib 1", "d2", size=5))),),
        services=(service,),
        commands=(OneOff("web.go", replace(service, name="web.go"), release=True),),
        files=(PlacedFile("/n/recipes/r/generations/@GENERATION@/files/a", b"pw", secret=True),),
        checks=(Health(url="http://x/"),),
        variables=(("A", "1"), ("PASS", "<secret>")),
        secrets=(("web", "PASS", "hunter2"), ("web.go", "PASS", "hunter2")),
    )
    return replace(made, **changes)


def compared(new, old=None, **facts):
    running = record_of(old, "key") if old else {}
    record = record_of(new, key_in(json.dumps(running)) if running else "key")
    digest = digest_of(record)
    known = Facts(running=digest_of(running) if running else "", **{"init": "none", **facts})
    return plan(new, record, running, digest=digest, facts=known)


def named(found):
    return {(c.verb, c.kind, c.name) for c in found.changes}


def test_the_first_names_all_there_is():
    found = compared(payload())
    assert named(found) == {
        ("add", "tree", "code"),
        ("add", "service", "web"),
        ("add", "command", "web.go"),
        ("add", "variable", "A"),
        ("add", "variable", "PASS"),
        ("add", "file", "a"),
        ("add", "check", "http://x/ answers"),
    }
    assert [p.name for p in found.send] == ["code", "lib 1"]
    assert (found.bytes, found.release, found.restarts) == (15, ("web.go",), ())


def test_another_version_of_data_is_named():
    held = HeldData("scans", "2024", "/srv/scans")
    found = compared(payload(data=(replace(held, version="2025"),)), payload(data=(held,)))
    assert named(found) == {("change", "data", "scans")}
    assert "  ~ data scans: 2024 at /srv/scans → 2025 at /srv/scans" in lines(found)
    assert named(compared(payload(), payload(data=(held,)))) == {("remove", "data", "scans")}


def test_the_same_changes_nothing():
    found = compared(payload(), payload())
    assert found.nothing
    assert not (found.send)
    assert not (found.restarts)
    assert not (found.release)
    assert lines(found) == ["r on t: nothing changes (generation 0)"]


def test_what_should_run_and_does_not_is_started_again():
    record = record_of(payload(), "key")
    facts = Facts(running=digest_of(record), standing=False)
    found = plan(payload(), record, record, digest=digest_of(record), facts=facts)
    assert (found.changes, found.nothing, found.again) == ((), False, True)


def test_a_part_that_is_there_is_not_sent():
    other = Tree("l" * 20, "code", (Part("code", "d3", size=7), Part("lib 1", "d2", size=5)))
    found = compared(payload(trees=(other,)), payload(), parts=frozenset(["d1", "d2"]))
    assert [p.name for p in found.send] == ["code"]
    assert named(found) == {("change", "tree", "code")}
    assert found.restarts == ("web",)


def test_each_thing_that_changes_is_named():
    base = payload()
    service = replace(base.services[0], argv=("serve", "-v"), ports=(81,))
    changed = payload(
        services=(service, replace(service, name="web-2", ports=(82,))),
        variables=(("B", "2"), ("PASS", "<secret>")),
        files=(PlacedFile("/n/recipes/r/generations/@GENERATION@/files/b", b"x"),),
        checks=(Health(port="80"),),
        commands=(),
        keep=2,
    )
    assert named(compared(changed, base)) == {
        ("change", "service", "web"),
        ("add", "service", "web-2"),
        ("remove", "command", "web.go"),
        ("remove", "variable", "A"),
        ("add", "variable", "B"),
        ("remove", "file", "a"),
        ("add", "file", "b"),
        ("remove", "check", "http://x/ answers"),
        ("add", "check", "80 accepts connections"),
        ("change", "setting", "keep"),
    }


def test_another_secret_is_named_and_not_shown():
    changed = payload(secrets=(("web", "PASS", "hunter3"), ("web.go", "PASS", "hunter3")))
    found = compared(changed, payload())
    assert named(found) == {("change", "variable", "PASS")}
    assert "hunter" not in "\n".join(lines(found))


def test_even_what_no_line_is_made_of_is_a_change():
    service = replace(payload().services[0], makes=("/n/e",))
    assert not compared(payload(services=(service,)), payload()).nothing


@given(st.text(min_size=8), st.text(min_size=8))
def test_a_record_holds_no_secret_and_tells_two_apart(one, other):
    def record(secret):
        return record_of(
            payload(
                secrets=(("web", "PASS", secret), ("web.go", "PASS", secret)),
                files=(PlacedFile("/f", secret.encode("utf-8", "surrogatepass"), secret=True),),
            ),
            "key",
        )

    text = written(record(one))
    plain = written(record(""))
    assert one not in text or one in plain
    assert (digest_of(record(one)) == digest_of(record(other))) == (one == other)
    assert read(text) == json.loads(json.dumps(record(one)))
    assert key_in(text) == "key"


def test_the_digest_of_a_secret_needs_the_key():
    assert (
        record_of(payload(), "a")["services"][0]["secrets"]
        != (record_of(payload(), "b")["services"][0]["secrets"])
    )
    assert key_in("") != key_in("")
    assert read("[1]") == read("no json") == read('{"format": 99}') == {}


def test_units_are_named():
    found = compared(payload(), init="systemd-user")
    assert lines(found)[-1] == "  kept running by the user's systemd: stead-r-web.service"
    assert lines(compared(payload(), init="none"))[-1] == "  kept running by a supervisor"
