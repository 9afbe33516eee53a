"""`stead secret`: what is kept with the project, by those who may read it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pexpect
import pytest

VALUE = "hunter2 ü"


@pytest.fixture
def place(machine, project):
    """A project with a user who has a key and is its only recipient."""
    root = project({"stead.toml": '# mine\n[workspace]\nname = "x"\n'})
    public = machine.ok("secret", "keygen", cwd=root).strip()
    with (root / "stead.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[secrets]  # of the team\nrecipients = ["{public}"]\n')
    return root


def put(machine, root, name, value, *more, **options):
    done = machine.run("secret", "set", name, *more, cwd=root, stdin=value, **options)
    assert done.returncode == 0, done.stderr
    return done.stderr


def show(machine, root, name, *more):
    return machine.ok("secret", "show", name, "--reveal", *more, cwd=root).removesuffix("\n")


def names(machine, root, *more):
    return machine.json("secret", "list", *more, cwd=root)["names"]


def on_terminal(machine, root, *words, env=None):
    return pexpect.spawn(
        str(machine.program),
        list(words),
        cwd=root,
        env={**machine.environ, "PWD": str(root), "TERM": "dumb", **(env or {})},
        encoding="utf-8",
        timeout=60,
    )


def until(holds, seconds=60):
    """Wait for something, and fail when it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def another_key(machine, root, name="bob"):
    home = machine.home.parent / name
    home.mkdir()
    env = {"HOME": str(home), "STEAD_HOME": str(home / "stead")}
    return env, machine.ok("secret", "keygen", cwd=root, env=env).strip()


def test_a_key_is_made_once_for_its_owner_alone(machine, project):
    root = project({})
    first = machine.ok("secret", "keygen", cwd=root)
    path = machine.home / ".config/stead/identity.txt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_text(encoding="utf-8").count("AGE-SECRET-KEY-1") == 1
    assert "AGE-SECRET" not in first
    assert machine.ok("secret", "keygen", cwd=root) == first
    again = machine.json("secret", "keygen", cwd=root)
    assert again == {"file": str(path), "public": [first.strip()], "made": False}


def test_many_who_make_a_key_at_once_get_the_same(machine, project):
    root = project({})
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: machine.ok("secret", "keygen", cwd=root), range(6)))
    assert len(set(made)) == 1
    assert os.listdir(machine.home / ".config/stead") == ["identity.txt"]


def test_set_show_and_list(machine, place):
    assert "age:secrets.age#PG" in put(machine, place, "PG", VALUE + "\n")
    put(machine, place, "TWO.lines-2", "a\nb\n\n")
    assert show(machine, place, "PG") == VALUE
    assert show(machine, place, "TWO.lines-2") == "a\nb\n"
    assert machine.ok("secret", "list", cwd=place) == "PG\nTWO.lines-2\n"
    kept = (place / "secrets.age").read_bytes()
    assert kept.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----")
    assert VALUE.encode() not in kept
    assert "was so already" in put(machine, place, "PG", VALUE)
    assert (place / "secrets.age").read_bytes() == kept


def test_the_file_is_the_one_named(machine, place):
    text = (place / "stead.toml").read_text(encoding="utf-8")
    (place / "stead.toml").write_text(text + 'file = "conf/team.age"\n', encoding="utf-8")
    assert "age:conf/team.age#A" in put(machine, place, "A", "1")
    put(machine, place, "B", "2", "--file", "other.age")
    assert names(machine, place) == ["A"]
    assert names(machine, place, "--file", "other.age") == ["B"]
    below = place / "conf"
    assert show(machine, below, "A") == "1"


def test_a_value_is_never_taken_from_the_command_line(machine, place):
    said = machine.fails("secret", "set", "PG=hunter2", cwd=place, code=2)
    assert "not given on the command line" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(("value", "why"), [("", "is empty"), ("\n", "is empty"), ("a\0b", "text")])
def test_values_that_are_none(machine, place, value, why):
    done = machine.run("secret", "set", "PG", cwd=place, stdin=value)
    assert done.returncode == 2
    assert why in done.stderr
    assert not (place / "secrets.age").exists()


def test_on_a_terminal_it_is_asked_for_and_not_shown(machine, place):
    child = on_terminal(machine, place, "secret", "set", "PG")
    child.expect("value of PG: ")
    child.sendline(VALUE)
    child.expect(pexpect.EOF)
    assert VALUE not in child.before
    child.close()
    assert child.exitstatus == 0
    child = on_terminal(machine, place, "secret", "show", "PG")
    child.expect_exact(VALUE)
    child.close()


def test_elsewhere_it_is_shown_on_demand_only(machine, place):
    put(machine, place, "PG", VALUE)
    done = machine.run("secret", "show", "PG", cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--reveal" in done.stderr
    assert "did you mean 'PG'" in machine.fails("secret", "show", "PGG", "--reveal", cwd=place)


def test_without_recipients_nothing_can_be_set_and_it_says_what_to_write(machine, project):
    root = project({"stead.toml": "[workspace]\n"})
    assert "stead secret keygen" in machine.fails("secret", "set", "A", cwd=root)
    public = machine.ok("secret", "keygen", cwd=root).strip()
    assert f'recipients = ["{public}"]' in machine.fails("secret", "set", "A", cwd=root)


def test_a_recipient_that_is_none_is_named_with_its_place(machine, place):
    text = (place / "stead.toml").read_text(encoding="utf-8")
    (place / "stead.toml").write_text(text.replace('["', '["age1nonsense", "'), encoding="utf-8")
    done = machine.run("secret", "set", "A", cwd=place, stdin="1")
    assert done.returncode == 1
    assert "stead.toml:" in done.stderr
    assert "'age1nonsense' is not a public key" in done.stderr


def test_many_at_once_do_not_lose_each_other(machine, place):
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: put(machine, place, f"N{n}", str(n)), range(12)))
    assert sorted(names(machine, place)) == sorted(f"N{n}" for n in range(12))
    assert show(machine, place, "N7") == "7"


def test_a_file_that_another_may_read_alone_stays_as_it_is(machine, place):
    env, _ = another_key(machine, place)
    put(machine, place, "PG", VALUE)
    before = (place / "secrets.age").read_bytes()
    done = machine.run("secret", "set", "PG", cwd=place, stdin="x", env=env)
    assert done.returncode == 1
    assert "no key here fits" in done.stderr
    assert "identity.txt (age1" in done.stderr
    assert (place / "secrets.age").read_bytes() == before


# -- edit


def editor(tmp_path: Path, code: str) -> dict[str, str]:
    """An editor that is a Python program: `path` is the file it is given."""
    program = tmp_path / "editor with space.py"
    program.write_text(f"import os, pathlib, sys\npath = pathlib.Path(sys.argv[-1])\n{code}\n")
    return {"EDITOR": f"{sys.executable} '{program}'", "VISUAL": ""}


LOOK = """
import json, stat
told = {
    "text": path.read_text(), "mode": stat.S_IMODE(path.stat().st_mode), "path": str(path),
    "directory": stat.S_IMODE(path.parent.stat().st_mode), "argv": sys.argv[1:],
}
"""


def test_the_editor_sees_a_private_file_that_is_gone_afterwards(machine, place, tmp_path):
    put(machine, place, "PG", VALUE)
    told = tmp_path / "told"
    code = f"{LOOK}\npathlib.Path({str(told)!r}).write_text(json.dumps(told))\n"
    code += "path.write_text(path.read_text() + \"NEW = 'n'\\n\")\n"
    code += "(path.parent / f'.{path.name}.swp').write_text('copy of it')"
    done = machine.run("secret", "edit", cwd=place, env=editor(tmp_path, code))
    assert done.returncode == 0, done.stderr
    seen = json.loads(told.read_text(encoding="utf-8"))
    assert seen["text"] == f'PG = "{VALUE}"\n'
    assert (seen["mode"], seen["directory"]) == (0o600, 0o700)
    assert seen["path"].startswith(str(machine.stead_home))
    assert not Path(seen["path"]).parent.exists()
    assert names(machine, place) == ["PG", "NEW"]


def test_the_runtime_directory_of_the_session_is_used(machine, place, tmp_path):
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    told = tmp_path / "told"
    code = f"pathlib.Path({str(told)!r}).write_text(str(path))"
    env = {**editor(tmp_path, code), "XDG_RUNTIME_DIR": str(runtime)}
    put(machine, place, "PG", VALUE)
    machine.run("secret", "edit", cwd=place, env=env)
    assert told.read_text(encoding="utf-8").startswith(str(runtime / "stead"))
    assert list((runtime / "stead").iterdir()) == []
    runtime.chmod(0o755)  # not private: another directory is taken
    machine.run("secret", "edit", cwd=place, env=env)
    assert told.read_text(encoding="utf-8").startswith(str(machine.stead_home))


def test_what_was_not_changed_is_not_encrypted_again(machine, place, tmp_path):
    put(machine, place, "PG", VALUE)
    before = machine.tree(place)
    done = machine.run("secret", "edit", cwd=place, env=editor(tmp_path, "pass"))
    assert "unchanged" in done.stderr
    assert machine.tree(place) == before


@pytest.mark.parametrize("written", ["A = 1", "nonsense", "A = 'x'\\nA = 'y'"])
def test_what_cannot_be_taken_is_kept_for_the_next_time(machine, place, tmp_path, written):
    put(machine, place, "PG", VALUE)
    before = (place / "secrets.age").read_bytes()
    wrong = editor(tmp_path, f"path.write_text(\"KEEP = 'typed'\\n{written}\\n\")")
    done = machine.run("secret", "edit", cwd=place, env=wrong)
    assert done.returncode == 1
    assert "what was written cannot be taken" in done.stderr
    assert "typed" not in done.stderr
    assert (place / "secrets.age").read_bytes() == before
    assert not any(b"typed" in content for *_, content in machine.tree(machine.home).values())
    mend = editor(tmp_path, "path.write_text(path.read_text().splitlines()[0])")
    assert machine.run("secret", "edit", cwd=place, env=mend).returncode == 0
    assert show(machine, place, "KEEP") == "typed"
    assert list((machine.stead_home / "drafts").iterdir()) == []


def test_what_is_kept_does_not_undo_what_others_set_meanwhile(machine, place, tmp_path):
    put(machine, place, "PG", VALUE)
    wrong = editor(tmp_path, "path.write_text(\"KEEP = 'typed'\\nA = 1\\n\")")
    assert machine.run("secret", "edit", cwd=place, env=wrong).returncode == 1
    put(machine, place, "B", "b")
    told = tmp_path / "told"
    look = editor(tmp_path, f"pathlib.Path({str(told)!r}).write_text(path.read_text())")
    assert machine.run("secret", "edit", cwd=place, env=look).returncode == 0
    seen = told.read_text(encoding="utf-8")
    assert seen.startswith(f'PG = "{VALUE}"\nB = "b"\n')
    assert "# KEEP = 'typed'\n# A = 1\n" in seen
    assert names(machine, place) == ["PG", "B"]


def test_nothing_written_in_a_new_file_makes_none(machine, place, tmp_path):
    done = machine.run("secret", "edit", cwd=place, env=editor(tmp_path, "pass"))
    assert "unchanged" in done.stderr
    assert not (place / "secrets.age").exists()


def test_on_a_terminal_it_is_offered_to_edit_again(machine, place, tmp_path):
    code = "path.write_text(\"A = 'good'\" if path.read_text() else 'A = 1')"
    child = on_terminal(machine, place, "secret", "edit", env=editor(tmp_path, code))
    child.expect_exact("not a string in quotes: A")
    child.expect_exact("Edit again? [Y/n] ")
    child.sendline("")
    child.expect_exact("changed")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert show(machine, place, "A") == "good"


def test_an_editor_that_fails_changes_nothing(machine, place, tmp_path):
    put(machine, place, "PG", VALUE)
    before = (place / "secrets.age").read_bytes()
    code = "path.write_text(\"PG = 'x'\"); sys.exit(3)"
    done = machine.run("secret", "edit", cwd=place, env=editor(tmp_path, code))
    assert done.returncode == 1
    assert "the editor ended with code 3" in done.stderr
    assert (place / "secrets.age").read_bytes() == before
    done = machine.run("secret", "edit", cwd=place, env={"EDITOR": "/nonesuch/editor"})
    assert done.returncode == 2
    assert "cannot be started" in done.stderr


def test_a_file_that_is_no_toml_is_edited_as_it_is(machine, place, tmp_path):
    code = "path.write_text('-----BEGIN CERTIFICATE-----\\n')"
    first = machine.run("secret", "edit", "cert.age", cwd=place, env=editor(tmp_path, code))
    assert first.returncode == 1  # a new file holds names with strings
    from stead.config.secrets.age import encrypt

    public = machine.json("secret", "keygen", cwd=place)["public"]
    (place / "cert.age").write_bytes(encrypt("a certificate\n", public))
    done = machine.run("secret", "edit", "cert.age", cwd=place, env=editor(tmp_path, code))
    assert done.returncode == 0, done.stderr


def test_what_a_killed_edit_left_is_wiped_by_the_next(machine, place, tmp_path):
    put(machine, place, "PG", VALUE)
    ready = tmp_path / "ready"
    code = f"import time; pathlib.Path({str(ready)!r}).write_text(str(os.getpid())); time.sleep(60)"
    stead = subprocess.Popen(
        [str(machine.program), "secret", "edit"],
        cwd=place,
        env={**machine.environ, **editor(tmp_path, code), "PWD": str(place)},
    )
    until(lambda: ready.exists() and ready.read_text())
    stead.kill()
    os.kill(int(ready.read_text()), signal.SIGKILL)
    stead.wait()
    private = machine.stead_home / "private"
    assert len(list(private.iterdir())) == 1
    machine.run("secret", "edit", cwd=place, env=editor(tmp_path, "pass"))
    assert list(private.iterdir()) == []


def test_setting_waits_for_who_edits(machine, place, tmp_path):
    put(machine, place, "PG", VALUE)
    ready, go = tmp_path / "ready", tmp_path / "go"
    code = f"""
import time
pathlib.Path({str(ready)!r}).write_text("x")
while not pathlib.Path({str(go)!r}).exists():
    time.sleep(0.02)
path.write_text(path.read_text() + "EDITED = 'e'\\n")
"""
    with ThreadPoolExecutor(2) as pool:
        edit = pool.submit(machine.run, "secret", "edit", cwd=place, env=editor(tmp_path, code))
        until(ready.exists)
        setting = pool.submit(machine.run, "secret", "set", "B", cwd=place, stdin="b")
        time.sleep(1)
        go.write_text("x")
        assert edit.result().returncode == 0
        assert setting.result().returncode == 0
        assert "editing secrets" in setting.result().stderr
    assert names(machine, place) == ["PG", "EDITED", "B"]


# -- rotate


def test_a_recipient_is_added_and_taken_away(machine, place):
    put(machine, place, "PG", VALUE)
    env, public = another_key(machine, place)
    assert machine.run("secret", "show", "PG", "--reveal", cwd=place, env=env).returncode == 1
    machine.ok("secret", "rotate", "--add-recipient", public, cwd=place)
    text = (place / "stead.toml").read_text(encoding="utf-8")
    assert text.startswith("# mine\n")
    assert "# of the team" in text
    assert public in text
    assert machine.ok("secret", "show", "PG", "--reveal", cwd=place, env=env) == f"{VALUE}\n"
    done = machine.run("secret", "rotate", "--remove-recipient", public, cwd=place)
    assert done.returncode == 0
    assert "change the values themselves too" in done.stderr
    assert public not in (place / "stead.toml").read_text(encoding="utf-8")
    assert machine.run("secret", "show", "PG", "--reveal", cwd=place, env=env).returncode == 1
    assert show(machine, place, "PG") == VALUE


@pytest.mark.needs("ssh-keygen")
def test_an_ssh_key_as_recipient(machine, place):
    put(machine, place, "PG", VALUE)
    ssh = machine.home.parent / "carol" / ".ssh" / "id_ed25519"
    ssh.parent.mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh)], check=True)
    public = ssh.with_name("id_ed25519.pub").read_text(encoding="utf-8").strip()
    machine.ok("secret", "rotate", "--add-recipient", public, cwd=place)
    env = {"HOME": str(ssh.parent.parent)}
    assert machine.ok("secret", "show", "PG", "--reveal", cwd=place, env=env) == f"{VALUE}\n"
    bare = " ".join(public.split()[:2])
    machine.ok("secret", "rotate", "--remove-recipient", bare, cwd=place)
    assert "ssh-ed25519" not in (place / "stead.toml").read_text(encoding="utf-8")


@pytest.mark.needs("ssh-keygen")
def test_a_passphrase_is_asked_for_when_something_runs(machine, place):
    put(machine, place, "PG", VALUE)
    ssh = machine.home.parent / "carol" / ".ssh" / "id_ed25519"
    ssh.parent.mkdir(parents=True)
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", str(ssh)]
    subprocess.run(argv, check=True)
    public = ssh.with_name("id_ed25519.pub").read_text(encoding="utf-8").strip()
    machine.ok("secret", "rotate", "--add-recipient", public, cwd=place)
    text = (place / "stead.toml").read_text(encoding="utf-8")
    variable = 'PG = { type = "secret", value = "age:secrets.age#PG" }'
    (place / "stead.toml").write_text(
        f'{text}\n[packages]\npython = ">=3.11"\n[vars]\n{variable}\n', encoding="utf-8"
    )
    env = {"HOME": str(ssh.parent.parent)}
    child = on_terminal(machine, place, "run", "sh", "-c", 'echo "got $PG"', env=env)
    child.expect_exact(f"passphrase of {ssh}: ")
    child.sendline("open sesame")
    child.expect_exact(f"got {VALUE}")
    child.expect(pexpect.EOF)
    child.close()
    done = machine.run("run", "true", cwd=place, env=env)
    assert done.returncode == 1
    assert f"{ssh}: has a passphrase, which is only asked for on a terminal" in done.stderr
    assert "stead.toml:" in done.stderr


def test_all_files_and_the_manifest_change_together_or_none_does(machine, place):
    put(machine, place, "PG", VALUE)
    for name in ("other.age", "typed.age", "host.age", "nobodys.age"):
        put(machine, place, "B", "b", "--file", name)
    text = (place / "stead.toml").read_text(encoding="utf-8")
    (place / "stead.toml").write_text(
        f'{text}\n[vars]\nB = "age:other.age#B"\n'
        'C = { type = "secret", value = "age:typed.age#B" }\n'
        '[host.lab.secrets]\nd = "age:host.age#B"\n',
        encoding="utf-8",
    )
    _, public = another_key(machine, place)
    done = machine.json("secret", "rotate", cwd=place)
    assert [os.path.basename(f) for f in done["files"]] == [
        "host.age",
        "other.age",
        "secrets.age",
        "typed.age",
    ]
    (place / "other.age").write_bytes(b"damaged")
    before = machine.tree(place)
    machine.fails("secret", "rotate", "--add-recipient", public, cwd=place)
    assert machine.tree(place) == before
    machine.fails("secret", "rotate", "none.age", cwd=place)
    gone = machine.fails("secret", "rotate", "--remove-recipient", public, cwd=place)
    assert "is none of the recipients" in gone
    assert machine.tree(place) == before


def test_one_file_by_two_names_is_encrypted_once(machine, place):
    put(machine, place, "PG", VALUE)
    (place / "link.age").symlink_to("secrets.age")
    done = machine.json("secret", "rotate", "secrets.age", "link.age", cwd=place)
    assert len(done["files"]) == 1
    assert (place / "link.age").is_symlink()
    assert show(machine, place, "PG") == VALUE


def test_who_shuts_herself_out_is_told(machine, place):
    put(machine, place, "PG", VALUE)
    env, public = another_key(machine, place)
    own = machine.json("secret", "keygen", cwd=place)["public"][0]
    words = ("--add-recipient", public, "--remove-recipient", own)
    done = machine.run("secret", "rotate", *words, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "none of your own keys can read this now" in done.stderr
    assert machine.ok("secret", "show", "PG", "--reveal", cwd=place, env=env) == f"{VALUE}\n"


def test_what_is_set_is_nowhere_in_clear(machine, place, tmp_path):
    planted = "pl4nted-s3cret-value"
    put(machine, place, "PG", planted)
    machine.run("secret", "edit", cwd=place, env=editor(tmp_path, "path.write_text('A = 1')"))
    machine.ok("secret", "rotate", cwd=place)
    machine.json("secret", "list", cwd=place)
    for path, (_, _, content) in machine.tree(machine.home, place).items():
        assert planted.encode() not in content, path
