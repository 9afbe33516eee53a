"""`stead package` and `stead publish`, as a user has them, and what others make of the result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from stead.testing.index import Sdist, Wheel, make_index, make_project
from stead.testing.uploads import accept

if TYPE_CHECKING:
    from acceptance.conftest import Machine


@pytest.fixture
def spam(tmp_path: Path) -> Path:
    return make_project(tmp_path / "spam", Sdist("spam", "1.5", requires=("leaf",)))


def test_the_packages_of_a_project_that_says_nothing_of_them(machine: Machine, spam: Path):
    made = machine.ok("package", cwd=spam / "src").splitlines()
    assert [Path(path).name for path in made] == ["spam-1.5.tar.gz", "spam-1.5-py3-none-any.whl"]
    listed = machine.json("package", "--list", cwd=spam)
    assert [one["name"] for one in listed["definitions"]] == ["sdist", "wheel"]
    assert machine.ok("package", "--list", cwd=spam).split() == ["sdist", "sdist", "wheel", "wheel"]
    again = machine.json("package", cwd=spam)
    assert [one["reused"] for one in again] == [True, True]
    assert [one["path"] for one in again] == made


def test_copies_are_put_where_one_wants_them_and_build_nothing_anew(machine: Machine, spam: Path):
    subprocess.run(["git", "init", "-q"], cwd=spam, check=True)
    assert machine.ok("package", "wheel", "--out", "dist", cwd=spam) == (
        "dist/spam-1.5-py3-none-any.whl\n"
    )
    (again,) = machine.json("package", "wheel", "--out", "dist", cwd=spam)
    assert again["reused"]
    assert again["path"] == str(spam / "dist" / "spam-1.5-py3-none-any.whl")


def test_definitions_are_built_by_name(machine: Machine, spam: Path):
    (spam / "stead.toml").write_text(
        '[package.wheel]\ndescription = "the usual"\n'
        '[package.made]\ncommand = ["python", "make.py"]\noutputs = ["*.whl"]\n'
        '[package.old]\nversion = "1.0"\ndistribution = "leaf"\n'
    )
    (spam / "make.py").write_text(
        "import backend\nprint('made by hand')\nprint(backend.build_wheel('.'))\n"
    )
    assert machine.ok("package", "--list", cwd=spam).splitlines() == [
        "wheel  wheel  the usual",
        "made   command, a wheel",
        "old    release, a wheel",
    ]
    made = machine.json("package", cwd=spam)
    assert [one["definition"] for one in made] == ["wheel", "made"]
    (old,) = machine.json("package", "old", cwd=spam)
    assert (old["name"], old["version"]) == ("leaf", "1.0")
    (spam / "other.txt").write_text("")
    said = machine.run("package", "made", "--verbose", cwd=spam)
    assert "made by hand" in said.stderr
    assert "made by hand" not in said.stdout
    message = machine.fails("package", "mad", cwd=spam, code=2)
    assert "did you mean made?" in message


def test_a_definition_is_built_in_the_environment_that_it_names(machine: Machine, spam: Path):
    (spam / "stead.toml").write_text(
        '[package.wheel]\nenvironment = "build"\n[layer.build.packages.pypi]\ntool = "*"\n'
    )
    source = (spam / "backend.py").read_text()
    (spam / "backend.py").write_text(
        f"{source}\nplain = build_wheel\n"
        "def build_wheel(directory, settings=None, metadata=None):\n"
        "    import tool\n"
        "    return plain(directory)\n"
    )
    (made,) = machine.json("package", cwd=spam)
    assert made["file"] == "spam-1.5-py3-none-any.whl"
    (spam / "stead.toml").write_text('[package.wheel]\nenvironment = "nowhere"\n')
    assert "nowhere" in machine.fails("package", cwd=spam)


def test_what_cannot_be_packaged_is_said(machine: Machine, tmp_path: Path, spam: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "nothing to package here" in machine.fails("package", cwd=empty)
    assert machine.ok("package", "--list", cwd=empty) == "no packages\n"
    text = (spam / "backend.py").read_text().replace("BROKEN = ''", "BROKEN = 'no compiler here'")
    (spam / "backend.py").write_text(text)
    message = machine.fails("package", "wheel", cwd=spam)
    assert "no compiler here" in message
    assert f"{spam / 'pyproject.toml'}:7" in message


def test_a_wheel_installs_with_pip_and_uv(
    machine: Machine, spam: Path, tmp_path: Path, index: Path
):
    (wheel,) = machine.ok("package", "wheel", cwd=spam).split()
    uv, pip = tmp_path / "uv", tmp_path / "pip"
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--no-config", "--target", uv, wheel],
        check=True, capture_output=True, env={**machine.environ, "UV_CACHE_DIR": str(tmp_path / "c")},
    )  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir",
         "install", "--target", pip, "--find-links", index / "files", "--no-index", wheel],
        check=True, capture_output=True, env=machine.environ,
    )  # fmt: skip
    for target in (uv, pip):
        assert (target / "spam" / "__init__.py").exists()
        assert (target / "leaf" / "__init__.py").exists()


def test_publishing_builds_uploads_and_can_be_tried(machine: Machine, spam: Path, tmp_path: Path):
    with accept(tmp_path / "served", password=("__token__", "s3cret")) as served:
        to = ("--to", served.url)
        dry = machine.ok("publish", *to, "--dry-run", cwd=spam)
        assert dry == "spam-1.5.tar.gz: not sent\nspam-1.5-py3-none-any.whl: not sent\n"
        refused = machine.fails("publish", "wheel", *to, cwd=spam)
        assert "403" in refused
        assert "STEAD_PUBLISH_TOKEN" in refused
        machine.environ["OUR_TOKEN"] = "s3cret"
        shown = machine.run("publish", *to, "--token", "env:OUR_TOKEN", cwd=spam)
        assert shown.returncode == 0, shown.stderr
        assert "s3cret" not in shown.stdout + shown.stderr
        assert shown.stdout.count(f"published at {served.url}") == 2
        machine.environ["STEAD_PUBLISH_TOKEN"] = "s3cret"
        assert "is there already" in machine.fails("publish", "wheel", *to, cwd=spam)
        (again,) = machine.json("publish", "wheel", *to, "--skip-existing", cwd=spam)
        assert again["outcome"] == "there already"
        assert "no reference" in machine.fails(
            "publish", *to, "--token", "s3cret", cwd=spam, code=2
        )
    assert [form["name"] for form in served.forms] == [["spam"], ["spam"]]


def test_an_index_gets_what_it_takes_and_a_channel_the_rest(
    machine: Machine, spam: Path, tmp_path: Path
):
    (spam / "stead.toml").write_text("[package.wheel]\n[package.conda]\n")
    with accept(tmp_path / "served") as served:
        done = machine.json("publish", "--to", served.url, cwd=spam)
    assert [one["file"] for one in done] == ["spam-1.5-py3-none-any.whl"]
    done = machine.json("publish", "conda", "--to", "../channel", cwd=spam)
    assert (tmp_path / "channel" / "noarch" / done[0]["file"]).exists()
    assert (tmp_path / "channel" / "noarch" / "repodata.json").exists()


def test_a_project_within_another_is_packaged_by_itself(machine: Machine, spam: Path):
    (spam / "tox.ini").write_text("[tox]\nenv_list = py\n")
    inner = make_project(spam / "libs" / "eggs", Sdist("eggs", "0.2"))
    (made,) = machine.json("package", "wheel", cwd=inner)
    assert made["file"] == "eggs-0.2-py3-none-any.whl"
    (made,) = machine.json("package", "wheel", cwd=spam)
    assert made["file"] == "spam-1.5-py3-none-any.whl"


def test_files_are_published_in_the_order_given(machine: Machine, spam: Path, tmp_path: Path):
    own = make_index(tmp_path / "own", [Wheel("eggs", "3.0")])
    file = own / "files" / "eggs-3.0-py3-none-any.whl"
    done = machine.json("publish", str(file), "wheel", "--to", "../out", cwd=spam)
    assert [one["file"] for one in done] == [file.name, "spam-1.5-py3-none-any.whl"]
    assert sorted(os.listdir(tmp_path / "out")) == sorted(one["file"] for one in done)
    (tmp_path / "notes.txt").write_text("")
    assert "no package by its name" in machine.fails(
        "publish", str(tmp_path / "notes.txt"), "--to", "out", cwd=spam, code=2
    )


def test_killed_at_any_point_the_next_build_is_right(machine: Machine, spam: Path):
    source = (spam / "backend.py").read_text()
    (spam / "backend.py").write_text(f"import time\ntime.sleep(0.4)\n{source}")
    for number in range(6):
        (spam / "round.txt").write_text(str(number))
        started = subprocess.Popen(
            ["stead", "package", "wheel"], cwd=spam, env=machine.environ,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(0.15 * (number + 1))
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    (made,) = machine.json("package", "wheel", cwd=spam)
    assert made["file"] == "spam-1.5-py3-none-any.whl"
    assert machine.ok("store", "verify", cwd=spam).endswith("0 findings\n")
    machine.ok("gc", cwd=spam)
    store = machine.stead_home / "store"
    assert not [name for name in os.listdir(store) if name.startswith(".")]
    assert not os.listdir(machine.stead_home / "scratch")
    assert Path(made["path"]).exists()


def test_two_at_once_build_once(machine: Machine, spam: Path, tmp_path: Path):
    source = (spam / "backend.py").read_text()
    (spam / "backend.py").write_text(
        f"import time\nopen({str(tmp_path / 'count')!r}, 'a').write('x')\ntime.sleep(0.5)\n{source}"
    )
    running = [
        subprocess.Popen(
            ["stead", "package", "wheel"], cwd=spam, env=machine.environ, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    said = {one.communicate()[0] for one in running}
    assert [one.returncode for one in running] == [0, 0, 0]
    assert len(said) == 1
    assert (tmp_path / "count").read_text() == "x"
