"""Directories as people have them: no file of Stead's, no manual step."""

from __future__ import annotations

import os
import subprocess

PROJECT = """\
[project]
name = "{name}"
version = "1.0"
dependencies = {dependencies}

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def member(name: str, *dependencies: str) -> dict[str, str]:
    """Give the files of an installable project whose build needs nothing."""
    from stead.testing.index import Sdist, project_files

    files = project_files(Sdist(name, "1.0", requires=dependencies))
    return {f"packages/{name}/{path}": text for path, text in files.items()}


def imports(machine, cwd, *names: str) -> list[str]:
    code = f"import {', '.join(names)}\nfor m in ({', '.join(names)},): print(m.__file__)"
    return machine.ok("run", "python", "-c", code, cwd=cwd).split()


def test_requirements_txt(machine, project):
    root = project(
        {
            "requirements.txt": "-r base.txt\nbranch>=1 ; python_version >= '3.8'\n",
            "base.txt": "leaf==1.0\n",
            "mine/__init__.py": "",
            "mine/deep/__init__.py": "",
        }
    )
    deep = root / "mine" / "deep"
    code = "import branch, leaf, mine; print(branch.__version__, leaf.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=deep) == "1.0 1.0\n"
    assert not (root / "stead.lock").exists()
    machine.ok("lock", cwd=root)
    assert (root / "stead.lock").exists()


def test_environment_yml(machine, project, conda_channel):
    root = project(
        {
            "environment.yml": f"""\
name: ignored
channels:
  - {conda_channel.as_uri()}
dependencies:
  - python
  - packaging>=20
  - pip:
      - branch
variables:
  FROM_YML: "yes"
""",
            "mine.py": "",
            "notebooks/first.txt": "",
        }
    )
    code = (
        "import os, sys, packaging, branch, mine;"
        "print(os.environ['FROM_YML'], packaging.__file__.startswith(sys.prefix))"
    )
    assert machine.ok("run", "python", "-c", code, cwd=root / "notebooks") == "yes True\n"


def test_monorepo_of_members_that_depend_on_each_other(machine, project):
    root = project(
        {
            "stead.toml": "[workspace]\nname = 'mono'\nmembers = ['packages/*']\n",
            **member("core", "leaf"),
            **member("api", "core"),
            **member("web", "api", "core"),
        }
    )
    files = imports(machine, root / "packages" / "web", "web", "api", "core", "leaf")
    assert all(str(root) in f for f in files[:3])
    assert str(root) not in files[3]
    machine.ok("run", "python", "-c", "import core", cwd=root / "packages" / "core")
    lock = (root / "stead.lock").read_text(encoding="utf-8")
    assert str(root) not in lock
    assert lock.count("[environment.") == 2


def test_projects_side_by_side_in_a_repository_mean_each_other(machine, project):
    """No word about a workspace anywhere, and an index that has other packages of these names."""
    files = {**member("leaf"), **member("branch", "leaf"), **member("web", "branch")}
    root = project({**files, ".git/HEAD": "ref: refs/heads/main\n"})
    found = imports(machine, root / "packages" / "web", "web", "branch", "leaf")
    assert all(f.startswith(str(root)) for f in found)


def test_a_neighbours_mistake_is_its_own(machine, project):
    files = {**member("web", "leaf"), "packages/broken/pyproject.toml": "[project\n"}
    root = project({**files, ".git/HEAD": "ref: refs/heads/main\n"})
    found = imports(machine, root / "packages" / "web", "web", "leaf")
    assert found[0].startswith(str(root))
    assert not found[1].startswith(str(root))


def test_two_clones_of_one_repository_import_their_own_code(machine, project, tmp_path):
    root = project({f"x/{k.split('/', 2)[2]}": v for k, v in member("core").items()}) / "x"
    git = ["git", "-C", str(root)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True, env=machine.environ)
    other = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(root), str(other)], check=True, env=machine.environ)
    (first,) = imports(machine, root, "core")
    (second,) = imports(machine, other, "core")
    assert first.startswith(str(root))
    assert second.startswith(str(other))


def test_optional_dependencies_and_groups_are_layers(machine, project):
    root = project(
        {
            "pyproject.toml": """\
[project]
name = "plain"
version = "1.0"
dependencies = ["leaf<2"]

[project.optional-dependencies]
more = ["tool"]

[dependency-groups]
dev = ["branch", {include-group = "base"}]
base = ["needs-old-leaf"]
"""
        }
    )
    listed = machine.json("env", "list", cwd=root)
    assert {"more", "dev", "base"} <= {row["environment"] for row in listed}
    code = "import leaf, branch, needs_old_leaf; print(branch.__version__)"
    assert machine.ok("run", "-e", "dev", "python", "-c", code, cwd=root) == "1.0\n"
    assert machine.ok("run", "-e", "more", "tool", cwd=root) == "tool ran\n"
    assert machine.run("run", "tool", cwd=root).returncode == 127


def test_python_version_alone(machine, project):
    import sys

    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    root = project({".python-version": f"{version}\n"})
    out = machine.ok("run", "python", "-c", "import sys; print(sys.version_info[:2])", cwd=root)
    assert out.strip() == str(sys.version_info[:2])


def test_bare_package_folder_runs_by_its_name(machine, project):
    root = project({"hello/__init__.py": "", "hello/__main__.py": "print('hello there')\n"})
    assert machine.ok("run", "hello", cwd=root / "hello") == "hello there\n"


def test_layer_file_is_a_layer(machine, project):
    root = project({"requirements.txt": "leaf\n", "requirements-test.txt": "branch==2.0\n"})
    code = "import branch; print(branch.__version__)"
    assert machine.ok("run", "-e", "test", "python", "-c", code, cwd=root) == "2.0\n"
    assert machine.run("run", "python", "-c", code, cwd=root).returncode == 1


def test_configuration_only_layers_share_the_build(machine, project):
    root = project(
        {
            "stead.toml": "[packages.pypi]\nleaf = '*'\n"
            "[layer.dev.vars]\nMODE = 'dev'\n[layer.prod.vars]\nMODE = 'prod'\n"
        }
    )
    builds = set()
    for name in ("dev", "prod"):
        code = "import os, sys; print(os.environ['MODE'], sys.prefix)"
        mode, prefix = machine.ok("run", "-e", name, "python", "-c", code, cwd=root).split()
        assert mode == name
        builds.add(prefix)
    assert len(builds) == 1


def test_status_says_which_files_were_read(machine, project):
    root = project({"requirements.txt": "leaf\n", ".python-version": "3\n"})
    report = machine.json("status", cwd=root)
    assert {r["format"] for r in report["read"]} == {"requirements.txt", ".python-version"}
    assert not report["lock"]["answers"]
    assert report["problems"]
    machine.ok("build", cwd=root)
    report = machine.json("status", cwd=root)
    assert report["lock"]["answers"]
    assert report["build"]
    assert report["problems"] == []


def test_program_called_by_a_relative_path_with_another_directory(machine, project):
    """As the README does: the program's own place is not relative to where -C leads."""
    root = project({"sub/stead.toml": "[vars]\nA = 'b'\n"})
    relative = os.path.relpath(machine.program, root)
    for _ in range(2):
        done = subprocess.run(
            [relative, "-C", "sub", "run", "sh", "-c", "echo $A"],
            cwd=root,
            env={**machine.environ, "PWD": str(root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "b\n"), done.stderr
