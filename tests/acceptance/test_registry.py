"""Modules from registries of every kind: real servers on the loopback, real git repositories."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

import pytest

from stead.testing.server import serve

MANIFEST = '[workspace]\nname = "p"\n[registries]\nteam = {}\n'


@pytest.fixture
def item(tmp_path):
    """Give what writes a version of an item into a registry's directory."""

    def write(version="1.0", text="one\ntwo\nthree\n", name="notes"):
        top = tmp_path / "registry" / name
        (top / "files").mkdir(parents=True, exist_ok=True)
        (top / "stead-item.toml").write_text(
            f'name = "{name}"\nkind = "lib"\nversion = "{version}"\nsummary = "Some notes"\n'
            'language = "none"\n'
        )
        (top / "files" / "notes.txt").write_text(text)
        (top / "files" / "README.md").write_text("# Notes\n")

    write()
    return write


@pytest.fixture
def git(machine, tmp_path, item):
    """Give git in the registry's directory, which is a repository."""

    def run(*words):
        done = subprocess.run(
            ["git", *words], cwd=tmp_path / "registry", env=machine.environ, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    run("init", "-q", "-b", "main")
    return run


def place_of(project, where):
    return project({"stead.toml": MANIFEST.format(where)})


def notes(place):
    return (place / "modules" / "notes" / "notes.txt").read_text()


def test_a_module_comes_from_a_server_and_follows_it(machine, project, item, tmp_path):
    machine.ok("registry", "build", "registry", "out", cwd=tmp_path)
    with serve(tmp_path / "out") as site:
        place = place_of(project, f'"{site.url}"')
        assert "notes" in machine.ok("module", "search", "some", "notes", cwd=place)
        shown = machine.json("module", "show", "notes", cwd=place)
        assert (shown["version"], shown["location"]) == ("1.0", site.url)
        machine.ok("module", "add", "notes", cwd=place)
        (place / "modules" / "notes" / "notes.txt").write_text("ONE\ntwo\nthree\n")
        item("1.1", "one\ntwo\nTHREE\n")
        machine.ok("registry", "build", "registry", "out", cwd=tmp_path)
        assert "1.0 → 1.1" in machine.ok("module", "outdated", cwd=place)
        machine.ok("module", "update", cwd=place)
        assert notes(place) == "ONE\ntwo\nTHREE\n"
        machine.ok("module", "update", "notes", "--to", "1.0", cwd=place)
        assert notes(place) == "ONE\ntwo\nthree\n"


def test_a_module_comes_from_git_and_goes_to_tags(machine, project, item, git):
    git("add", "-A")
    git("commit", "-qm", "1")
    git("tag", "notes-1.0")
    first = git("rev-parse", "HEAD")
    item("2.0", "zero\none\ntwo\nthree\n")
    git("add", "-A")
    git("commit", "-qm", "2")
    place = place_of(project, '"git+../registry"')
    machine.ok("module", "add", "notes", cwd=place)
    assert notes(place).startswith("zero\n")
    machine.ok("module", "update", "notes", "--to", "1.0", cwd=place)
    assert notes(place) == "one\ntwo\nthree\n"
    (held,) = machine.json("module", "list", cwd=place)["modules"]
    assert held["version"] == "1.0"
    assert first in (place / "modules" / "notes" / ".stead-module" / "record.toml").read_text()
    machine.ok("module", "update", "notes", "--to", "main", cwd=place)
    assert notes(place).startswith("zero\n")
    said = machine.fails("module", "update", "notes", "--to", "1.7", cwd=place)
    assert "no notes 1.7" in said


def test_one_registry_that_is_gone_hinders_no_other(machine, project, tmp_path):
    place = place_of(project, '"http://127.0.0.1:9/registry"')
    done = machine.run("module", "search", "elasticity", cwd=place)
    assert done.returncode == 0
    assert "elasticity" in done.stdout
    assert "the registry team cannot be reached" in done.stderr
    said = machine.fails("module", "add", "elasticity", "--plan", cwd=place)
    assert "`--registry stead` takes it from there" in said
    machine.ok("module", "add", "stead/elasticity", "--plan", cwd=place)
    said = machine.fails("module", "add", "team/notes", cwd=place)
    assert "http://127.0.0.1:9/registry/index.json" in said
    assert not (place / "modules").exists()


def test_a_registry_that_is_not_known_is_told_with_the_nearest(machine, project, item):
    place = place_of(project, '"../registry"')
    said = machine.fails("module", "add", "taem/notes", cwd=place)
    assert "no registry taem is known; did you mean team?" in said


def hostile(tmp_path, *members):
    """Write a built registry whose only archive holds these members, and says so honestly."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        text = b'name = "notes"\nkind = "lib"\nversion = "1.0"\nsummary = "x"\nlanguage = "none"\n'
        for info, content in ((tarfile.TarInfo("stead-item.toml"), text), *members):
            if content is not None:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if content is not None else None)
    packed = gzip.compress(out.getvalue())
    digest = hashlib.sha256(packed).hexdigest()
    site = tmp_path / "hostile"
    (site / "archives").mkdir(parents=True)
    (site / "archives" / f"{digest}.tar.gz").write_bytes(packed)
    entry = {
        "summary": "x",
        "kind": "lib",
        "integrity": f"sha256:{'0' * 64}",
        "archive": f"archives/{digest}.tar.gz",
        "size": len(packed),
    }
    index = {"format": 1, "name": "x", "items": {"notes": {"1.0": entry}}}
    (site / "index.json").write_text(json.dumps(index))
    return site


def link(name, to):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, to
    return info, None


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([(tarfile.TarInfo("files/../../../evil"), b"x")], "'..'"),
        ([(tarfile.TarInfo("files//etc/evil"), b"x")], "absolute"),
        ([link("files/home", "/root")], "is a link"),
        ([link("files/a", ".."), (tarfile.TarInfo("files/a/evil"), b"x")], "is a link"),
        ([(tarfile.TarInfo("files/nul.txt"), b"x")], "device of Windows"),
        ([(tarfile.TarInfo("files/.git/hooks/post-checkout"), b"x")], "lies in .git"),
    ],
    ids=["above", "absolute", "a link", "through a link", "a device", "hooks"],
)
def test_a_hostile_item_writes_nothing(machine, project, tmp_path, members, says):
    with serve(hostile(tmp_path, *members)) as site:
        place = place_of(project, f'"{site.url}"')
        before = machine.tree(place)
        said = machine.fails("module", "add", "team/notes", cwd=place)
        assert says in said
        assert "nothing was written" in said
        assert machine.tree(place) == before
    assert not (tmp_path / "evil").exists()


def test_an_item_that_is_not_what_its_index_says_shows_both_hashes(machine, project, tmp_path):
    with serve(hostile(tmp_path, (tarfile.TarInfo("files/a"), b"x"))) as site:
        place = place_of(project, f'"{site.url}"')
        said = machine.fails("module", "add", "team/notes", cwd=place)
    assert f"expected: sha256:{'0' * 64}" in said
    assert "found:    sha256:" in said
    assert f"{site.url}/archives/" in said


def test_a_token_comes_from_the_environment_and_is_nowhere_afterwards(
    machine, project, item, tmp_path
):
    machine.ok("registry", "build", "registry", "out", cwd=tmp_path)
    with serve(tmp_path / "out") as site:
        site.password = ("me", "s3cr3t-pass")
        place = place_of(project, f'"{site.url}"')
        said = machine.fails("module", "add", "notes", "--registry", "team", cwd=place)
        assert "STEAD_REGISTRY_TEAM_TOKEN" in said
        login = {"STEAD_REGISTRY_TEAM_USER": "me", "STEAD_REGISTRY_TEAM_PASSWORD": "s3cr3t-pass"}
        told = machine.ok("module", "add", "team/notes", cwd=place, env=login)
    assert "s3cr3t" not in told
    for root in (place, machine.home):
        for parent, _, names in os.walk(root):
            for name in names:
                path = os.path.join(parent, name)
                if not os.path.islink(path):
                    with open(path, "rb") as file:
                        assert b"s3cr3t-pass" not in file.read(), path


def test_a_persons_registries_are_known_without_a_project(machine, item, tmp_path):
    settings = machine.home / ".config" / "stead" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f'[registries]\nmine = "{tmp_path / "registry"}"\n')
    empty = tmp_path / "empty"
    empty.mkdir()
    assert machine.ok("registry", "list", cwd=empty).splitlines()[0].startswith("mine: ")
    machine.ok("module", "add", "notes", cwd=empty)
    assert notes(empty) == "one\ntwo\nthree\n"


def test_mistakes_are_listed_with_their_places(machine, item, tmp_path):
    (tmp_path / "registry" / "notes" / "files" / "a.json").write_text("{")
    done = machine.run("registry", "validate", "registry", cwd=tmp_path)
    assert done.returncode == 1
    where = tmp_path / "registry" / "notes" / "files" / "a.json"
    assert done.stdout.startswith(f"{where}: this cannot be read")
    assert done.stdout.endswith("1 item: 1 mistake\n")
    found = json.loads(
        machine.run("registry", "validate", "registry", "--json", cwd=tmp_path).stdout
    )
    assert [m["where"] for m in found["mistakes"]] == [str(where)]
