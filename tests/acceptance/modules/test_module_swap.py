"""`module swap`: another module with the same interface, which the tests of the old one say."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

ITEM = """
name = "{name}"
kind = "app"
version = "{version}"
summary = "Says what it is"
language = "none"
[commands]
run = ["sh", "{name}.sh", "run"]
test = [["sh", "tests/all.sh"]]
"""


@pytest.fixture
def registry(tmp_path):
    """Give what writes an item: a script that prints, and tests of what it prints."""

    def write(name, says, expects, version="1.0", at="registry"):
        top = tmp_path / at / name
        (top / "files" / "tests").mkdir(parents=True, exist_ok=True)
        (top / "stead-item.toml").write_text(ITEM.format(name=name, version=version))
        (top / "files" / f"{name}.sh").write_text(f"echo {says}\n")
        (top / "files" / "tests" / "all.sh").write_text(
            f'test "$(sh *.sh)" = "{expects}" || {{ echo "not {expects}"; exit 1; }}\n'
        )
        return top

    write("bubble", "1 2 3", "1 2 3")
    write("quick", "1 2 3", "1 2 3")
    write("slow", "3 2 1", "3 2 1")
    write("bubble", "1-2-3", "1-2-3", "2.0", at="other")
    return write


@pytest.fixture
def place(machine, project, registry):
    root = project(
        {
            "stead.toml": '# ours\n[workspace]\nname = "p"\n[registries]\nteam = "../registry"\n'
            'other = "../other"\n[tasks]\nmine = ["true"]\n'
        }
    )
    machine.ok("module", "add", "team/bubble", cwd=root)
    return root


def test_a_module_is_replaced_by_one_with_its_interface(machine, place):
    planned = machine.json("module", "swap", "bubble", "quick", "--plan", cwd=place)
    assert "modules/bubble/bubble.sh" in planned["remove"]
    assert (place / "modules" / "bubble").exists()
    said = machine.ok("module", "swap", "bubble", "quick", cwd=place)
    assert "replaced bubble by quick 1.0 in modules/quick; 1 file of tests kept" in said
    assert not (place / "modules" / "bubble").exists()
    assert machine.ok("run", "quick", cwd=place) == "1 2 3\n"
    assert "quick: passed" in machine.ok("test", "--module", "quick", cwd=place)
    text = (place / "stead.toml").read_text()
    assert text.startswith("# ours\n")
    assert "bubble" not in text
    assert 'mine = ["true"]' in text
    (found,) = machine.json("module", "list", cwd=place)["modules"]
    assert found["name"] == "quick"


def test_what_it_needs_is_there_where_it_is_tried(machine, place, registry):
    """Also what the project has already."""
    registry("base", "1", "1")
    validated = machine.json("module", "show", "team/base", cwd=place)
    top = registry("calls", "", "1 2 3")
    need = f'[needs.base]\nversion = "1.0"\nintegrity = "{validated["integrity"]}"\n'
    (top / "stead-item.toml").write_text((top / "stead-item.toml").read_text() + need)
    (top / "files" / "calls.sh").write_text("test -e ../base/base.sh && echo 1 2 3\n")
    machine.ok("module", "add", "team/base", cwd=place)
    machine.ok("module", "swap", "bubble", "calls", cwd=place)
    assert machine.ok("run", "calls", cwd=place) == "1 2 3\n"


def test_what_fails_the_old_ones_tests_is_refused(machine, place):
    before = machine.tree(place)
    said = machine.fails("module", "swap", "bubble", "slow", cwd=place)
    assert "slow has not the interface of bubble: its tests fail" in said
    assert "not 1 2 3" in said
    assert machine.tree(place) == before


def test_the_tests_that_count_are_those_that_are_here(machine, place):
    """A test that the user wrote is part of the interface, and moves along."""
    (place / "modules" / "bubble" / "tests" / "all.sh").write_text('test "$(sh *.sh)" = "3 2 1"\n')
    (place / "modules" / "bubble" / "tests" / "more.sh").write_text("# mine\n")
    assert "its tests fail" in machine.fails("module", "swap", "bubble", "quick", cwd=place)
    machine.ok("module", "swap", "bubble", "slow", cwd=place)
    assert (place / "modules" / "slow" / "tests" / "more.sh").read_text() == "# mine\n"
    assert "slow: passed" in machine.ok("test", "--module", "slow", cwd=place)


def test_what_the_user_wrote_is_not_lost(machine, place):
    (place / "modules" / "bubble" / "bubble.sh").write_text("echo 1 2 3 # mine\n")
    (place / "modules" / "bubble" / "notes.txt").write_text("mine\n")
    before = machine.tree(place)
    said = machine.fails("module", "swap", "bubble", "quick", cwd=place)
    assert "what you changed in bubble would be lost" in said
    assert "bubble.sh" in said
    assert "notes.txt" in said
    assert machine.tree(place) == before
    machine.ok("module", "swap", "bubble", "quick", "--discard", cwd=place)
    assert not (place / "modules" / "bubble").exists()


def test_what_the_user_changed_in_the_manifest_stays_and_is_told(machine, place):
    text = (place / "stead.toml").read_text()
    changed = text.replace('description = "Says what it is"', 'description = "Ours"')
    assert changed != text
    (place / "stead.toml").write_text(
        f'{changed}\n[recipe.both]\napp = ["bubble"]\n'  # names what will be gone
    )
    done = machine.run("module", "swap", "bubble", "quick", cwd=place)
    assert done.returncode == 0
    assert "stead.toml:app.bubble.description was changed and stays" in done.stderr
    assert 'app = ["bubble"]' in done.stderr
    assert 'description = "Ours"' in (place / "stead.toml").read_text()


def test_the_same_name_from_another_registry(machine, place):
    said = machine.fails("module", "swap", "bubble", "other/bubble", cwd=place)
    assert "its tests fail" in said
    (place / "modules" / "bubble" / "tests" / "all.sh").write_text("true\n")
    machine.ok("module", "swap", "bubble", "other/bubble", cwd=place)
    assert (place / "modules" / "bubble" / "bubble.sh").read_text() == "echo 1-2-3\n"
    assert (place / "modules" / "bubble" / "tests" / "all.sh").read_text() == "true\n"
    (found,) = machine.json("module", "list", cwd=place)["modules"]
    assert (found["version"], found["registry"]) == ("2.0", "other")
    assert "bubble: passed" in machine.ok("test", "--module", "bubble", cwd=place)


def test_the_new_block_alone_is_deployed(machine, place):
    text = (place / "stead.toml").read_text()
    (place / "stead.toml").write_text(f'{text}\n[target.here]\nkind = "local"\n')
    (place.parent / "registry" / "quick" / "files" / "deploy.py").write_text(
        "import pathlib, sys\npathlib.Path('deployed').write_text(' '.join(sys.argv[1:]))\n"
    )
    machine.ok("module", "swap", "bubble", "quick", "--deploy", "here", cwd=place)
    assert (place / "modules" / "quick" / "deployed").exists()


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("buble", "quick"), "did you mean bubble?", 2),
        (("bubble", "quik"), "did you mean quick?", 1),
        (("bubble", "quick", "--size", "3"), "has no option size", 2),
    ],
)
def test_what_is_not_there_is_told_with_what_is_near(machine, place, words, says, code):
    assert says in machine.fails("module", "swap", *words, cwd=place, code=code)


def test_a_module_without_tests_has_no_interface(machine, place):
    (place / "modules" / "bubble" / "tests" / "all.sh").unlink()
    said = machine.fails("module", "swap", "bubble", "quick", cwd=place, code=2)
    assert "has no tests, and these are its interface" in said


def test_it_is_killed_without_a_trace(machine, place):
    """Whatever was written then, the next command takes it back or finishes it."""
    before = {p.relative_to(place): p.read_bytes() for p in place.rglob("*") if p.is_file()}
    script = (
        "import os, sys\n"
        "from stead.store import journal\n"
        "own = os.replace\n"
        "left = [int(sys.argv.pop(1))]\n"
        "def replace(*a, **k):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0: os._exit(9)\n"
        "    return own(*a, **k)\n"
        "os.replace = replace\n"
        "from stead.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    ends = set()
    for count in range(0, 60, 6):
        done = subprocess.run(
            [os.path.join(os.path.dirname(machine.program), "python"), "-c", script, str(count),
             "module", "swap", "bubble", "quick"],
            cwd=place, env={**machine.environ, "PWD": str(place)}, capture_output=True, check=False,
        )  # fmt: skip
        machine.run("module", "list", cwd=place)
        machine.run("module", "add", "nothing-such", cwd=place)  # a command that finishes things
        now = {p.relative_to(place): p.read_bytes() for p in place.rglob("*") if p.is_file()}
        swapped = (place / "modules" / "quick").exists()
        assert swapped != (place / "modules" / "bubble" / "bubble.sh").exists()
        assert swapped or now == before
        ends.add(done.returncode)
        if swapped:
            break
    assert 9 in ends


STAYS = """\
[ "$1" = run ] || exec echo 1 2 3
echo "{name} runs"
while :; do sleep 1; done
"""


@pytest.fixture
def deployed(machine, place):
    """Let `bubble` run on one of two targets, and give what tells what runs there."""
    for name in ("bubble", "quick"):
        item = place.parent / "registry" / name
        (item / "files" / f"{name}.sh").write_text(STAYS.format(name=name))
        described = ITEM.format(name=name, version="1.1")
        (item / "stead-item.toml").write_text(
            described.replace("[commands]", 'listens = ["PORT"]\n[commands]')
        )
    machine.ok("module", "remove", "bubble", cwd=place)
    machine.ok("module", "add", "team/bubble", cwd=place)
    (place / "stead.toml").write_text(
        (place / "stead.toml").read_text()
        + '[target.here]\ndirectory = "../node"\nservices = "supervise"\n'
        + '[target.there]\ndirectory = "../other-node"\nservices = "supervise"\n'
    )
    machine.ok("deploy", "bubble", "here", cwd=place)

    def runs(recipe):
        status = machine.json("deploy", "status", recipe, "here", cwd=place)["nodes"][0]
        return status["generation"], [(s["name"], s["state"]) for s in status["services"]]

    try:
        yield runs
    finally:
        machine.run("node", "down", "bubble", "here", cwd=place)


@pytest.mark.slow
def test_where_the_old_block_runs_the_new_one_takes_its_place(machine, place, deployed):
    """As the same recipe: one can go back to what ran before. No other target hears of it."""
    planned = machine.json("module", "swap", "bubble", "quick", "--plan", cwd=place)
    assert planned["runs"] == [{"recipe": "bubble", "targets": ["here"]}]
    assert deployed("bubble") == (1, [("bubble", "running")])
    done = machine.run("module", "swap", "bubble", "quick", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deploying quick alone to here, as recipe bubble" in done.stderr
    assert "- service bubble" in done.stdout
    assert "still names" not in done.stderr
    assert deployed("bubble") == (2, [("quick", "running")])
    assert not (place.parent / "other-node").exists()
    assert '[recipe.bubble]\napp = "quick"\n' in (place / "stead.toml").read_text()
    assert "nothing changes" in machine.ok("deploy", "bubble", "here", cwd=place)
    machine.ok("deploy", "rollback", "bubble", "here", cwd=place)
    assert deployed("bubble") == (1, [("bubble", "running")])

    # And back again: machines are left alone where that is said.
    answer = machine.json("module", "swap", "quick", "team/bubble", "--no-deploy", cwd=place)
    assert answer["deployed"] == []
    assert deployed("bubble")[1] == [("bubble", "running")]


@pytest.mark.slow
def test_a_new_block_that_is_not_well_is_taken_back(machine, place, deployed):
    """The swap is kept, the machine runs what it ran; and what cannot be asked is told."""
    quick = place.parent / "registry" / "quick" / "files" / "quick.sh"
    quick.write_text('[ "$1" != run ] || exit 3\necho 1 2 3\n')
    text = (place / "stead.toml").read_text()
    far = '[target.far]\nkind = "ssh"\nhosts = ["nobody.invalid"]\n'
    (place / "stead.toml").write_text(text + far)
    done = machine.run("module", "swap", "bubble", "quick", "--json", cwd=place)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert [(one["recipe"], one["code"]) for one in answer["deployed"]] == [("bubble", 1)]
    assert "whether it runs there is not known: bubble on far (nobody.invalid)" in done.stderr
    assert deployed("bubble") == (1, [("bubble", "running")])
    assert (place / "modules" / "quick").exists()


def test_what_is_deployed_nowhere_is_told_with_how_it_would_be(machine, place):
    done = machine.run("module", "swap", "bubble", "quick", cwd=place)
    assert done.returncode == 0
    assert "deployed nowhere; `stead deploy --module quick TARGET` brings" in done.stderr
    done = machine.run("module", "swap", "quick", "bubble", "--deploy", "nowhere", cwd=place)
    assert "there is no target nowhere" in done.stderr
    assert (place / "modules" / "quick").exists()
