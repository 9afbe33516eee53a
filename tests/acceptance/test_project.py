"""What a place's own code and shell scripts see of its structure."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

MANIFEST = """\
[paths]
raw = "data/raw"
"raw-data" = "data/raw data"

[vars.POOL]
type = "int"
value = "1_000"

[vars.PAUSE]
type = "duration"
default = "1m30s"

[layer.prod.vars]
POOL = 20

[uses]
common = { path = "common" }
"""

ASK = """\
import json, sys
from stead import project
print(json.dumps({
    "raw": str(project.paths.raw),
    "pool": project.vars.POOL,
    "pause": project.vars.PAUSE.total_seconds(),
    "common": str(project.modules["common"]),
    "where": [str(project.root), str(project.place), project.environment],
    "isolated": not any("site-packages" in p for p in sys.path),
}))
"""
# Without the site's packages, among which this Stead is: what is left is what a place gives.
PYTHON = (sys.executable, "-S", "-c")


def ask(machine, root, *words: str):
    return json.loads(machine.ok("run", *words, "--", *PYTHON, ASK, cwd=root))


def test_code_reads_paths_typed_variables_and_modules(machine, project):
    root = project({"stead.toml": MANIFEST, "common/stead.toml": '[vars]\nSHARED = "yes"\n'})
    expected = {
        "raw": str(root / "data" / "raw"),
        "pool": 1000,
        "pause": 90.0,
        "common": str(root / "common"),
        "where": [str(root), str(root), "default"],
        "isolated": True,
    }
    assert ask(machine, root) == expected
    # And again, where nothing changed and no Python of Stead's starts.
    assert ask(machine, root) == expected
    prod = expected | {"pool": 20, "where": [str(root), str(root), "prod"]}
    assert ask(machine, root, "-e", "prod") == prod
    below = root / "below"
    below.mkdir()
    assert ask(machine, below) == expected


def test_it_follows_the_manifest(machine, project):
    root = project({"stead.toml": MANIFEST, "common/stead.toml": ""})
    assert ask(machine, root)["raw"].endswith("data/raw")
    text = MANIFEST.replace('"data/raw"', '"elsewhere"').replace("1_000", "7")
    (root / "stead.toml").write_text(text, "utf-8")
    assert ask(machine, root)["raw"].endswith("elsewhere")
    assert ask(machine, root)["pool"] == 7


def test_shell_scripts_have_the_locations_as_variables(machine, project):
    root = project({"stead.toml": MANIFEST, "common/stead.toml": ""})
    script = (
        'printf "%s\\n" "$STEAD_PATH_RAW" "$STEAD_PATH_RAW_DATA" "$STEAD_MODULE_COMMON" "$PAUSE"'
    )
    said = machine.ok("run", "--", "sh", "-c", script, cwd=root).splitlines()
    assert said == [f"{root}/data/raw", f"{root}/data/raw data", f"{root}/common", "90s"]


def test_a_place_without_paths_and_types_is_left_as_it_was(machine, project):
    root = project({"stead.toml": '[vars]\nPLAIN = "text"\n'})
    environ = machine.ok("run", "--", "env", cwd=root)
    assert "PLAIN=text" in environ
    assert "STEAD_PROJECT" not in environ
    assert "PYTHONPATH" not in environ


def test_no_value_stands_in_what_is_kept_for_it(machine, project):
    manifest = MANIFEST.replace('"1_000"', '"31415926"')
    root = project({"stead.toml": manifest, "common/stead.toml": ""})
    file = machine.ok("run", "--", "sh", "-c", 'echo "$STEAD_PROJECT"', cwd=root).strip()
    assert file.startswith(str(machine.stead_home))
    with open(file, encoding="utf-8") as opened:
        text = opened.read()
    assert json.loads(text)["vars"]["POOL"] == {"type": "int"}
    assert "31415926" not in text


def test_a_misspelt_name_ends_a_program_with_the_nearest(machine, project):
    root = project({"stead.toml": MANIFEST, "common/stead.toml": ""})
    code = "from stead import project; project.paths['raw_data']"
    done = machine.run("run", "--", *PYTHON, code, cwd=root)
    assert done.returncode == 1
    assert "the project has no path 'raw_data'; did you mean 'raw-data'?" in done.stderr


def test_what_a_project_says_of_pythons_path_comes_first(machine, project):
    files = {
        "stead.toml": '[paths]\nraw = "raw"\nlib = "lib"\n\n[vars]\nPYTHONPATH = "${paths.lib}"\n',
        "lib/helper.py": "X = 'mine'",
    }
    root = project(files)
    code = "import helper, sys; from stead import project; print(helper.X, project.paths.raw)"
    for _ in range(3):
        said = machine.ok("run", "--", *PYTHON, code, cwd=root)
        assert said == f"mine {root}/raw\n"
    # A `stead` of the project's own is what the project means by that name.
    (root / "lib" / "stead").mkdir()
    (root / "lib" / "stead" / "__init__.py").write_text("NAME = 'own'", encoding="utf-8")
    code = "import stead; print(stead.NAME)"
    assert machine.ok("run", "--", *PYTHON, code, cwd=root) == "own\n"


def test_what_code_reads_is_made_anew_where_it_has_gone(machine, project):
    root = project({"stead.toml": MANIFEST, "common/stead.toml": ""})
    file = ask_where(machine, root)
    expected = ask(machine, root)
    for path in (Path(file), *(machine.stead_home / "runtime").iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert ask(machine, root) == expected


def ask_where(machine, root) -> str:
    for _ in range(2):
        machine.ok("run", "true", cwd=root)
    return machine.ok("run", "--", "sh", "-c", 'echo "$STEAD_PROJECT"', cwd=root).strip()


def test_collection_takes_what_earlier_versions_gave(machine, project):
    root = project({"stead.toml": MANIFEST, "common/stead.toml": ""})
    machine.ok("run", "true", cwd=root)
    runtime = machine.stead_home / "runtime"
    (current,) = runtime.iterdir()
    for name, age in (("0123456789abcdef", 40), ("fedcba9876543210", 1)):
        (runtime / name / "stead").mkdir(parents=True)
        (runtime / name / "stead" / "project.py").write_text("", encoding="utf-8")
        then = time.time() - age * 86400
        os.utime(runtime / name, (then, then))
    machine.ok("gc", "--dry-run", cwd=root)
    assert len(list(runtime.iterdir())) == 3
    said = machine.ok("gc", cwd=root)
    assert "runtime/0123456789abcdef" in said
    assert sorted(p.name for p in runtime.iterdir()) == sorted([current.name, "fedcba9876543210"])
    machine.ok("gc", "--older-than", "0s", cwd=root)
    assert list(runtime.iterdir()) == [current]


def test_collection_leaves_what_a_transaction_uses(machine, project):
    root = project({"stead.toml": MANIFEST, "common/stead.toml": ""})
    # No record of the place names it yet, and no process but the script's own children.
    script = (
        f"stead set POOL=7 >&2; stead gc --older-than 0s >&2; "
        f"{sys.executable} -S -c 'from stead import project; print(project.vars.POOL)'"
    )
    done = machine.run("shell", "-c", script, cwd=root)
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


def test_collection_leaves_what_a_transaction_kept_for_later_uses(machine, project):
    root = project({"stead.toml": MANIFEST, "common/stead.toml": ""})
    machine.run("shell", "-c", "stead set POOL=7; kill -9 $PPID", cwd=root)
    runtime = machine.stead_home / "runtime"
    before = list(runtime.iterdir())
    machine.ok("gc", "--older-than", "0s", cwd=root)
    assert list(runtime.iterdir()) == before != []
    assert machine.ok("shell", "--resume", "-c", "exit 0", cwd=root) == ""
    machine.ok("gc", "--older-than", "0s", cwd=root)
