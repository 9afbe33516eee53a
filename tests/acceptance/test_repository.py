"""What holds for the repository as a whole, and for all commands alike."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stead.cli.main import COMMANDS, GROUPS, parser_of, shown_of

REPOSITORY = Path(__file__).parents[2]

MANIFEST = """\
[packages.pypi]
branch = "*"

[vars]
GREETING = "hello"

[tasks]
greet = ["printenv", "GREETING"]

[layer.check]
commands = [["true"]]
"""

# What says how to reach an index from here.
NETWORK = re.compile(r"(UV|PIP|SSL|REQUESTS|CURL)_|(?i:https?|all|no)_proxy\Z")

# Commands that answer something, as words and as what the answer is.
READING = {
    "status": dict,
    "env list": list,
    "env list --interpreters": list,
    "env show": dict,
    "env path": dict,
    "env vars": dict,
    "tree": dict,
    "why leaf": list,
    "trust --show": dict,
    "trust --list": dict,
    "gc --dry-run": dict,
    "store usage": dict,
    "store path": dict,
    "store verify": dict,
    "check": dict,
    "explain GREETING": dict,
    "config list": list,
    "config diff default default": dict,
    "log": list,
    "diff": dict,
    "test --list": dict,
    "test --config": dict,
    "test --plan": dict,
    "module search": dict,
    "registry list": list,
    "book list": list,
    "module show elasticity": dict,
    "module add elasticity --plan": dict,
}
ACTING = {
    "lock": list,
    "lock --upgrade": list,
    "build": dict,
    "add tool": dict,
    "remove tool": dict,
    "trust --yes": dict,
    "gc": dict,
    "set GREETING=hi": dict,
    "unset GREETING": dict,
    "undo": dict,
    "redo": dict,
    "rollback 1": dict,
    "adopt": dict,
    "restore --yes": dict,
}
# Those whose answer is text, which another program reads as it is.
TEXT = (
    "schema",
    "test --matrix gitlab",
    "hook bash",
    "env vars --shell sh",
    "export --format requirements",
)


def built(machine, root: Path) -> Path:
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "x").touch()
    (root / "stead.toml").write_text(MANIFEST, encoding="utf-8")
    machine.ok("build", cwd=root)
    return root


@pytest.fixture
def place(machine, tmp_path):
    return built(machine, tmp_path / "place")


@pytest.fixture(scope="module")
def reader(make_account, index):
    """An account and a place for what only reads, which changes neither."""
    machine = make_account(index)
    return machine, built(machine, machine.home.parent / "place")


@pytest.fixture(scope="module")
def stranger(make_account, index):
    """An account and a place of which nothing was ever made."""
    machine = make_account(index)
    root = machine.home.parent / "place"
    root.mkdir()
    (root / "stead.toml").write_text(MANIFEST, encoding="utf-8")
    return machine, root


@pytest.fixture
def wine(machine, tmp_path):
    """A copy of the example, and the way to the index that this machine's user has."""
    del machine.environ["UV_DEFAULT_INDEX"]
    machine.environ |= {n: v for n, v in os.environ.items() if NETWORK.match(n)}
    root = tmp_path / "wine"
    shutil.copytree(
        REPOSITORY / "examples" / "wine", root, ignore=shutil.ignore_patterns("build", "*.lock")
    )
    return root


@pytest.mark.network
@pytest.mark.slow
def test_the_example_of_the_readme_prints_a_table_and_writes_a_plot(machine, wine, tmp_path):
    def report(*words: str, cwd: Path) -> None:
        plot = wine / "build" / "wine.png"
        plot.unlink(missing_ok=True)
        done = machine.run(*words, cwd=cwd, timeout=900)
        assert done.returncode == 0, done.stderr
        assert "178 wines, 13 measurements each" in done.stdout
        assert re.search(r"precision +recall +f1-score +support", done.stdout)
        for name in ("class_0", "class_1", "class_2", "accuracy"):
            assert re.search(rf"^ *{name} .*\d\.\d\d", done.stdout, re.MULTILINE), name
        assert f"plot: {plot}" in done.stdout
        assert plot.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert plot.stat().st_size > 1000

    report("-C", wine.name, "run", "report", cwd=tmp_path)
    deep = wine / "notes" / "deep"
    deep.mkdir(parents=True)
    report("run", "report", cwd=deep)
    assert (wine / "stead.lock").exists()
    assert sorted(os.listdir(deep)) == []
    assert not hosts_in((wine / "stead.lock").read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True
    ).stdout.decode()
    return [REPOSITORY / name for name in listed.split("\0") if name]


def hosts_in(text: str) -> list[str]:
    """Find the host names of package registries; each is written here in two pieces."""
    pieces = (
        ("py" + "pi", "org"),
        ("python" + "hosted", "org"),
        ("npm" + "js", "(?:org|com)"),
        ("yarn" + "pkg", "com"),
        ("debian", "(?:org|net)"),
        ("ana" + "conda", "(?:org|com|cloud)"),
        ("prefix", "dev"),
        ("crates", "io"),
    )
    pattern = "|".join(rf"\b{name}\.{end}\b" for name, end in pieces)
    return re.findall(pattern, text, re.IGNORECASE)


def test_no_tracked_text_names_the_host_of_a_package_registry():
    dot = "."
    assert hosts_in(f"https://files{dot}python" + f"hosted{dot}org/x deb{dot}debian{dot}org")
    files = tracked()
    assert len(files) > 100
    found = {}
    for path in files:
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            if hosts := hosts_in(text):
                found[str(path.relative_to(REPOSITORY))] = hosts
    assert found == {}


def test_no_test_is_skipped_or_expected_to_fail_without_a_reason():
    bare = []
    for path in tracked():
        if path.suffix != ".py" or path.relative_to(REPOSITORY).parts[0] != "tests":
            continue
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        if not re.search("skip|xfail", text):
            continue
        tree = ast.parse(text)
        called = {id(n.func): n for n in ast.walk(tree) if isinstance(n, ast.Call)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or not re.search("skip|xfail", node.attr):
                continue
            name = ast.unparse(node)
            if not re.fullmatch(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)", name):
                continue
            call = called.get(id(node))
            given = {k.arg: ast.unparse(k.value) for k in call.keywords} if call else {}
            plain = call and name in ("pytest.skip", "pytest.xfail", "pytest.mark.skip")
            if not (given.get("reason", "''").strip("'\"") or (plain and call.args)):
                bare.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}")
    assert bare == []


@pytest.mark.parametrize("words", ACTING)
def test_an_answer_as_json_is_json(machine, place, words):
    if words == "remove tool":
        machine.ok("add", "tool", cwd=place)
    if words in ("undo", "redo"):
        machine.ok("set", "GREETING=hi", cwd=place)
    if words == "redo":
        machine.ok("undo", cwd=place)
    answer = machine.json(*words.split(), cwd=place)
    assert isinstance(answer, ACTING[words])
    assert answer or words == "lock --upgrade"


def test_every_command_that_offers_json_is_asked_for_it():
    offered = set()
    for name in COMMANDS:
        for parser, prefix in parsers(name):
            if any("--json" in a.option_strings for a in parser._actions):
                offered.add(prefix)
    asked = {*READING, *ACTING}
    # These need or write files of their own, or a transaction; their tests ask them.
    elsewhere = {"import", "kernel", "use", "work", "secret keygen", "secret list", "secret rotate"}
    elsewhere |= {"deploy", "node", "serve"}
    elsewhere |= {"history fetch", "history push", "package", "publish"}
    elsewhere |= {"module eject", "module list", "module new"}
    elsewhere |= {"module diff", "module outdated", "module remove", "module swap", "module update"}
    elsewhere |= {"registry build", "registry validate", "install"}
    elsewhere |= {"book add", "book show", "book test"}
    elsewhere |= {"abort", "commit", "keep", "savepoint", "shell"}
    elsewhere |= {"push", "pull", "remote list", "remote whoami", "remote namespace", "remote env"}
    elsewhere |= {"remote builds", "remote cancel", "remote rollback", "remote settings"}
    elsewhere |= {"remote delete"}
    missing = {o for o in offered if not any(f"{a} ".startswith(f"{o} ") for a in asked)}
    assert sorted(missing) == sorted(elsewhere)


@pytest.mark.parametrize("words", [*(f"{w} --json" for w in READING), *READING, *TEXT])
def test_a_command_that_only_reads_changes_nothing(reader, words):
    machine, place = reader
    before = machine.tree(place, machine.home)
    said = machine.ok(*words.split(), cwd=place / "sub")
    assert said or words.startswith(("trust --list", "gc --dry-run"))
    if words.endswith(" --json"):
        answer = json.loads(said)
        assert isinstance(answer, READING[words.removesuffix(" --json")])
        assert answer
    assert machine.tree(place, machine.home) == before


@pytest.mark.parametrize("words", [w for w in READING if not w.startswith("why")])
def test_nor_does_it_in_a_place_that_was_never_made(stranger, words):
    """It may fail, as nothing is locked; what it learnt of interpreters it may keep."""
    machine, root = stranger
    before = machine.tree(root)
    done = machine.run(*words.split(), cwd=root)
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
    assert machine.tree(root) == before
    assert not (machine.stead_home / "places").exists()
    assert not (machine.stead_home / "store").exists()


def parsers(name: str) -> list[tuple[argparse.ArgumentParser, str]]:
    """Give the parser of a command, or those of its parts, each with its words."""
    parser = parser_of(name)
    parts = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not parts:
        return [(parser, name)]
    return [(p, f"{name} {word}") for word, p in parts[0].choices.items()]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_of_a_command_says_what_it_does(name):
    for parser, words in parsers(name):
        assert (parser.description or "").strip(), words
        for action in shown_of(parser):
            if action.option_strings:
                said = (action.help or "").strip()
                assert len(said) > 8, (words, action.option_strings)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_without_a_place(machine, tmp_path, name):
    said = machine.ok(name, "--help", cwd=tmp_path)
    assert said.startswith(f"usage: stead {name}")
    assert not machine.stead_home.exists()


def test_the_overview_has_each_command_once_by_what_people_do(machine, tmp_path):
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(COMMANDS)
    said = machine.ok("--help", cwd=tmp_path)
    shown = [line.split()[0] for line in said.splitlines() if line.startswith("  ")]
    assert shown == grouped
    assert "\nRun and test:\n  run " in said


def test_the_answers_agree_with_each_other(machine, place):
    """Different questions about one thing are answered alike."""
    status = machine.json("status", cwd=place)
    shown = machine.json("env", "show", cwd=place)
    path = machine.json("env", "path", cwd=place)["path"]
    assert shown["build"] == path == machine.json("build", cwd=place)["path"]
    assert status["place"] == shown["place"] == str(place)
    variables = machine.json("env", "vars", cwd=place)["set"]
    assert variables["GREETING"] == machine.ok("run", "greet", cwd=place).strip()
    assert json.loads(machine.ok("schema", cwd=place))["$schema"]
