"""`stead module add`: an item's source comes into the project, all of it or nothing."""

from __future__ import annotations

import shutil
import tomllib

import pytest

MODULE = {
    "Dockerfile.scale",
    "README.md",
    "main.py",
    "pyproject.toml",
    "src/scale/__init__.py",
    "src/scale/cli.py",
    "src/scale/data/numbers.txt",
    "src/scale/main.py",
    "src/scale/utils.py",
    "tests/test_scale.py",
}
ROOT = {
    ".gitignore",
    ".pre-commit-config.yaml",
    "MANIFEST.in",
    "pyproject.toml",
    "src/project/__init__.py",
    "stead.toml",
}


@pytest.fixture
def root(registry, project):
    return project({})


def files(root) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and ".stead-module" not in p.parts
    }


def test_an_item_becomes_a_module_in_the_layout_that_is_promised(machine, root):
    out = machine.ok("module", "add", "scale", "--type", "triple", cwd=root)
    assert "added scale 1.0.0 from team: modules/scale --folds 5 --type triple" in out
    assert "a file with a number on each line" in out
    assert set(files(root)) == {f"modules/scale/{path}" for path in MODULE} | ROOT
    text = (root / "modules/scale/src/scale/main.py").read_text()
    assert text.startswith("FACTOR = 3\nFOLDS = 5\n")
    assert not (machine.stead_home / "store").exists()  # nothing was installed


def test_git_passes_over_what_tools_make_unless_the_project_says_it_all_itself(machine, root):
    machine.ok("module", "add", "scale", "--defaults", cwd=root)
    lines = (root / ".gitignore").read_text().splitlines()
    assert {".stead/", ".env", "__pycache__/", "*.egg-info/"} <= set(lines)
    (root / ".gitignore").write_text("mine\n")
    machine.ok("module", "add", "plain", cwd=root)
    assert (root / ".gitignore").read_text() == "mine\n"


def test_a_file_where_the_modules_directory_would_be_is_named_once(machine, root):
    (root / "modules").mkdir()
    (root / "modules/scale").write_text("mine")
    said = machine.fails("module", "add", "scale", "--defaults", cwd=root)
    assert [line for line in said.splitlines() if "modules/" in line] == ["  modules/scale"]


def test_only_what_there_is_to_do_is_said_to_come_next(machine, root, registry):
    added = machine.run("module", "add", "scale", "--defaults", cwd=root)
    assert "`stead run scale`" in added.stderr
    assert "`stead test --module scale`" in added.stderr
    own = registry / "plain/files"
    project = own / "pyproject.toml"
    text = project.read_text()
    project.write_text(text.replace('[project.scripts]\nplain = "plain.cli:main"\n', ""))
    shutil.rmtree(own / "tests", ignore_errors=True)
    added = machine.run("module", "add", "plain", cwd=root)
    assert added.returncode == 0
    assert "next:" not in added.stderr


def test_the_manifest_gets_the_modules_layer_task_and_app_and_keeps_its_comments(machine, root):
    before = (root / "stead.toml").read_text()
    machine.ok("module", "add", "scale", "--defaults", cwd=root)
    text = (root / "stead.toml").read_text()
    assert text.startswith(before)
    data = tomllib.loads(text)
    assert data["layer"]["scale"] == {
        "packages": {"pypi": {"scale": {"path": "modules/scale", "editable": True}}},
    }
    assert data["layer"]["scale-test"] == {
        "inherits": ["scale"],
        "commands": [["python", "-m", "pytest", "modules/scale/tests"]],
        "packages": {
            "pypi": {"scale": {"path": "modules/scale", "editable": True, "extras": ["test"]}}
        },
    }
    run = {"run": ["scale", "run"], "environment": "scale"}
    assert data["tasks"]["scale"] == run
    assert data["app"]["scale"] == {
        "commands": {"run": ["scale", "run"]},
        "environment": "scale",
        "description": "Doubles numbers",
    }


def test_the_roots_package_includes_every_module_and_offers_its_requirements(machine, root):
    machine.ok("module", "add", "scale", cwd=root)
    first = (root / "pyproject.toml").read_text()
    (root / "pyproject.toml").write_text(
        first.replace('version = "0.1.0"', 'version = "3"  # mine')
    )
    machine.ok("module", "add", "report", cwd=root)
    text = (root / "pyproject.toml").read_text()
    assert 'version = "3"  # mine' in text
    data = tomllib.loads(text)
    assert data["tool"]["setuptools"]["packages"]["find"]["where"] == [
        "src",
        "modules/scale/src",
        "modules/plain/src",
        "modules/report/src",
    ]
    assert data["project"]["optional-dependencies"] == {
        "scale": [],
        "plain": [],
        "report": ["packaging>=20", "project[plain]"],
    }
    assert data["project"]["scripts"] == {
        name: f"{name}.cli:main" for name in ("scale", "plain", "report")
    }
    assert (root / "MANIFEST.in").read_text().splitlines() == [
        "graft modules/scale/src",
        "graft modules/plain/src",
        "graft modules/report/src",
        "global-exclude *.py[cod]",
    ]


def test_what_an_item_needs_is_added_with_it_and_not_again(machine, root):
    out = machine.ok("module", "add", "report", cwd=root)
    assert "added plain 1.0.0 from team, needed by report: modules/plain\n" in out
    packages = tomllib.loads((root / "stead.toml").read_text())["layer"]["report"]["packages"]
    assert packages["pypi"]["plain"] == {"path": "modules/plain", "editable": True}
    listed = machine.json("module", "list", cwd=root)["modules"]
    assert [m["name"] for m in listed] == ["plain", "report"]


def test_what_is_needed_and_there_already_is_left_alone(machine, root):
    machine.ok("module", "add", "plain", "--at", "libs/plain", cwd=root)
    out = machine.ok("module", "add", "report", cwd=root)
    assert "needed by" not in out
    assert not (root / "modules/plain").exists()
    packages = tomllib.loads((root / "stead.toml").read_text())["layer"]["report"]["packages"]
    assert packages["pypi"]["plain"]["path"] == "libs/plain"


def test_a_needed_item_with_other_contents_is_refused(machine, root, registry):
    (registry / "plain/files/README.md").write_text("changed\n")
    before = files(root)
    message = machine.fails("module", "add", "report", cwd=root)
    assert "report 1.0.0 needs plain 1.0.0" in message
    assert message.count("sha256:") == 2
    assert files(root) == before


def test_a_plan_says_what_would_be_done_and_does_nothing(machine, root):
    before = machine.tree(root)
    planned = machine.json("module", "add", "scale", "--plan", cwd=root)
    assert machine.tree(root) == before
    assert [m["name"] for m in planned["modules"]] == ["scale"]
    assert planned["modules"][0]["options"] == {"type": "double", "folds": 5}
    assert planned["collide"] == []
    assert planned["edit"] == ["stead.toml"]
    text = machine.ok("module", "add", "scale", "--plan", cwd=root)
    assert "  create modules/scale/main.py\n" in text
    done = machine.json("module", "add", "scale", cwd=root)
    assert done == planned
    assert all((root / path).is_file() for path in planned["create"])


def test_what_is_in_the_way_is_listed_together_and_nothing_is_written(machine, root):
    mine = {
        "modules/scale/README.md": "mine\n",
        "modules/scale/main.py/x": "a directory\n",
        "stead.toml": (root / "stead.toml").read_text() + '\n[tasks]\nscale = ["mine"]\n',
    }
    for path, text in mine.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    before = machine.tree(root)
    message = machine.fails("module", "add", "scale", cwd=root)
    assert machine.tree(root) == before
    for name in (
        "modules/scale/README.md",
        "modules/scale/main.py",
        "stead.toml: [tasks.scale]",
    ):
        assert f"\n  {name}\n" in message
    planned = machine.run("module", "add", "scale", "--plan", cwd=root)
    assert planned.returncode == 1
    assert "in the way: modules/scale/README.md" in planned.stdout
    assert machine.tree(root) == before


def test_what_collides_can_be_placed_beside(machine, root):
    readme = root / "modules/scale/README.md"
    readme.parent.mkdir(parents=True)
    readme.write_text("mine\n")
    manifest = (root / "stead.toml").read_text() + '\n[tasks]\nscale = ["mine"]\n'
    (root / "stead.toml").write_text(manifest)
    done = machine.run("module", "add", "scale", "--beside", cwd=root)
    assert done.returncode == 0
    assert readme.read_text() == "mine\n"
    assert (readme.parent / "README.md.scale-new").read_text() == "# scale\n"
    assert "README.md is there: went to modules/scale/README.md.scale-new" in done.stdout
    assert "stead.toml keeps its own [tasks.scale]" in done.stderr
    data = tomllib.loads((root / "stead.toml").read_text())
    assert data["tasks"]["scale"] == ["mine"]
    assert data["app"]["scale"]["commands"] == {"run": ["scale", "run"]}


def test_what_is_there_and_the_same_is_not_in_the_way(machine, root):
    machine.ok("module", "add", "plain", cwd=root)
    before = files(root)
    machine.ok("module", "eject", "plain", cwd=root)
    assert files(root) == before
    assert not (root / "modules/plain/.stead-module").exists()
    assert "in the way" not in machine.ok("module", "add", "plain", cwd=root)
    assert files(root) == before


def test_a_module_is_not_added_twice(machine, root):
    machine.ok("module", "add", "plain", cwd=root)
    before = machine.tree(root)
    assert "holds plain 1.0.0 already" in machine.fails("module", "add", "plain", cwd=root)
    message = machine.fails("module", "add", "plain", "--at", "other", cwd=root)
    assert "modules/plain holds plain 1.0.0 already" in message
    message = machine.fails("module", "add", "scale", "--at", "modules/plain", cwd=root)
    assert "modules/plain holds plain 1.0.0 already" in message
    assert machine.tree(root) == before


def test_several_are_added_one_by_one_and_none_where_one_is_unknown(machine, root):
    said = machine.fails("module", "add", "plain", "reprot", cwd=root)
    assert "no registry has an item reprot; did you mean report?" in said
    assert not (root / "modules").exists()
    said = machine.fails("module", "add", "plain", "report", "--at", "x", cwd=root, code=2)
    assert "of which of plain, report is --at meant?" in said
    planned = machine.json("module", "add", "plain", "report", "--plan", cwd=root)["plans"]
    assert [plan["modules"][-1]["name"] for plan in planned] == ["plain", "report"]
    said = machine.ok("module", "add", "plain", "report", cwd=root)
    assert said.index("added plain") < said.index("added report")
    assert {"plain", "report"} <= {p.name for p in (root / "modules").iterdir()}
    text = (root / "stead.toml").read_text()
    assert "[app.plain]" in text
    assert "[app.report]" in text
    assert "holds plain 1.0.0 already" in machine.fails("module", "add", "plain", cwd=root)


def test_two_items_that_want_one_path_are_refused(machine, root):
    message = machine.fails("module", "add", "report", "--at", "modules/plain", cwd=root)
    assert "plain and report both bring modules/plain/" in message
    assert not (root / "modules").exists()


@pytest.mark.parametrize("at", ["..", "../other", ".", "/tmp", ".git/x", "a/.b"])
def test_a_module_stays_inside_its_project(machine, root, at):
    message = machine.fails("module", "add", "plain", "--at", at, cwd=root, code=2)
    assert "is not a directory inside" in message


def test_a_place_is_found_from_below(machine, root):
    (root / "deep/er").mkdir(parents=True)
    machine.ok("module", "add", "plain", "--at", "here", cwd=root / "deep/er")
    assert (root / "deep/er/here/main.py").is_file()
    data = tomllib.loads((root / "stead.toml").read_text())
    assert data["layer"]["plain"]["packages"]["pypi"]["plain"]["path"] == "deep/er/here"


def test_inside_a_module_the_project_around_it_is_meant(machine, root):
    machine.ok("module", "add", "plain", cwd=root)
    inside = root / "modules/plain/src/plain"
    listed = machine.json("module", "list", cwd=inside)["modules"]
    assert [m["directory"] for m in listed] == ["modules/plain"]
    machine.ok("module", "add", "scale", "--defaults", cwd=inside)
    assert (root / "modules/scale/main.py").is_file()


def test_what_init_writes_gets_the_entries(machine, tmp_path):
    root = tmp_path / "new"
    root.mkdir()
    machine.ok("init", cwd=root)
    before = (root / "stead.toml").read_text()
    machine.ok("module", "add", "elasticity", "--defaults", cwd=root)
    text = (root / "stead.toml").read_text()
    assert all(line in text.splitlines() for line in before.splitlines())
    assert machine.json("check", cwd=root)["findings"] == []


def test_an_empty_directory_becomes_a_workspace(machine, tmp_path):
    root = tmp_path / "2026 Sales!"
    root.mkdir()
    machine.ok("module", "add", "stead/elasticity", "--defaults", cwd=root)
    data = tomllib.loads((root / "stead.toml").read_text())
    assert data["workspace"] == {"name": "2026 Sales!"}
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["name"] == "project-2026-sales"
    assert (root / "src/project_2026_sales/__init__.py").is_file()


def test_a_package_of_another_make_is_left_alone_and_told_what_to_add(machine, root):
    mine = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n[project]\nname = "mine"\nversion = "1"\n'
    (root / "pyproject.toml").write_text(mine)
    done = machine.run("module", "add", "plain", cwd=root)
    assert done.returncode == 0
    assert (root / "pyproject.toml").read_text() == mine
    assert 'plain = "plain.cli:main"' in done.stderr
    assert not (root / "MANIFEST.in").exists()


def test_line_ends_of_the_files_that_are_edited_stay(machine, root):
    for name, text in (
        ("stead.toml", (root / "stead.toml").read_text()),
        (
            "pyproject.toml",
            '[project]\nname = "mine"\nversion = "1"\n[tool.setuptools.packages.find]\nwhere = []\n',
        ),
    ):
        (root / name).write_bytes(text.replace("\n", "\r\n").encode())
    machine.ok("module", "add", "plain", cwd=root)
    for name in ("stead.toml", "pyproject.toml"):
        content = (root / name).read_bytes()
        assert b"plain" in content
        assert content.count(b"\n") == content.count(b"\r\n")


def test_a_manifest_that_cannot_be_read_stops_it(machine, root):
    (root / "stead.toml").write_text("[tasks\n")
    assert "stead.toml:1" in machine.fails("module", "add", "stead/elasticity", cwd=root)
    assert not (root / "modules").exists()


def test_it_is_refused_inside_a_transaction(machine, root):
    script = "stead module add plain\n"
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.returncode != 0
    assert "takes effect at once" in done.stderr
    assert not (root / "modules").exists()


def test_the_history_tells_of_it_and_undo_takes_back_what_the_manifests_say(machine, root):
    machine.ok("set", "A=1", cwd=root)
    before = (root / "stead.toml").read_bytes()
    (root / "stead.toml").write_bytes(before + b"# by hand\n")
    machine.ok("module", "add", "scale", "--type", "double", cwd=root)
    entries = machine.json("log", cwd=root)
    assert entries[0]["command"] == ["module", "add", "scale"]
    after = files(root)
    machine.ok("undo", cwd=root)
    assert (root / "stead.toml").read_bytes() == before + b"# by hand\n"
    assert (root / "modules/scale/main.py").exists()  # source is the user's
    machine.ok("redo", cwd=root)
    assert files(root) == after


def test_a_trusted_place_stays_trusted(machine, root):
    machine.ok("trust", "--yes", cwd=root)
    machine.ok("module", "add", "plain", cwd=root)
    assert "trusted      yes" in machine.ok("status", cwd=root)


def test_programs_keep_their_mode(machine, root, registry):
    program = registry / "plain/files/main.py"
    program.chmod(0o755)
    machine.ok("module", "add", "plain", cwd=root)
    assert (root / "modules/plain/main.py").stat().st_mode & 0o777 == 0o755
    assert (root / "modules/plain/README.md").stat().st_mode & 0o777 == 0o644


def test_an_address_in_place_of_a_registrys_name_is_told_how_to_get_one(machine, root):
    said = machine.fails("module", "add", "plain", "--registry", "../registry", cwd=root)
    assert '[registries] in stead.toml, for example `mine = "../registry"`' in said
