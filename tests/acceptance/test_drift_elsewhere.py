"""Drift of conda packages, of a shell's variables, and of rendered files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib

import pexpect
import pytest
import yaml

INSTALL = """\
import asyncio, os, sys
from rattler import install, solve

prefix, channel, platform, *specs = sys.argv[1:]


async def main():
    records = await solve([channel], specs, platforms=[platform, "noarch"])
    await install(records, prefix, cache_dir=prefix + ".cache", show_progress=False)


asyncio.run(main())
sys.stdout.flush()
os._exit(0)
"""
"""What a conda client does: the prefix then holds these specs and what they need."""


def drift(machine, root, *words):
    found = machine.json("status", *words, cwd=root)["drift"]
    return [(d["kind"], d["what"], d["name"], d.get("found")) for d in found]


class TestConda:
    @pytest.fixture
    def copied(self, machine, project, conda_channel, tmp_path):
        root = project(
            {
                "stead.toml": f"[packages.conda]\nchannels = ['{conda_channel.as_uri()}']\n"
                "tool = '<2'\nwith-text = '*'\n"
            }
        )
        machine.ok("build", "--writable", "../copy", cwd=root)
        return root, tmp_path / "copy"

    @pytest.fixture
    def conda(self, conda_channel, here):
        def install(copy, *specs):
            argv = [sys.executable, "-c", INSTALL, copy, conda_channel.as_uri(), here.name, *specs]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr

        return install

    def test_changed_packages_are_told_and_taken_up(self, machine, copied, conda):
        root, copy = copied
        conda(copy, "tool >=2", "uses-tool")
        found = machine.json("status", cwd=root)["drift"]
        assert [(d["ecosystem"], d["what"], d["name"]) for d in found] == [
            ("conda", "changed", "tool"),
            ("conda", "added", "uses-tool"),
            ("conda", "removed", "with-text"),
        ]
        machine.ok("adopt", cwd=root)
        asked = tomllib.loads((root / "stead.toml").read_text())["packages"]["conda"]
        assert asked.keys() == {"channels", "tool", "uses-tool"}
        assert asked["uses-tool"] == ">=3.0"
        assert drift(machine, root) == []

    def test_what_was_asked_for_stays_as_far_as_it_fits(self, machine, copied, conda):
        root, copy = copied
        channel = tomllib.loads((root / "stead.toml").read_text())["packages"]["conda"]["channels"]
        table = f'{{ version = ">=1,<2", build = "0*", channel = "{channel[0]}" }}'
        text = (root / "stead.toml").read_text().replace("'<2'", table)
        (root / "stead.toml").write_text(text)
        machine.ok("lock", cwd=root)
        conda(copy, "tool ==1.0", "with-text")
        machine.ok("adopt", cwd=root)
        asked = tomllib.loads((root / "stead.toml").read_text())["packages"]["conda"]
        kept = {"build": "0*", "channel": channel[0]}
        assert asked["tool"] == {"version": ">=1.0,<2", **kept}
        assert drift(machine, root) == []

    def test_they_are_put_back(self, machine, copied, conda):
        root, copy = copied
        conda(copy, "tool >=2", "uses-tool")
        machine.ok("restore", "--yes", cwd=root)
        assert drift(machine, root) == []
        assert not (copy / "share" / "ut").exists()
        assert str(copy) in (copy / "etc" / "with-text.conf").read_text()


HOOK = 'eval "$(stead hook bash)"\ncd "$ROOT"\n_stead_hook\n'
"""The hook as an interactive bash has it; `_stead_hook` is what runs at each prompt."""

VARIABLES = """\
[vars]
LEVEL = "1"
HOST = "db.test"
URL = "http://${HOST}/"
KEY = { type = "secret", value = "env:KEY_OF_MINE" }
"""


class TestVariables:
    @pytest.fixture
    def root(self, machine, project):
        root = project({"stead.toml": VARIABLES})
        machine.ok("trust", "--yes", cwd=root)
        machine.environ["KEY_OF_MINE"] = "x"
        machine.ok("run", "true", cwd=root)
        return root

    def bash(self, machine, root, script):
        done = subprocess.run(
            ["bash", "--norc", "-c", HOOK + script],
            cwd=root.parent,
            env={**machine.environ, "ROOT": str(root), "PWD": str(root.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "fault" not in done.stderr
        return done

    def test_what_was_exported_by_hand_is_told(self, machine, root):
        script = "export LEVEL=7; unset HOST; _stead_hook; stead status --json"
        found = json.loads(self.bash(machine, root, script).stdout)["drift"]
        assert [(d["what"], d["name"]) for d in found] == [
            ("removed", "HOST"),
            ("changed", "LEVEL"),
        ]
        assert "7" not in json.dumps(found)
        assert json.loads(self.bash(machine, root, "stead status --json").stdout)["drift"] == []
        outside = machine.run("status", "--json", cwd=root, env={"LEVEL": "7"})
        assert json.loads(outside.stdout)["drift"] == []

    def test_it_is_taken_up(self, machine, root):
        script = "export LEVEL='{a} $b'; stead adopt; _stead_hook; echo \"<$LEVEL>\""
        done = self.bash(machine, root, script)
        assert done.stdout.endswith("<{a} $b>\n")
        assert 'LEVEL = "{a} $$b"' in (root / "stead.toml").read_text()
        latest = machine.json("log", cwd=root)[0]
        assert (latest["command"], latest["reason"]) == (["adopt"], "adopted LEVEL")
        assert machine.ok("run", "sh", "-c", "echo $LEVEL", cwd=root) == "{a} $b\n"

    def test_what_cannot_be_is_named_and_the_rest_taken(self, machine, root):
        script = "export LEVEL=7 URL=mine PYTHONNOUSERSITE=; unset HOST; stead adopt"
        done = self.bash(machine, root, script)
        assert done.returncode == 1
        assert "URL has another value in this shell: it is made of HOST" in done.stderr
        assert "not adopted: HOST is not set in this shell" in done.stderr
        assert "PYTHONNOUSERSITE has another value in this shell: packages" in done.stderr
        assert (root / "stead.toml").read_text() == VARIABLES.replace('"1"', '"7"')

    def test_what_looks_private_is_not_written_down(self, machine, root):
        script = "export LEVEL=https://ann:hunter2@db.test/ ; stead adopt"
        done = self.bash(machine, root, script)
        assert done.returncode == 1
        assert "stead set --private LEVEL" in done.stderr
        assert "hunter2" not in done.stdout + done.stderr
        assert (root / "stead.toml").read_text() == VARIABLES

    def test_it_comes_back_at_the_next_prompt(self, machine, root):
        script = "export LEVEL=7; unset HOST; stead restore HOST; _stead_hook; echo $LEVEL $HOST"
        done = self.bash(machine, root, script)
        assert done.stdout.splitlines()[-1] == "1 db.test"
        assert "LEVEL is set again at this shell's next prompt" in done.stdout
        assert (root / "stead.toml").read_text() == VARIABLES

    def test_what_was_made_by_hand_is_gone_outside_too(self, machine, root):
        script = (
            "cd /; _stead_hook; export LEVEL=own; cd $ROOT; _stead_hook; export LEVEL=7; export HOST=x\n"
            "stead restore; _stead_hook; echo $LEVEL $HOST; cd /; _stead_hook; echo $LEVEL ${HOST-none}"
        )
        done = self.bash(machine, root, script)
        assert done.stdout.splitlines()[-2:] == ["1 db.test", "own none"]

    def test_a_value_of_the_private_file_stays_there(self, machine, root):
        (root / ".env").write_text("LEVEL=5\n")
        machine.ok("trust", "--yes", cwd=root)
        machine.ok("run", "true", cwd=root)
        done = self.bash(machine, root, "export LEVEL=7; stead adopt")
        assert done.returncode == 1
        assert "it stands in the place's .env" in done.stderr
        assert (root / "stead.toml").read_text() == VARIABLES


FORMATS = ("json", "yaml", "toml", "ini", "env", "properties")
FILES = (
    '[vars]\nPORT = { type = "int", value = 8000 }\nHOST = "db.test"\n\n[files]\n'
    + "".join(
        f'"conf/all.{f}" = {{ format = "{f}", names = ["PORT", "HOST"]'
        + (', section = "app"' if f in ("yaml", "toml", "ini", "properties") else "")
        + " }\n"
        for f in FORMATS
    )
    + '"conf/viewer.ini" = "viewer.ini.tmpl"\n'
)
TEMPLATE = "[viewer]\nport = {{ PORT }}\n"


class TestFiles:
    @pytest.fixture
    def root(self, machine, project):
        root = project({"stead.toml": FILES, "viewer.ini.tmpl": TEMPLATE})
        machine.ok("run", "true", cwd=root)
        assert drift(machine, root) == []
        return root

    @pytest.mark.parametrize("form", FORMATS)
    def test_a_value_edited_in_one_is_taken_up(self, machine, root, form):
        file = root / "conf" / f"all.{form}"
        file.write_text(file.read_text().replace("8000", "9000").replace("db.test", "b-1.test"))
        assert drift(machine, root) == [("file", "changed", f"conf/all.{form}", None)]
        machine.ok("adopt", cwd=root)
        asked = tomllib.loads((root / "stead.toml").read_text())["vars"]
        assert (asked["PORT"]["value"], asked["HOST"]) == (9000, "b-1.test")
        assert drift(machine, root) == []
        assert yaml.safe_load((root / "conf/all.yaml").read_text())["app"]["PORT"] == 9000

    def test_undo_renders_the_former_value_again(self, machine, root):
        file = root / "conf" / "all.json"
        before = file.read_text()
        file.write_text(before.replace("8000", "9000"))
        machine.ok("adopt", cwd=root)
        adopted = file.read_text()
        machine.ok("undo", cwd=root)
        assert (root / "stead.toml").read_text() == FILES
        assert file.read_text() == before
        machine.ok("redo", cwd=root)
        assert file.read_text() == adopted
        file.write_text("mine")
        done = machine.run("undo", cwd=root)
        assert (done.returncode, file.read_text()) == (0, before)
        assert "was edited by hand: that is kept as " in done.stderr
        assert drift(machine, root) == []

    def test_what_is_more_than_a_value_is_shown(self, machine, root):
        file = root / "conf" / "all.json"
        file.write_text('{"HOST": "db.test", "PORT": 8000, "MORE": 1}\n')
        message = machine.fails("adopt", cwd=root)
        assert "more than values of variables was changed in it" in message
        assert '+{"HOST"' in message
        file.write_text("{")
        assert "cannot be read as json" in machine.fails("adopt", cwd=root)
        assert (root / "stead.toml").read_text() == FILES

    def test_a_template_must_be_edited(self, machine, root):
        file = root / "conf" / "viewer.ini"
        file.write_text("[viewer]\nport = 1\n")
        message = machine.fails("adopt", "conf/viewer.ini", cwd=root)
        assert "-port = 8000" in message
        assert "+port = 1" in message
        assert "make the same change in viewer.ini.tmpl" in message
        assert file.read_text() == "[viewer]\nport = 1\n"

    @pytest.mark.parametrize("how", ["through the link", "instead of the link"])
    def test_it_is_rendered_again_and_the_edit_kept(self, machine, root, how):
        file = root / "conf" / "viewer.ini"
        if how == "instead of the link":
            file.unlink()
        file.write_text("mine")
        (root / "conf" / "all.json").unlink()
        assert drift(machine, root) == [
            ("file", "removed", "conf/all.json", None),
            ("file", "changed", "conf/viewer.ini", None),
        ]
        assert drift(machine, root, "-e", "default") == drift(machine, root)
        found = machine.json("restore", cwd=root)
        (kept,) = found["kept"]
        with open(kept["now"], encoding="utf-8") as there:
            assert there.read() == "mine"
        assert drift(machine, root) == []
        assert file.read_text() == "[viewer]\nport = 8000\n"
        assert json.loads((root / "conf" / "all.json").read_text())["PORT"] == 8000

    def test_a_run_that_renders_anew_loses_no_edit(self, machine, root):
        (root / "conf" / "viewer.ini").write_text("mine")
        machine.ok("set", "PORT=1", cwd=root)
        done = machine.run("run", "cat", "conf/viewer.ini", cwd=root)
        assert done.stdout == "[viewer]\nport = 1\n"
        kept = done.stderr.partition("that is kept as ")[2].split("\n")[0]
        with open(kept, encoding="utf-8") as there:
            assert there.read() == "mine"


def test_a_person_is_asked(machine, project, tmp_path):
    """What would be gone for good goes only where somebody says so."""
    from stead.testing.index import Wheel

    root = project({"stead.toml": "[packages.pypi]\nleaf = '<2'\n"})
    machine.ok("build", "--writable", "../copy", cwd=root)
    (site,) = (tmp_path / "copy").glob("lib/python*/site-packages")
    wheel = tmp_path / "own-1-py3-none-any.whl"
    wheel.write_bytes(Wheel("own", "1").content())
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, site], check=True)
    assert drift(machine, root) == [("package", "added", "own", "1")]
    for answer, code in (("n", 1), ("y", 0)):
        child = pexpect.spawn(
            str(machine.program),
            ["restore"],
            cwd=str(root),
            env={**machine.environ, "PWD": str(root), "TERM": "dumb"},
            encoding="utf-8",
            timeout=60,
        )
        child.expect_exact(f"pypi own 1 goes from {tmp_path / 'copy'}")
        child.expect_exact("Go on? [y/N]")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == code
        assert os.path.exists(site / "own") == (answer == "n")


def test_inside_a_transaction(machine, project, tmp_path):
    """What is adopted there is staged, and what is declared is nobody's to put back there."""
    root = project({"stead.toml": "[packages.pypi]\nleaf = '<2'\ntool = '*'\n"})
    machine.ok("build", "--writable", "../copy", cwd=root)
    before = (root / "stead.toml").read_bytes()
    (site,) = (tmp_path / "copy").glob("lib/python*/site-packages")
    subprocess.run(["rm", "-r", *site.glob("tool*")], check=True)
    done = machine.run("shell", "-c", "stead restore; stead adopt && false", cwd=root)
    assert done.returncode == 1
    assert "`stead restore` takes effect at once" in done.stderr
    assert (root / "stead.toml").read_bytes() == before
    assert drift(machine, root) == [("package", "removed", "tool", None)]
    machine.ok("shell", "-c", "stead adopt", cwd=root)
    assert "tool" not in (root / "stead.toml").read_text()
    assert drift(machine, root) == []
