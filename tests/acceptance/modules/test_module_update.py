"""`stead module update`: later versions of an item, merged with what the user changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(registry, project, machine):
    root = project({})
    machine.ok("module", "add", "scale", "--type", "triple", "--defaults", cwd=root)
    return root


@pytest.fixture
def publish(registry):
    """Make a later version of an item: the files that change, None for those that go."""

    def publish(
        name: str, version: str, changes: dict[str, str | None], said: str = "", head: str = ""
    ) -> None:
        description = registry / name / "stead-item.toml"
        text = description.read_text()
        now = tomllib.loads(text)["version"]
        description.write_text(head + text.replace(f'"{now}"', f'"{version}"', 1) + said)
        for path, content in changes.items():
            file = registry / name / "files" / path
            if content is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)

    return publish


def _files(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def _record(root: Path, name: str = "scale"):
    return tomllib.loads((root / f"modules/{name}/.stead-module/record.toml").read_text())


def test_edits_and_news_come_together_and_options_stay(machine, root, registry, publish) -> None:
    module = root / "modules/scale"
    mine = (module / "src/scale/main.py").read_text() + "\n\nMINE = 1\n"
    (module / "src/scale/main.py").write_text(mine)
    (module / "notes.txt").write_text("mine\n")
    (module / "README.md").unlink()
    template = (registry / "scale/files/src/scale/main.py").read_text()
    publish(
        "scale",
        "1.1.0",
        {
            "src/scale/main.py": "import math\n\n" + template,
            "src/scale/new.py": "NEW = 1\n",
            "README.md": "# new\n",
            "main.py": None,
        },
    )
    before = _files(root)
    plan = machine.run("module", "update", "--plan", cwd=root)
    assert plan.returncode == 0
    assert "would merge src/scale/main.py" in plan.stdout
    assert _files(root) == before
    said = machine.ok("module", "update", "scale", cwd=root)
    assert "scale 1.0.0 → 1.1.0" in said
    assert "  keep main.py: upstream dropped it; --prune removes it" in said
    after = _files(root)
    # the registry's template was rendered with the option that was chosen
    assert after["modules/scale/src/scale/main.py"].decode() == "import math\n\n" + mine
    assert "FACTOR = 3" in mine
    assert after["modules/scale/src/scale/new.py"] == b"NEW = 1\n"
    assert "modules/scale/README.md" not in after
    assert after["modules/scale/notes.txt"] == b"mine\n"
    assert _record(root)["came"]["version"] == "1.1.0"
    assert _record(root)["options"]["type"] == "triple"
    assert "scale 1.1.0 is current" in machine.ok("module", "update", cwd=root)
    assert "remove main.py" in machine.ok("module", "update", "scale", "--prune", cwd=root)
    assert not (module / "main.py").exists()


def test_conflicts_end_with_an_error_until_they_are_settled(machine, root, publish) -> None:
    module = root / "modules/scale"
    (module / "src/scale/utils.py").write_text("def numbers():\n    return [4]\n")
    (module / "pyproject.toml").write_text(
        (module / "pyproject.toml").read_text().replace('"1.0.0"', '"7"')
    )
    text = (module / "pyproject.toml").read_text()
    publish(
        "scale",
        "1.1.0",
        {
            "src/scale/utils.py": "def numbers():\n    return [5]\n",
            "pyproject.toml": text.replace('"7"', '"1.1.0"'),
        },
    )
    planned = machine.run("module", "update", "--plan", cwd=root)
    assert planned.returncode == 1
    done = machine.run("module", "update", "scale", cwd=root)
    assert done.returncode == 1
    assert "decide between the sides" in done.stderr
    assert "take what you want from pyproject.toml.upstream" in done.stderr
    assert (module / "pyproject.toml").read_text() == text
    marked = (module / "src/scale/utils.py").read_text()
    assert "<<<<<<< yours\n    return [4]\n=======\n" in marked
    assert ">>>>>>> scale 1.1.0" in marked
    assert _record(root)["came"]["version"] == "1.0.0"
    assert _record(root)["pending"]["came"]["version"] == "1.1.0"
    assert "conflicts to settle" in machine.ok("module", "list", cwd=root)

    # nothing moves, whatever is asked for, and nothing is written
    before = _files(root)
    for words in ((), ("scale", "--to", "1.1.0"), ("--prune",), ("scale", "--set", "folds=2")):
        assert "to be settled" in machine.fails("module", "update", *words, cwd=root)
    assert _files(root) == before
    (module / "src/scale/utils.py").write_text("def numbers():\n    return [4, 5]\n")
    said = machine.fails("module", "update", cwd=root)
    assert "utils.py" not in said
    assert "pyproject.toml.upstream" in said
    (module / "pyproject.toml.upstream").unlink()
    assert "all conflicts are settled" in machine.ok("module", "update", cwd=root)
    assert _record(root)["came"]["version"] == "1.1.0"
    assert "pending" not in _record(root)
    assert (module / "pyproject.toml").read_text() == text
    assert "scale 1.1.0 is current" in machine.ok("module", "update", cwd=root)


def test_settled_conflicts_need_no_registry(machine, root, registry, publish) -> None:
    module = root / "modules/scale"
    (module / "README.md").write_text("mine\n")
    publish("scale", "1.1.0", {"README.md": "theirs\n"})
    machine.fails("module", "update", cwd=root)
    registry.rename(registry.parent / "elsewhere")
    (module / "README.md").write_text("both\n")
    assert "is updated" in machine.ok("module", "update", cwd=root)
    assert "cannot be read" in machine.fails("module", "update", cwd=root)
    assert "+both" in machine.ok("module", "diff", cwd=root)


def test_one_module_with_a_conflict_does_not_hinder_another(machine, root, publish) -> None:
    machine.ok("module", "add", "plain", cwd=root)
    (root / "modules/plain/README.md").write_text("mine\n")
    publish("plain", "2.0.0", {"README.md": "theirs\n"})
    publish("scale", "1.1.0", {"README.md": "theirs\n"})
    machine.fails("module", "update", cwd=root)
    assert _record(root, "plain")["came"]["version"] == "1.0.0"
    assert _record(root)["came"]["version"] == "1.1.0"


def test_a_registry_without_the_item_hinders_no_other_module(
    machine, root, registry, publish
) -> None:
    machine.ok("module", "add", "plain", cwd=root)
    (registry / "plain").rename(registry / ".plain")
    publish("scale", "1.1.0", {"README.md": "theirs\n"})
    assert "no item plain" in machine.fails("module", "update", cwd=root)
    assert _record(root)["came"]["version"] == "1.1.0"
    outdated = machine.run("module", "outdated", cwd=root)
    assert outdated.returncode == 1
    assert "plain" in outdated.stderr


def test_what_a_module_asks_of_the_root_is_updated_where_it_is_as_written(
    machine, root, publish
) -> None:
    project = (root / "modules/scale/pyproject.toml").read_text()
    extended = project.replace("dependencies = []", 'dependencies = ["packaging>=20"]').replace(
        'scale = "scale.cli:main"\n', 'scale = "scale.cli:main"\nscaled = "scale.cli:main"\n'
    )
    assert extended.count("packaging") == 1
    publish("scale", "1.1.0", {"pyproject.toml": extended})
    manifest = (root / "stead.toml").read_text()
    said = machine.ok("module", "update", cwd=root)
    assert "change pyproject.toml" in said
    package = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert package["optional-dependencies"]["scale"] == ["packaging>=20"]
    assert package["scripts"] == {"scale": "scale.cli:main", "scaled": "scale.cli:main"}
    assert (root / "stead.toml").read_text() == manifest

    # what the user changed there stays, and what upstream would write is told
    text = (root / "pyproject.toml").read_text()
    mine = text.replace('"packaging>=20"', '"packaging>=20", "mine"')
    (root / "pyproject.toml").write_text(mine)
    publish("scale", "1.2.0", {"pyproject.toml": extended.replace(">=20", ">=21")})
    done = machine.run("module", "update", cwd=root)
    assert done.returncode == 0
    assert 'scale = ["packaging>=21"]' in done.stderr
    assert (root / "pyproject.toml").read_text() == mine
    own = tomllib.loads((root / "modules/scale/pyproject.toml").read_text())
    assert own["project"]["dependencies"] == ["packaging>=21"]


def test_the_manifests_entries_follow_and_ports_stay(machine, root, publish) -> None:
    level = '\n[accepts.LEVEL]\ntype = "str"\ndefault = "info"\n'
    publish("scale", "1.1.0", {}, level, 'listens = ["PORT"]\n')
    manifest = (root / "stead.toml").read_text()
    machine.ok("module", "update", cwd=root)
    text = (root / "stead.toml").read_text()
    app = tomllib.loads(text)["app"]["scale"]
    assert (app["libs"], app["listen"]) == (["scale"], {"PORT": 8000})
    assert tomllib.loads(text)["lib"]["scale"]["accepts"]["LEVEL"]["default"] == "info"
    assert [line for line in manifest.splitlines() if line not in text.splitlines()] == []

    (root / "stead.toml").write_text(text.replace("8000", "9000"))
    description = (root / "../registry/scale/stead-item.toml").resolve()
    described = description.read_text().replace('["PORT"]', '["PORT", "ADMIN"]')
    description.write_text(described.replace('"Doubles numbers"', '"Scales numbers"'))
    publish("scale", "1.2.0", {})
    machine.ok("module", "update", cwd=root)
    app = tomllib.loads((root / "stead.toml").read_text())["app"]["scale"]
    assert app["listen"] == {"PORT": 9000, "ADMIN": 8001}
    assert app["description"] == "Scales numbers"


def test_another_version_or_other_options_are_taken_when_asked_for(machine, root, publish) -> None:
    said = machine.ok("module", "update", "scale", "--set", "folds=9", cwd=root)
    assert "update src/scale/main.py" in said
    assert "FOLDS = 9" in (root / "modules/scale/src/scale/main.py").read_text()
    assert _record(root)["options"] == {"folds": 9, "type": "triple"}
    assert "nearest" not in machine.fails("module", "update", "scale", "--to", "3", cwd=root)
    publish("scale", "0.9.0", {"README.md": "older\n"})
    assert "--to 0.9.0 takes it" in machine.run("module", "update", cwd=root).stderr
    machine.ok("module", "update", "scale", "--to", "0.9.0", cwd=root)
    assert (root / "modules/scale/README.md").read_text() == "older\n"


def test_an_option_that_no_longer_fits_is_to_be_chosen_anew(
    machine, root, registry, publish
) -> None:
    description = registry / "scale/stead-item.toml"
    description.write_text(description.read_text().replace('"triple"]', '"quadruple"]'))
    publish("scale", "1.1.0", {})
    said = machine.fails("module", "update", cwd=root, code=2)
    assert "quadruple" in said
    assert "--set" in said
    machine.ok("module", "update", "scale", "--set", "type=quadruple", cwd=root)


def test_a_copy_that_was_harmed_is_told(machine, root, publish) -> None:
    module = root / "modules/scale"
    for copy in (module / ".stead-module/base").iterdir():
        copy.write_bytes(copy.read_bytes() + b"\n")
    (module / "README.md").write_text("mine\n")
    publish("scale", "1.1.0", {"README.md": "theirs\n", "main.py": "theirs = 1\n"})
    done = machine.run("module", "update", cwd=root)
    assert done.returncode == 1
    assert "copies to merge from were edited or are gone" in done.stderr
    assert (module / "README.md").read_text() == "mine\n"
    assert (module / "README.md.upstream").read_text() == "theirs\n"
    assert (module / "main.py").read_text() == "theirs = 1\n"


def test_a_record_that_cannot_be_read_hinders_no_other_module(machine, root, publish) -> None:
    machine.ok("module", "add", "plain", cwd=root)
    file = root / "modules/plain/.stead-module/record.toml"
    file.write_text("<<<<<<< HEAD\n" + file.read_text())
    publish("scale", "1.1.0", {"README.md": "theirs\n"})
    said = machine.fails("module", "update", cwd=root)
    assert "plain/.stead-module/record.toml:1" in said
    assert "settle the merge conflict that git left here" in said
    assert _record(root)["came"]["version"] == "1.1.0"
    assert "scale 1.1.0 is current" in machine.ok("module", "update", "scale", cwd=root)
    assert "record.toml" in machine.fails("module", "update", "plain", cwd=root)


def test_a_record_of_a_newer_stead_is_refused(machine, root) -> None:
    file = root / "modules/scale/.stead-module/record.toml"
    file.write_text(file.read_text().replace("format = 1", "format = 2"))
    for words in (("update",), ("diff",), ("outdated",)):
        said = machine.fails("module", *words, cwd=root)
        assert "record.toml" in said
        assert "newer" in said


def test_what_a_version_needs_is_told_when_all_is_updated(machine, root, registry, publish) -> None:
    machine.ok("module", "add", "report", cwd=root)
    first = tomllib.loads((registry / "report/stead-item.toml").read_text())["needs"]["plain"]
    publish("plain", "1.1.0", {"README.md": "theirs\n"})
    now = machine.json("module", "show", "plain", cwd=root)["integrity"]
    description = registry / "report/stead-item.toml"
    text = description.read_text().replace(first["integrity"], now)
    description.write_text(text.replace('version = "1.0.0"', 'version = "1.1.0"'))
    alone = machine.run("module", "update", "report", "--plan", cwd=root)
    assert "it needs plain 1.1.0, and 1.0.0 is here" in alone.stderr
    both = machine.run("module", "update", "report", "plain", cwd=root)
    assert both.returncode == 0
    assert "needs" not in both.stderr
    assert _record(root, "report")["came"]["version"] == "1.1.0"


@pytest.mark.parametrize("words", [("scal",), ("plain",)])
def test_an_unknown_module_is_named_with_its_nearest(machine, root, words) -> None:
    said = machine.fails("module", "update", *words, cwd=root, code=2)
    assert "scale" in said
    machine.fails("module", "diff", *words, cwd=root, code=2)


def test_what_is_asked_of_one_module_is_not_asked_of_all(machine, root) -> None:
    machine.fails("module", "update", "--to", "1.0.0", cwd=root, code=2)
    machine.fails("module", "diff", "--to", "1.0.0", cwd=root, code=2)


def test_differences_are_shown_of_mine_and_of_upstream(machine, root, publish) -> None:
    module = root / "modules/scale"
    assert machine.run("module", "diff", cwd=root).stdout == ""
    (module / "README.md").write_text("mine\n")
    (module / "own.txt").write_text("own\n")
    (module / "main.py").unlink()
    (module / "src/scale/utils.py").chmod(0o755)
    (module / "__pycache__").mkdir()
    (module / "__pycache__/x.pyc").write_bytes(b"x")
    publish("scale", "1.1.0", {"README.md": "theirs\n", "src/scale/new.py": "x = 1\n"})
    mine = machine.json("module", "diff", "scale", cwd=root)["modules"][0]
    assert {f["path"]: f["state"] for f in mine["files"]} == {
        "README.md": "changed",
        "own.txt": "added",
        "main.py": "deleted",
        "src/scale/utils.py": "mode",
    }
    text = machine.ok("module", "diff", cwd=root)
    assert "-# scale\n+mine\n" in text
    theirs = machine.ok("module", "diff", "--upstream", cwd=root)
    assert "-# scale\n+theirs\n" in theirs
    assert "README.md (scale 1.1.0)" in theirs
    assert "mine" not in theirs
    assert "scale  1.0.0 → 1.1.0  team" in machine.ok("module", "outdated", cwd=root)


def test_a_plan_as_json_fits_its_schema(machine, root, publish) -> None:
    import jsonschema

    schema = json.loads(machine.ok("schema", "module-update", cwd=root))
    module = root / "modules/scale"
    (module / "README.md").write_text("mine\n")
    publish("scale", "1.1.0", {"README.md": "theirs\n", "main.py": None})
    done = machine.run("module", "update", "--plan", "--json", cwd=root)
    assert done.returncode == 1
    planned = json.loads(done.stdout)
    jsonschema.validate(planned, schema)
    assert planned["planned"]
    one = planned["modules"][0]
    assert one["state"] == "conflicts"
    assert [f for f in one["files"] if f["action"] != "same"] == [
        {
            "path": "README.md",
            "action": "conflict",
            "beside": "",
            "markers": True,
            "note": "both changed it",
        },
        {
            "path": "main.py",
            "action": "dropped",
            "beside": "",
            "markers": False,
            "note": "upstream dropped it; --prune removes it",
        },
    ]
    machine.run("module", "update", cwd=root)
    jsonschema.validate(
        json.loads(machine.run("module", "update", "--json", cwd=root).stdout), schema
    )
    (root / "stead.toml").write_text("[workspace]\nname = 'x'\n")
    (module / "README.md").write_text("settled\n")
    jsonschema.validate(json.loads(machine.ok("module", "update", "--json", cwd=root)), schema)
    failed = machine.run("module", "update", "--json", cwd=root)
    assert failed.returncode == 1
    jsonschema.validate(json.loads(failed.stdout), schema)
    assert json.loads(failed.stdout)["modules"][0]["state"] == "failed"


@pytest.mark.needs("git")
def test_a_clone_with_other_line_ends_is_not_changed_and_keeps_them(
    machine, root, publish, tmp_path
) -> None:
    def git(*words: str, cwd: Path = root) -> None:
        subprocess.run(
            [shutil.which("git") or "git", *words], cwd=cwd, env=machine.environ, check=True
        )

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "all")
    clone = tmp_path / "clone"
    git("clone", "-q", "-c", "core.autocrlf=true", str(root), str(clone), cwd=tmp_path)
    module = clone / "modules/scale"
    assert (module / "README.md").read_bytes() == b"# scale\r\n"
    (module / "main.py").write_bytes((module / "main.py").read_bytes() + b"MINE = 1\r\n")
    publish("scale", "1.1.0", {"README.md": "# new\n", "main.py": "NEW = 1\n\nfrom x import y\n"})
    said = machine.run("module", "update", cwd=clone)
    assert "update README.md" in said.stdout
    assert (module / "README.md").read_bytes() == b"# new\r\n"
    assert b"MINE = 1\r\n" in (module / "main.py").read_bytes()
    assert b"\n" not in (module / "main.py").read_bytes().replace(b"\r\n", b"")


def test_a_module_that_was_moved_is_updated_where_it_is(machine, root, publish) -> None:
    (root / "lib").mkdir()
    (root / "modules/scale").rename(root / "lib/scale")
    publish("scale", "1.1.0", {"README.md": "theirs\n"})
    machine.ok("module", "update", "scale", cwd=root)
    assert (root / "lib/scale/README.md").read_text() == "theirs\n"
    assert not (root / "modules/scale").exists()


def test_a_registry_with_many_versions_gives_the_one_that_is_named(
    machine, root, registry, publish
) -> None:
    built = registry.parent / "built"
    shutil.rmtree(registry / "report")  # it needs the first version of plain
    for version in ("1.0.0", "1.1.0", "1.10.0"):
        publish("plain", version, {"README.md": f"of {version}\n"})
        machine.ok("registry", "build", str(registry), str(built), cwd=root)
    manifest = root / "stead.toml"
    manifest.write_text(manifest.read_text().replace('"../registry"', '"../built"'))
    machine.ok("module", "add", "plain", "--revision", "1.0.0", cwd=root)
    readme = root / "modules/plain/README.md"
    assert machine.json("module", "outdated", cwd=root)["modules"][0]["newer"] == [
        "1.10.0",
        "1.1.0",
    ]
    for version in ("1.1.0", "1.10.0", "1.0.0"):
        machine.ok("module", "update", "plain", "--to", version, cwd=root)
        assert readme.read_text() == f"of {version}\n"
    machine.ok("module", "update", "plain", cwd=root)
    assert readme.read_text() == "of 1.10.0\n"


def test_two_updates_at_once_do_it_once(machine, root, publish) -> None:
    module = root / "modules/scale"
    (module / "main.py").write_text("MINE = 1\n\n" + (module / "main.py").read_text())
    news = {f"src/scale/new{n}.py": f"n = {n}\n" for n in range(30)}
    publish(
        "scale", "1.1.0", {**news, "main.py": (module / "main.py").read_text()[10:] + "NEW = 1\n"}
    )
    begun = [
        subprocess.Popen(
            [str(machine.program), "module", "update"],
            cwd=root,
            env=machine.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[0] for process in begun]
    codes = [process.returncode for process in begun]
    assert codes == [0, 0, 0], said
    assert sorted("is current" in text for text in said) == [False, True, True]
    assert (module / "main.py").read_text().count("MINE") == 1
    assert (module / "main.py").read_text().count("NEW") == 1
    assert _record(root)["came"]["version"] == "1.1.0"
