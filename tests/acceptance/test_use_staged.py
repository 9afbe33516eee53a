"""`use` and `work` inside a transaction: staged, in effect there, and held or dropped as a whole."""

from __future__ import annotations

import pytest

MANIFEST = "# mine\n[uses]\nshared = {{ git = '{url}', rev = 'v1' }}\n[vars]\nOWN = '${{LEVEL}}x'\n"


@pytest.fixture
def place(machine, project, forge):
    for level in ("1", "2"):
        forge.push("shared", {"stead.toml": f"[vars]\nLEVEL = '{level}'\n"}, tag=f"v{level}")
    root = project({"stead.toml": MANIFEST.format(url=forge.url("shared"))})
    machine.ok("lock", cwd=root)
    return root


def state(root):
    return {name: (root / name).read_bytes() for name in ("stead.toml", "stead.lock")}


def script(machine, root, text, *options):
    return machine.run("shell", *options, "-c", f"set -eu; {text}", cwd=root)


def test_use_is_staged_and_committed_with_the_rest(machine, place, tmp_path):
    before, seen = state(place), tmp_path / "seen"
    done = script(
        machine,
        place,
        f"echo $OWN; stead use shared@v2 >&2; echo $OWN; cat stead.toml >{seen};"
        " stead use | cut -d' ' -f3; stead set MORE=1 >&2; echo $OWN $MORE",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1x", "2x", "v2", "2x", "1"]
    assert seen.read_bytes() == before["stead.toml"]  # nothing of the place before the end
    entries = machine.json("log", cwd=place)
    assert entries[0]["command"] == ["shell"]
    assert entries[0]["reason"] == "use shared@v2; set MORE"
    assert [m["requested"] for m in entries[0]["modules"]] == ["v2"]
    assert "→ v2" in machine.ok("diff", cwd=place).splitlines()[0]
    machine.ok("undo", cwd=place)
    assert state(place) == before


@pytest.mark.parametrize(
    "words",
    [
        "stead use shared@v2",
        "stead set OWN=1; stead use --drop shared",
        "stead use shared=../forge/seat-shared",
        "stead use shared=git+{url}@v2; stead use shared@v1; stead use shared",
    ],
)
def test_what_fails_leaves_the_place_as_it_was(machine, place, forge, words):
    before, count = state(place), len(machine.json("log", cwd=place))
    done = script(machine, place, words.format(url=forge.url("shared")) + "; exit 3")
    assert done.returncode == 3, done.stderr
    assert state(place) == before
    assert len(machine.json("log", cwd=place)) == count
    assert machine.ok("run", "sh", "-c", "echo $OWN", cwd=place) == "1x\n"


def test_what_cannot_be_used_stages_nothing(machine, place):
    before = state(place)
    done = script(machine, place, "stead use shared@v9 || stead use shard@v1 || echo $OWN")
    assert (done.returncode, done.stdout) == (0, "1x\n")
    assert "there are: main, v1, v2\n" in done.stderr
    assert "did you mean shared?" in done.stderr
    assert state(place) == before


def test_dry_run_tells_of_modules(machine, place):
    before = state(place)
    done = script(machine, place, "stead use shared@v2 >&2", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "~ module shared v1" in done.stdout
    assert state(place) == before


def test_working_copies_are_not_for_a_transaction(machine, place):
    """A clone, or the end of one, is no file that could be staged."""
    before = state(place)
    done = script(machine, place, "stead work shared")
    assert done.returncode != 0
    assert "`stead work` takes effect at once" in done.stderr
    assert state(place) == before
    machine.ok("work", "shared", cwd=place)
    copy = place.parent / "shared"
    (copy / "stead.toml").write_text("[vars]\nLEVEL = 'mine'\n", encoding="utf-8")
    done = script(
        machine, place, "stead use shared=../shared; stead use --drop shared || true; exit 3"
    )
    assert done.returncode == 3, done.stderr
    assert (copy / "stead.toml").read_text(encoding="utf-8") == "[vars]\nLEVEL = 'mine'\n"
    assert machine.ok("run", "sh", "-c", "echo $OWN", cwd=place) == "minex\n"


def test_completion_offers_what_is_staged(machine, place):
    extra = place.parent / "extra"
    extra.mkdir()
    (extra / "stead.toml").write_text("[vars]\nEXTRA = '1'\n", encoding="utf-8")
    done = script(
        machine,
        place,
        "stead use extra=../extra >&2; stead savepoint early >&2;"
        " for kind in used goal generation; do stead __complete $kind | cut -f1 | tr '\\n' ' ';"
        " echo; done",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:] == ["extra shared ", "early to ", "1 "]
    after = machine.ok("__complete", "goal", cwd=place)
    assert [line.split("\t")[0] for line in after.splitlines()] == ["1", "2"]


def test_collection_leaves_the_modules_that_are_staged(machine, place):
    modules = machine.stead_home / "modules"
    done = script(
        machine,
        place,
        "stead use shared@v2; stead savepoint two; stead use shared@v1; stead set MORE=1;"
        f" find {modules} -maxdepth 1 -exec touch -d @1000000000 {{}} +; ls {modules} >before;"
        f" stead gc --no-history; ls {modules} >after; exit 1",
    )
    assert done.returncode == 1, done.stderr
    before = (place / "before").read_text().split()
    assert len(before) == 2
    assert (place / "after").read_text().split() == before, done.stdout
