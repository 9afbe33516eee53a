"""What a machine lacks: asked by a program of sh that only reads, and judged here."""

from __future__ import annotations

import shutil
import subprocess
from types import SimpleNamespace

import pytest

from stead.deploy import fitness
from stead.deploy.places import places
from stead.values.deployment import Facts, Member, OneOff, Part, Payload, Service, Tree
from stead.values.errors import CheckError
from stead.values.frozen import replace
from stead.values.kinds import App, Check
from stead.values.origin import Origin
from stead.values.platform import Platform

FACTS = Facts("Linux", "x86_64", "2.36", home="/root")


APP = App(
    "s",
    run=("no-such",),
    commands=(("go", ("no-such", "go")),),
    places=(("run", Origin("stead.toml", 2)), ("commands.go", Origin("stead.toml", 7))),
)


def laid(*checks, platform="linux-64", argv=(), commands=False):
    where = places("/n", "r", "k" * 20, (("/w", ""),), ("/w/a.txt",))
    spec = SimpleNamespace(platform=Platform(platform))
    prepared = SimpleNamespace(
        composed=SimpleNamespace(spec=spec), activation=SimpleNamespace(build="")
    )
    table = SimpleNamespace(entries=(), checks=checks)
    running = SimpleNamespace(prepared=prepared, table=table, app=APP, services=("s",))
    path = (("PATH", f"/n/trees/{'t' * 20}/bin:/usr/bin:/bin"),)
    tool = Tree(
        "t" * 20, "tools", (Part("tool 1", "d", (Member("bin/mytool", content=b"#!/bin/sh\n"),)),)
    )
    service = Service("s", "s", argv, "/", path, makes=("/n/d",))
    more = OneOff("s.go", Service("s.go", "s", ("no-such", "go"), "/", path))
    made = Payload(
        "r", "t", "", "/n", (tool,), services=(service,), commands=(more,) if commands else ()
    )
    return SimpleNamespace(payload=made, checks=checks, running=(running,), where=where)


def here(program):
    """Run the program here, as the machine would."""
    return subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=True).stdout


def faults(*checks, facts=FACTS, ask=lambda _: "", **options):
    try:
        fitness.require(laid(*checks, **options), facts, here, ask)
    except CheckError as error:
        return "\n".join([error.message, *error.details])
    return ""


@pytest.mark.parametrize(
    "check",
    [
        Check("c", "path", "/", expect="directory"),
        Check("c", "path", "/bin/sh", expect="file"),
        Check("c", "path", "a.txt", base=f"/n/trees/{'k' * 20}"),
        Check("c", "path", "/n/d"),
        Check("c", "space", "/no/such/place/yet", expect="1 kB"),
        Check("c", "command", arguments=("sh", "-c", "echo tool 3.1.4"), expect=">=3,<4"),
        Check("c", "command", arguments=("true",)),
        Check("c", "glibc", expect=">=2.28"),
        Check("c", "cpu", expect="1"),
        Check("c", "port", "127.0.0.1:1"),
        Check("c", "run", arguments=("false",)),  # it is asked there, with the code
    ],
)
def test_what_holds(check):
    assert faults(check) == ""


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (Check("c", "path", "/no such"), "/no such is not there"),
        (Check("c", "path", "/bin", expect="file"), "/bin is a directory, not a file"),
        (Check("c", "path", "b.txt", base=f"/n/trees/{'k' * 20}"), "b.txt is not there"),
        (Check("c", "space", "/", expect="1 EiB"), "1048576.0 TiB are needed"),
        (Check("c", "command", arguments=("no-such", "-v")), "there is no command no-such"),
        (Check("c", "command", arguments=("sh", "-c", "exit 3")), "sh ended with 3"),
        (Check("c", "command", arguments=("echo", "1.2"), expect=">=2"), "echo is 1.2, and >=2"),
        (Check("c", "glibc", expect=">=2.40"), "glibc is 2.36, and >=2.40 is needed"),
        (Check("c", "cpu", arguments=("no_such_flag",)), "the processor lacks no_such_flag"),
        (Check("c", "cpu", expect="100000"), "and 100000 are needed"),
        (Check("c", "gpu", "nonesuch"), "there is no graphics processor of nonesuch"),
        (Check("c", "variable", "V"), "V has no value"),
    ],
)
def test_what_does_not_hold(check, says):
    assert says in faults(check)


def test_ports_and_addresses_are_asked_as_the_machine_sees_them():
    asked = []

    def ask(health):
        asked.append((health.url, health.port, health.status, health.timeout))
        return "refused"

    said = faults(
        Check("c", "port", "db:5432", timeout="2s"),
        Check("d", "url", "http://x/", expect="204"),
        ask=ask,
    )
    assert asked == [("", "db:5432", 0, 2.0), ("http://x/", "", 204, 5.0)]
    assert "2 things do not hold" in said
    assert said.count("refused") == 2


@pytest.mark.parametrize("word", ["sh", "/bin/sh", "mytool", "./made", "bin/made", "/n/trees/x/y"])
def test_programs_that_come_or_are_there(word):
    assert faults(argv=(word,)) == ""


def test_a_program_that_is_nowhere_is_said_with_the_line_that_asks_for_it():
    asked = laid(argv=("no-such", "serve"), commands=True)
    with pytest.raises(CheckError) as error:
        fitness.require(asked, FACTS, here)
    assert error.value.message == "this machine: no-such, which s and s.go run, is not there"
    assert str(error.value.where) == "stead.toml:2"
    assert "an image" in error.value.remedy
    # A deploy of pyinfra may bring it, and of an image nobody knows.
    (note,) = fitness.require(asked, FACTS, here, later=True)
    assert note.startswith("pyinfra has to mend: stead.toml:2: no-such")
    assert fitness.require(asked, FACTS, lambda _: "") == ()
    (only,) = faults(argv=("true",), commands=True).splitlines()
    assert only == "this machine: no-such, which s.go runs, is not there"
    assert "/no/such" in faults(argv=("/no/such",))


def test_a_program_of_an_image_is_looked_for_in_its_base():
    """What the machine has on which a container runs does not matter."""

    def asked(*argv, base):
        return faults(argv=argv, facts=replace(FACTS, programs=frozenset(base)))

    assert asked("only-in-the-base", base=["only-in-the-base"]) == ""
    assert asked("/usr/bin/only-in-the-base", base=["only-in-the-base"]) == ""
    assert "sh, which s runs, is not there" in asked("sh", base=["other"])
    assert "/bin/sh, which s runs, is not there" in asked("/bin/sh", base=["other"])
    assert asked("mytool", base=["other"]) == ""
    assert asked("/opt/own/program", base=["other"]) == ""  # only places of programs are known
    assert asked("no-such", base=[]) == ""


def test_another_platform_and_a_musl_machine():
    assert "made for osx-arm64" in faults(platform="osx-arm64")
    musl = Facts("Linux", "x86_64", "")
    assert "another C library" in faults(Check("c", "glibc", expect=">=2"), facts=musl)


def test_nothing_is_asked_of_what_is_no_machine_yet():
    checks = (Check("c", "path", "/no such"), Check("d", "port", "x:1"))
    fitness.require(laid(*checks), FACTS, lambda _: "", lambda _: "")
    fitness.require(laid(*checks), Facts())


def test_the_program_is_safe_from_what_checks_hold(tmp_path):
    mark = tmp_path / "mark"
    for kind, more in (("path", {}), ("space", {"expect": "1 EiB"})):
        faults(Check("c", kind, f"/x'; touch {mark}; '$(touch {mark})", **more))
    faults(Check("c", "command", arguments=(f"x; touch {mark}", f"$(touch {mark})")))
    assert not mark.exists()


def test_before_pyinfra_only_what_it_cannot_change_is_refused():
    fine = [
        Check("disk", "path", "/no/such/place"),
        Check("tool", "command", arguments=("no-such-tool",)),
        Check("db", "port", "127.0.0.1:1"),
    ]
    asked = (FACTS, here, lambda _: "refused")
    notes = fitness.require(laid(*fine), *asked, later=True)
    assert [note.split(":")[1].strip() for note in notes] == [
        "check disk", "check tool", "check db",
    ]  # fmt: skip
    with pytest.raises(CheckError, match="3 things"):
        fitness.require(laid(*fine), *asked)
    with pytest.raises(CheckError, match="check c: glibc is"):
        fitness.require(laid(*fine, Check("c", "glibc", expect=">=9")), *asked, later=True)


def test_what_is_in_an_image_is_never_asked_of_this_machine():
    """Of commands its base tells; of paths nothing does before it runs, and that is said."""
    checks = (
        Check("here", "path", "/no such"),
        Check("sort", "command", arguments=("sort", "--version"), expect=">=1000"),
    )
    known = replace(FACTS, programs=frozenset(["sort"]))
    notes = fitness.require(laid(*checks), known, here, lambda _: "")
    assert notes == tuple(
        f"check {name} is not asked: nothing runs in the image yet" for name in ("here", "sort")
    )
    notes = fitness.require(laid(*checks), known, here, lambda _: "", runs=True)
    assert notes == tuple(
        f"check {name} is asked inside the image, before anything is switched"
        for name in ("here", "sort")
    )
    other = replace(FACTS, programs=frozenset(["perl"]))
    assert "there is no command sort" in faults(*checks, facts=other)
    # Where nobody knows what the base has, nothing is missing.
    assert faults(*checks, facts=replace(FACTS, programs=frozenset())) == ""


def alone(program):
    """Run the program where there is a shell, and nothing else."""
    command = [shutil.which("sh"), "-c", program]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PATH": "/none"}
    )
    return done.stdout


def test_the_inside_of_an_image_answers_with_its_shell_alone():
    fine = (
        Check("cpu", "cpu", expect="100000"),  # it is the machine's, and was asked
        Check("s", "path", "/", expect="directory"),
        Check(
            "sh",
            "command",
            arguments=(shutil.which("sh"), "-c", "echo a 3.1; echo b"),
            expect=">=3",
        ),
        Check("own", "path", "a.txt", base=f"/n/trees/{'k' * 20}"),
    )
    assert fitness.within(laid(*fine))(alone) == ()
    wrong = (Check("old", "command", arguments=fine[2].arguments, expect=">=4"), *fine)
    with pytest.raises(CheckError, match=r"the image: check old: .*sh is 3\.1, and >=4 is needed"):
        fitness.within(laid(*wrong))(alone)
    gone = Check("gone", "path", "/no such")
    with pytest.raises(CheckError, match="2 things do not hold on the image"):
        fitness.within(laid(gone, *wrong))(alone)
    # Without a shell there is no answer, which is no fault.
    assert fitness.within(laid(gone))(lambda _: "") == (
        "check gone was not asked: the image has no shell that answers",
    )
