"""`uses` of a registry's item: pinned by version and hash, fetched, verified."""

from __future__ import annotations

import shutil
import tomllib

import pytest

from stead.testing.server import serve

LIB = """
[module]
kind = "lib"
[module.accepts]
PG_POOL = { type = "int", min = 1, default = %d }
"""

PLACE = """
[workspace]
name = "p"
%s
[client.store]
uses = "pgdriver"
[app.x]
clients = ["store"]
run = ["sh", "-c", "echo $PG_POOL"]
"""


@pytest.fixture
def registry(tmp_path):
    """Give what writes a version of an item whose default says which it is."""

    def write(pool, version="1.0", more="", at="registry", name="pgdriver"):
        top = tmp_path / at / name
        (top / "files").mkdir(parents=True, exist_ok=True)
        (top / "stead-item.toml").write_text(
            f'name = "{name}"\nkind = "lib"\nversion = "{version}"\nsummary = "x"\n{more}'
        )
        (top / "files" / "stead.toml").write_text(LIB % pool)
        return top

    write(3)
    return write


@pytest.fixture
def place(tmp_path, registry):
    """Give what writes the manifest of a place that uses the item."""
    root = tmp_path / "p"
    root.mkdir()

    def write(uses='pgdriver = "1.0"', team='"../registry"'):
        tables = f"[registries]\nteam = {team}\n[uses]\n{uses}"
        (root / "stead.toml").write_text(PLACE % tables)
        return root

    write.root = root
    write()
    return write


def pool(machine, root, *words):
    return machine.ok("run", *words, "x", cwd=root).strip()


def pins(root):
    return tomllib.loads((root / "stead.lock").read_text()).get("pin", {})


def forget(machine):
    """Take away what was fetched."""
    shutil.rmtree(machine.stead_home / "modules")


@pytest.mark.parametrize(
    "uses",
    [
        'pgdriver = "1.0"',
        'pgdriver = "*"',
        'pgdriver = { registry = "team" }',
        'pgdriver = { registry = "team", version = "1.0" }',
    ],
)
def test_an_item_brings_what_it_accepts(machine, place, uses):
    root = place(uses)
    assert pool(machine, root) == "3"
    pin = pins(root)["pgdriver"]
    assert pin["version"] == "1.0"
    assert pin["integrity"].startswith("sha256:")
    assert str(root.parent) not in (root / "stead.lock").read_text()
    assert "pgdriver: registry:" in machine.ok("use", cwd=root)


def test_an_item_changed_under_its_pin_is_refused_with_its_hashes(machine, place, registry):
    root = place()
    pool(machine, root)
    pinned = pins(root)["pgdriver"]["integrity"]
    registry(4)
    assert pool(machine, root) == "3"  # what is here stays what it was
    forget(machine)
    said = machine.fails("run", "x", cwd=root)
    assert "is not what was pinned" in said
    assert f"expected: {pinned}" in said
    assert "found:    sha256:" in said
    assert f"{root / 'stead.toml'}:7: team (../registry)" in said
    assert not list(machine.stead_home.glob("modules/*"))


def test_the_lock_stays_until_it_is_asked_for_more(machine, place, registry):
    root = place('pgdriver = "*"')
    assert pool(machine, root) == "3"
    registry(4, "1.1")
    assert pool(machine, root) == "3"
    machine.ok("use", "pgdriver", cwd=root)
    assert pool(machine, root) == "4"
    assert pins(root)["pgdriver"]["version"] == "1.1"
    machine.ok("undo", cwd=root)
    assert pins(root)["pgdriver"]["version"] == "1.0"
    assert pool(machine, root) == "3"


def test_another_version_by_one_command(machine, place, registry, tmp_path):
    machine.ok("registry", "build", "registry", "out", cwd=tmp_path)
    registry(4, "1.1")
    machine.ok("registry", "build", "registry", "out", cwd=tmp_path)
    for uses in ('pgdriver = "1.0" # ours', 'pgdriver = { registry = "team", version = "1.0" }'):
        root = place(uses, team='"../out"')
        assert pool(machine, root) == "3"
        machine.ok("use", "pgdriver@1.1", cwd=root)
        assert pool(machine, root) == "4"
        assert uses.replace("1.0", "1.1") in (root / "stead.toml").read_text()
    assert "did you mean 1.1" in machine.fails("use", "pgdriver@1.11", cwd=root)


def test_an_item_is_taken_in_by_one_command(machine, place):
    root = place("")
    machine.ok("use", "registry:team/pgdriver@1.0", cwd=root)
    assert pool(machine, root) == "3"
    used = machine.json("use", cwd=root)
    assert [(u["name"], u["kind"], u["version"]) for u in used] == [("pgdriver", "registry", "1.0")]
    assert "cannot be called other" in machine.fails(
        "use", "other=registry:pgdriver", cwd=root, code=2
    )


def test_a_clone_gets_the_pinned_item_from_a_server(machine, place, registry, tmp_path):
    """The newer version counts for nobody whom the lock tells otherwise."""
    machine.ok("registry", "build", "registry", "out", cwd=tmp_path)
    with serve(tmp_path / "out") as site:
        root = place('pgdriver = "*"', team=f'"{site.url}"')
        assert pool(machine, root) == "3"
        registry(4, "1.1")
        machine.ok("registry", "build", "registry", "out", cwd=tmp_path)
        forget(machine)
        shutil.rmtree(machine.stead_home / "registries")
        assert pool(machine, root, "--locked") == "3"
        forget(machine)
    # The server is gone: what it said last is kept.
    assert pool(machine, root, "--offline") == "3"
    assert pool(machine, root) == "3"


def test_a_registry_in_git_is_read_at_the_commit_of_the_pin(machine, place, registry, tmp_path):
    import subprocess

    def git(*words):
        subprocess.run(
            ["git", *words], cwd=tmp_path / "registry", env=machine.environ, check=True,
            capture_output=True,
        )  # fmt: skip

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "1")
    root = place('pgdriver = "*"', team='"git+../registry"')
    assert pool(machine, root) == "3"
    registry(4, "1.1")
    git("add", "-A")
    git("commit", "-qm", "2")
    forget(machine)
    assert pool(machine, root) == "3"
    machine.ok("use", "pgdriver", cwd=root)
    assert pool(machine, root) == "4"


def test_an_item_that_two_registries_have_must_be_told_apart(machine, place, registry):
    root = place('pgdriver = "*"')
    registry(7, at="other")
    text = (root / "stead.toml").read_text()
    (root / "stead.toml").write_text(text.replace("[uses]", 'more = "../other"\n[uses]'))
    said = machine.fails("run", "x", cwd=root)
    assert "several registries have pgdriver" in said
    assert 'pgdriver = { registry = "team" }' in said
    machine.ok("use", "registry:more/pgdriver", cwd=root)
    assert pool(machine, root) == "7"


@pytest.mark.parametrize(
    ("uses", "says"),
    [
        ('pgdrivr = "1.0"', "no registry has pgdrivr; did you mean pgdriver?"),
        ('pgdriver = "2.0"', "has no pgdriver 2.0"),
        ('pgdriver = { registry = "tame" }', "no registry tame is known; did you mean team?"),
        ('pgdriver = { registry = "team", options = { size = 1 } }', "has no option size"),
    ],
)
def test_what_is_not_there_is_told_with_what_is_near(machine, place, uses, says):
    said = machine.run("run", "x", cwd=place(uses))
    assert said.returncode
    assert says in said.stderr


def test_options_are_filled_in(machine, place, registry):
    option = '[options.pool]\ntype = "int"\ndefault = 8\n'
    registry(3, more=f'render = ["stead.toml"]\n{option}')
    (place.root.parent / "registry" / "pgdriver" / "files" / "stead.toml").write_text(
        LIB.replace("%d", "{{ pool }}")
    )
    assert pool(machine, place()) == "8"
    root = place('pgdriver = { version = "1.0", options = { pool = 9 } }')
    assert pool(machine, root) == "9"
    assert pool(machine, place()) == "8"


def test_an_item_whose_source_must_be_installed_is_to_be_added(machine, place, registry):
    (place.root.parent / "registry" / "pgdriver" / "files" / "stead.toml").write_text(
        LIB % 3 + '[packages.pypi]\npgdriver = { path = "." }\n'
    )
    said = machine.fails("run", "x", cwd=place())
    assert "`stead module add pgdriver` copies its source" in said


def test_an_item_has_no_working_copy(machine, place):
    root = place()
    pool(machine, root)
    assert "stead module add pgdriver" in machine.fails("work", "pgdriver", cwd=root, code=2)
