"""Edits: the manifest and the lock change together, or neither does."""

from __future__ import annotations

import re

import pytest

MANIFEST = """\
# mine, with a comment

[packages.pypi]
# the tool comes first
tool = "*"   # any

[layer.test.packages.pypi]
needs-old-leaf = "*"
"""


def snapshot(root):
    return {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_add_keeps_comments_and_layout(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("add", "branch", "leaf>=2", cwd=root)
    lines = (root / "stead.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line not in ('branch = ">=2.0"', 'leaf = ">=2"')] == (
        MANIFEST.splitlines()
    )
    code = "import branch, leaf; print(branch.__version__, leaf.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "2.0 2.0\n"


def test_add_to_a_layer(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("add", "--layer", "docs", "leaf==1.0", cwd=root)
    text = (root / "stead.toml").read_text(encoding="utf-8")
    assert '[layer.docs.packages.pypi]\nleaf = "==1.0"' in text
    assert machine.run("run", "python", "-c", "import leaf", cwd=root).returncode == 1
    machine.ok("run", "-e", "docs", "python", "-c", "import leaf", cwd=root)


@pytest.mark.parametrize("wish", ["needs-new-leaf", "no-such-package", "leaf==9"])
def test_what_cannot_be_locked_changes_nothing(machine, project, wish):
    root = project({"stead.toml": MANIFEST.replace('tool = "*"', 'needs-old-leaf = "*"')})
    machine.ok("lock", cwd=root)
    before = snapshot(root)
    message = machine.fails("add", wish, cwd=root)
    assert "→" in message
    assert snapshot(root) == before


def test_a_failing_addition_cites_the_command_and_the_file_as_it_is(machine, project):
    """No line is cited that was never written, and none that was merely moved."""
    text = '# one\n[packages.pypi]\n"zz-late" = { path = "zz" }\nneeds-old-leaf = "*"\n'
    root = project(
        {
            "stead.toml": text,
            "zz/pyproject.toml": "[project]\nname = 'zz-late'\nversion = '1'\n",
        }
    )
    message = machine.fails("add", "needs-new-leaf", cwd=root)
    assert "asked for on the command line" in message
    cited = {int(n) for n in re.findall(r"stead\.toml:(\d+)", message)}
    for number in cited:
        line = text.splitlines()[number - 1]
        assert "needs-old-leaf" in line
    assert cited
    message = machine.fails("add", "no-such-package", cwd=root)
    assert "asked for on the command line" in message
    assert "stead.toml:5" not in message


def test_an_addition_that_breaks_another_locked_environment_changes_nothing(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("lock", cwd=root)
    machine.ok("lock", "-e", "test", cwd=root)
    before = snapshot(root)
    message = machine.fails("add", "needs-new-leaf", cwd=root)
    assert "leaf" in message
    assert snapshot(root) == before


def test_remove(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.ok("add", "branch", cwd=root)
    machine.ok("remove", "branch", cwd=root)
    assert (root / "stead.toml").read_text(encoding="utf-8") == MANIFEST
    assert "branch" not in (root / "stead.lock").read_text(encoding="utf-8")


def test_remove_what_is_only_needed_by_another_says_so(machine, project):
    root = project({"stead.toml": '[packages.pypi]\nbranch = "*"\n'})
    machine.ok("lock", cwd=root)
    assert "stead why" in machine.fails("remove", "leaf", cwd=root)


def test_add_writes_where_the_place_says_it(machine, project):
    root = project({"requirements.txt": "# pinned\ntool\n"})
    machine.ok("add", "leaf", cwd=root)
    assert (root / "requirements.txt").read_text(encoding="utf-8") == "# pinned\ntool\nleaf>=2.0\n"


def test_add_picks_the_ecosystem_in_use(machine, project, conda_channel):
    channel = conda_channel.as_uri()
    root = project({"stead.toml": f'[packages.conda]\nchannels = ["{channel}"]\npython = "*"\n'})
    machine.ok("add", "packaging", "pypi:leaf", cwd=root)
    text = (root / "stead.toml").read_text(encoding="utf-8")
    assert text.index("packaging") < text.index("[packages.pypi]") < text.index("leaf")
    ids = {p["ecosystem"]: p["name"] for p in machine.json("tree", cwd=root)["packages"]}
    assert ids["pypi"] == "leaf"


def test_add_a_path_is_editable_and_relative(machine, project):
    from stead.testing.index import Sdist, project_files

    files = project_files(Sdist("mine", "1.0"))
    root = project(
        {"stead.toml": "[vars]\n", **{f"libs/mine/{n}": text for n, text in files.items()}}
    )
    machine.ok("add", "./libs/mine", cwd=root)
    text = (root / "stead.toml").read_text(encoding="utf-8")
    assert '"libs/mine"' in text
    out = machine.ok("run", "python", "-c", "import mine; print(mine.__file__)", cwd=root)
    assert out.startswith(str(root))


def test_upgrade_takes_only_what_is_named(machine, project):
    root = project({"stead.toml": '[packages.pypi]\nleaf = "==1.0"\nbranch = "==1.0"\n'})
    machine.ok("lock", cwd=root)
    (root / "stead.toml").write_text(
        '[packages.pypi]\nleaf = "*"\nbranch = "*"\n', encoding="utf-8"
    )
    machine.ok("lock", cwd=root)
    versions = {p["name"]: p["version"] for p in machine.json("tree", cwd=root)["packages"]}
    assert versions == {"leaf": "1.0", "branch": "1.0"}
    machine.ok("lock", "--upgrade", cwd=root)
    versions = {p["name"]: p["version"] for p in machine.json("tree", cwd=root)["packages"]}
    assert versions == {"leaf": "2.0", "branch": "2.0"}


def test_locked_fails_with_what_differs(machine, project):
    root = project({"stead.toml": '[packages.pypi]\nleaf = "*"\n'})
    machine.ok("lock", cwd=root)
    machine.ok("lock", "--locked", cwd=root)
    (root / "stead.toml").write_text('[packages.pypi]\nleaf = "<2"\n', encoding="utf-8")
    before = snapshot(root)
    for words in (["lock", "--locked"], ["run", "--locked", "true"]):
        message = machine.fails(*words, cwd=root)
        assert "+ pypi leaf <2" in message
        assert "- pypi leaf" in message
    assert snapshot(root) == before


def test_offline_uses_what_is_cached(machine, project, index):
    from stead.testing.server import serve

    root = project({"stead.toml": '[packages.pypi]\nleaf = "*"\n'})
    with serve(index) as served:
        machine.environ["UV_DEFAULT_INDEX"] = f"{served.url}/simple"
        machine.fails("run", "--offline", "true", cwd=root)
        machine.ok("run", "true", cwd=root)
    (root / "stead.lock").unlink()
    machine.ok("run", "--offline", "python", "-c", "import leaf", cwd=root)


def test_place_without_packages_has_an_empty_tree(machine, project):
    root = project({"stead.toml": "[vars]\nA = 'b'\n"})
    assert machine.json("tree", cwd=root) == {"roots": [], "packages": []}


def test_trust_answers_with_what_holds_afterwards(machine, project):
    root = project({"stead.toml": "[vars]\nA = 'b'\n"})
    assert machine.json("trust", "--show", cwd=root)["state"] != "trusted"
    assert machine.json("trust", "--yes", cwd=root)["state"] == "trusted"
    assert machine.json("trust", "--show", cwd=root)["state"] == "trusted"


@pytest.mark.parametrize(
    "words", [("add", "leaf"), ("remove", "leaf"), ("set", "A=1"), ("unset", "A")]
)
def test_who_names_an_environment_is_told_of_its_layer(machine, project, words):
    text = "[vars]\nA = '1'\n[layer.test.packages.pypi]\ntool = '*'\n"
    root = project({"stead.toml": text})
    said = machine.fails(words[0], "-e", "test", words[1], cwd=root, code=2)
    assert "write `--layer test` to change the layer test" in said
    assert (root / "stead.toml").read_text() == text
