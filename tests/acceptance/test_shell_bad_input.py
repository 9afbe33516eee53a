"""What goes wrong around a transaction: it is said, and neither place nor staged work is lost."""

from __future__ import annotations

import subprocess

import pytest

MANIFEST = """\
[vars]
LEVEL = "1"

[layer.test.vars]
T = "t"
"""


def transaction(machine, root):
    return machine.stead_home / "places" / "at" / str(root.resolve())[1:] / ".stead@/transaction@"


def test_a_manifest_that_is_deleted_meanwhile(machine, project):
    root = project({"stead.toml": MANIFEST})
    file = root / "stead.toml"
    script = "stead set A=1; rm stead.toml; stead set B=2; stead status; stead commit; stead abort"
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.stderr.count(f"{file}: was removed since") >= 3
    assert "transaction  this shell" in done.stderr
    assert file.read_text() == MANIFEST  # aborted: it is back
    done = machine.run("shell", "-c", "stead set A=1; rm stead.toml", cwd=root)
    assert done.returncode == 1
    assert "what is staged stays" in done.stderr
    assert not file.exists()
    done = machine.run("status", cwd=root)
    assert "1 staged change" in done.stderr
    file.write_text(MANIFEST)
    assert machine.ok("shell", "--resume", "-c", "echo $A", cwd=root) == "1\n"
    assert 'A = "1"' in file.read_text()


def test_a_place_of_which_only_its_env_is_left(machine, project):
    root = project({"stead.toml": MANIFEST, ".env": "HID=1\n"})
    machine.ok("set", "A=1", cwd=root)
    text = (root / "stead.toml").read_text()
    said = machine.run("shell", "-c", "rm stead.toml; stead status; exit 1", cwd=root).stdout
    assert "stead.toml is gone, and only .env is left" in said
    assert "`stead abort` puts it back" in said
    assert (root / "stead.toml").read_text() == text
    (root / "stead.toml").unlink()
    assert "stead.toml is gone, and only .env is left" in machine.ok("status", cwd=root)
    done = machine.run("set", "B=1", cwd=root)  # which makes a new one
    assert "stead.toml is gone: `stead rollback 2` brings it back" in done.stderr
    machine.ok("undo", cwd=root)
    assert "stead.toml is gone, and only .env is left" in machine.ok("status", cwd=root)
    machine.ok("rollback", "2", cwd=root)
    assert (root / "stead.toml").read_text() == text
    assert "is gone" not in machine.ok("status", cwd=root)


def test_a_place_that_is_moved_meanwhile(machine, project, tmp_path):
    root = project({"stead.toml": MANIFEST})
    script = "stead set A=1; cd ..; mv project moved; cd moved; stead commit"
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.returncode == 2
    assert "was moved or removed" in done.stderr
    assert f"change to {root}" in done.stderr
    moved = tmp_path / "moved"
    assert (moved / "stead.toml").read_text() == MANIFEST
    assert machine.ok("shell", "-c", "echo ${A-none}", cwd=moved) == "none\n"
    moved.rename(root)
    script = "stead set A=1; cd ..; mv project moved"
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.returncode == 1
    assert "what is staged stays" in done.stderr
    moved.rename(root)
    machine.ok("shell", "--resume", "-c", "true", cwd=root)
    assert 'A = "1"' in (root / "stead.toml").read_text()


def test_a_place_that_is_removed_meanwhile(machine, project):
    root = project({"stead.toml": MANIFEST})
    done = machine.run("shell", "-c", "stead set A=1; rm -rf ../project", cwd=root)
    assert done.returncode == 1
    assert "was moved or removed" in done.stderr
    assert not root.exists()


@pytest.fixture
def read_only():
    """Make a directory read-only, for root as well; undone afterwards."""
    made = []

    def mount(directory):
        for options in ("bind", "remount,ro,bind"):
            words = ["mount", "-o", options, str(directory), str(directory)]
            subprocess.run(words, check=True)
            if options == "bind":
                made.append(directory)

    yield mount
    for directory in made:
        subprocess.run(["umount", str(directory)], check=True)


def test_a_checkout_that_cannot_be_written(machine, project, read_only):
    root = project({"stead.toml": MANIFEST})
    read_only(root)
    done = machine.run("shell", "-c", "stead set A=1; echo $A", cwd=root)
    assert done.stdout == "staged in stead.toml\n1\n"
    assert done.returncode == 1
    assert f"error: {root}/stead.toml: the file system is read-only" in done.stderr
    assert "what is staged stays: `stead shell --resume`" in done.stderr
    status = machine.json("status", cwd=root)["transaction"]
    assert (status["alive"], status["operations"]) == (False, [["set", "A"]])
    subprocess.run(["umount", str(root)], check=True)
    subprocess.run(["mount", "-o", "bind", str(root), str(root)], check=True)
    assert machine.ok("shell", "--resume", "-c", "echo $A", cwd=root) == "1\n"
    assert 'A = "1"' in (root / "stead.toml").read_text()


@pytest.fixture
def small(machine):
    """Give a small file system to what Stead keeps; the file in it takes all the space there is."""
    machine.stead_home.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=700k", "stead-test", str(machine.stead_home)]
    subprocess.run(words, check=True)
    yield machine.stead_home / "fill"
    subprocess.run(["umount", str(machine.stead_home)], check=True)


def test_a_disk_that_fills_up_meanwhile(machine, project, small):
    root = project({"stead.toml": MANIFEST})
    fill = f"dd if=/dev/zero of={small} bs=1k 2>/dev/null"
    script = f"""
stead set A=1
{fill}
stead set B=1
echo $? ${{B-none}}
rm {small}
stead set C=1
echo $A $C
{fill}
stead commit
echo $?
rm {small}
stead set D=1
"""
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("staged")]
    assert lines == ["1 none", "1 1", "1"]
    assert done.stderr.count("the disk is full") >= 2
    added = "".join(f'{name} = "1"\n' for name in "ACD")
    assert (root / "stead.toml").read_text() == MANIFEST.replace('"1"\n', f'"1"\n{added}')


def test_another_environment(machine, project):
    root = project({"stead.toml": MANIFEST})
    script = "echo $T; stead set A=2 >&2; stead set --layer test T=2 >&2; echo $A $T; kill -9 $PPID"
    done = machine.run("shell", "-e", "test", "-c", script, cwd=root)
    assert done.stdout == "t\n2 2\n"
    message = machine.fails("shell", "--resume", "-c", "true", cwd=root, code=2)
    assert "is of environment test" in message
    assert "--resume -e test" in message
    machine.ok("shell", "--resume", "-e", "test", "-c", "true", cwd=root)
    text = (root / "stead.toml").read_text()
    assert 'A = "2"' in text
    assert 'T = "2"' in text
    assert machine.json("log", "-e", "test", cwd=root)[0]["command"] == ["shell"]


def test_a_place_has_one_transaction_by_whatever_name(machine, project, tmp_path):
    root = project({"stead.toml": MANIFEST})
    link = tmp_path / "link"
    link.symlink_to(root)
    script = (
        "stead set A=1 >&2; cd ../link && stead set B=2 >&2; echo $A $B;"
        " env -u STEAD_SHELL stead shell --no-wait -c true; cd ../project"
    )
    done = machine.run("shell", "-c", script, cwd=root)
    assert done.stdout == "1 2\n"
    assert "another transaction is open here" in done.stderr
    text = (root / "stead.toml").read_text()
    assert 'A = "1"\nB = "2"' in text


@pytest.mark.parametrize("which", ["newest", "all", "owner", "content"])
def test_what_a_killed_one_left_is_damaged(machine, project, which):
    root = project({"stead.toml": MANIFEST})
    machine.run("shell", "-c", "stead set A=1; stead set B=1; kill -9 $PPID", cwd=root)
    top = transaction(machine, root)
    states = sorted((top / "states").iterdir())
    damaged = {
        "newest": states[-1:],
        "all": states,
        "owner": [top / "owner.json"],
        "content": list((top / "blobs").iterdir()),
    }[which]
    for file in damaged:
        file.write_bytes(b"\0" * 10)
    machine.run("status", cwd=root)
    done = machine.run("shell", "--resume", "-c", "echo ${A-} ${B-none}; exit 1", cwd=root)
    assert "Traceback" not in done.stderr
    assert "a fault in Stead" not in done.stderr
    if which == "newest":
        assert done.stdout == "1 none\n"
        assert "damaged; the one before it is used" in done.stderr
    elif which != "owner":
        assert done.returncode != 0
        assert "→" in done.stderr
    assert (root / "stead.toml").read_text() == MANIFEST
    assert machine.ok("shell", "-c", "stead set C=1 >&2; echo $C", cwd=root) == "1\n"
    assert (root / "stead.toml").read_text() == MANIFEST.replace('"1"\n', '"1"\nC = "1"\n')


@pytest.mark.parametrize(
    "value", ["/nowhere", "relative", "{home}/stead", "{home}/stead/places/at"]
)
def test_a_variable_that_names_no_transaction(machine, project, value):
    root = project({"stead.toml": MANIFEST})
    env = {"STEAD_SHELL": value.format(home=machine.home)}
    done = machine.run("set", "A=1", cwd=root, env=env)
    assert done.returncode == 0, done.stderr
    assert "this is no transaction" in machine.run("commit", cwd=root, env=env).stderr


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh", "busybox"])
def test_scripts_of_each_shell(machine, project, shell):
    body = """
set -euf
IFS=:
stead set A=1 >&2
f() { stead set B=2 >&2; echo "$B"; }
f
x=$(stead set C=3 >&2; echo "$C"); echo "$x" "${C-not yet}"
stead status >/dev/null; echo "$C"
stead nonsense 2>/dev/null || echo "code $?"
case $- in *u*) echo "u $IFS" ;; esac
case $- in *f*) echo f ;; esac
echo "$#" "$1"
"""
    line = f"/usr/bin/env -S {shell}{' sh' if shell == 'busybox' else ''}"
    root = project({"stead.toml": MANIFEST, "script": f"#!{line}\n{body}"})
    done = machine.run("shell", "--dry-run", "script", "x y", cwd=root)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:8] == ["2", "3 not yet", "3", "code 2", "u :", "f", "1 x y", "+ A=1"]
    assert not transaction(machine, root).exists()


def test_what_is_not_writable_at_all(machine, project):
    """A home that is no directory: said before anything is run."""
    root = project({"stead.toml": MANIFEST})
    machine.stead_home.write_text("")
    done = machine.run("shell", "-c", "echo ran", cwd=root)
    assert done.stdout == ""
    assert "STEAD_HOME is not a directory" in done.stderr
