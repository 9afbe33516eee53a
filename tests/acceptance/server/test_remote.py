"""A team's store, used from several machines: log in, push, follow, pull, break, roll back."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request

import jsonschema
import pexpect
import pytest

from stead.remote.schemas import SCHEMAS

pytestmark = pytest.mark.slow

TOML = """\
[packages.conda]
channels = ["CHANNEL"]
tiny = "TINY"
"""


def closed(schema: dict) -> dict:
    """Let a schema allow nothing that it does not name."""
    made = {k: closed(v) if isinstance(v, dict) else v for k, v in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    return made


def asked(account, *words: str):
    """Ask with ``--json``, and hold the answer to its schema."""
    answer = account.json(*words)
    said = "-".join(words).replace("remote-env-create", "push")
    name = next(n for n in sorted(SCHEMAS, key=len, reverse=True) if said.startswith(n))
    jsonschema.validate(answer, closed(SCHEMAS[name]))
    return answer


def test_a_team_works_with_a_store(serving, accounts, team_channel, tmp_path):
    ann, bob = accounts("ann", serving), accounts("bob", serving)
    channel, away = tmp_path / "channel", tmp_path / "away"
    shutil.copytree(team_channel.removeprefix("file://"), channel)
    manifest = TOML.replace("CHANNEL", channel.as_uri())

    said = ann.log_in()
    assert f"({serving.url})" in said
    assert asked(ann, "remote", "namespace", "create", "team") == {
        "namespace": "team",
        "done": "created",
    }
    ann.write(stead_toml=manifest.replace("TINY", "<2"))
    ann.ok("lock")
    # What is locked is what the server builds, though there is a newer one.
    ann.write(stead_toml=manifest.replace("TINY", "*"))
    ann.ok("lock")
    lock = (ann.work / "stead.lock").read_text()

    pushed = ann.run("push", "team/tools", "--description", "what we use")
    assert pushed.returncode == 0, pushed.stderr
    assert re.fullmatch(r"team/tools@(\d+) is COMPLETED\n", pushed.stdout)
    assert "── solve\n" in pushed.stderr
    assert pushed.stderr.endswith("completed\n")
    first = int(pushed.stdout.partition("@")[2].split()[0])
    # The same again is there already.
    again = asked(ann, "push", "team/tools")
    assert (again["build"], again["attached"]) == (first, True)
    log = ann.ok("remote", "log", "team/tools")
    assert pushed.stderr.split("\n", 1)[1] == log == ann.ok("remote", "log", "-f", str(first))

    # Another machine, which reaches the server alone.
    channel.rename(away)
    bob.log_in()
    came = bob.run("pull", "team/tools", "--json")
    assert came.returncode == 0, came.stderr
    # The server has built it, and gives what it has built.
    assert "took work from the store 127.0.0.1" in came.stderr
    pulled = json.loads(came.stdout)
    jsonschema.validate(pulled, closed(SCHEMAS["pull"]))
    assert (pulled["build"], pulled["notes"]) == (first, [])
    assert (bob.work / "stead.lock").read_text() == lock
    assert (bob.work / "stead.toml").read_text() == (ann.work / "stead.toml").read_text()
    assert bob.ok("run", "--", "sh", "-c", "cat $CONDA_PREFIX/share/tiny.txt") == "tiny one\n"
    assert (bob.work / "stead.lock").read_text() == lock
    assert "stead pull" in bob.ok("log")
    away.rename(channel)

    ann.write(stead_toml=manifest.replace("TINY", "==2.0"))
    outdated = ann.fails("push", "team/tools")
    assert "the lock does not answer what is asked for any more" in outdated
    ann.ok("lock")
    second = asked(ann, "push", "team/tools")["build"]
    assert asked(ann, "remote", "env", "show", "team/tools") == {
        "environment": "team/tools",
        "build": second,
        "description": "what we use",
        "tags": [],
        "newest": second,
        "status": "COMPLETED",
        "reason": "",
        "packages": [{"name": "tiny", "version": "2.0"}],
    }

    # What cannot be built fails with a reason in plain words, and changes nothing.
    (ann.work / "broken.yml").write_text(
        f"channels: ['{channel.as_uri()}']\ndependencies: [wanting]\n"
    )
    broken = ann.fails("push", "team/tools", "broken.yml")
    assert re.search(r"build \d+ of team/tools failed: .*missing", broken)
    third = asked(ann, "remote", "env", "show", "team/tools")
    assert (third["build"], third["status"]) == (second, "FAILED")
    assert "missing" in third["reason"]
    assert "ended already: FAILED" in ann.fails("remote", "cancel", "team/tools")
    why = ann.fails("remote", "rollback", f"team/tools@{third['newest']}", code=2)
    assert f"build {third['newest']} cannot become current: it is FAILED" in why
    assert "is FAILED, and only a completed one" in bob.fails(
        "pull", f"team/tools@{third['newest']}"
    )
    assert ann.run("remote", "log", "team/tools").returncode == 1

    back = asked(ann, "remote", "rollback", "team/tools")
    assert back == {"environment": "team/tools", "build": first, "before": second}
    assert "has no completed build before" in ann.fails("remote", "rollback", "team/tools", code=2)
    listed = asked(ann, "remote", "builds", "team/tools")
    assert [(b["build"], b["status"], b["current"]) for b in listed] == [
        (third["newest"], "FAILED", False),
        (second, "COMPLETED", False),
        (first, "COMPLETED", True),
    ]
    assert asked(ann, "remote", "builds", "--status", "FAILED", "--limit", "1") == listed[:1]

    # What bob has not changed since is brought up to date, and back.
    one = {p.name: p.read_bytes() for p in bob.work.iterdir()}
    assert "wrote stead.toml" in bob.ok("pull", f"team/tools@{second}", "--no-build")
    assert "wrote stead.lock" in bob.ok("pull", "team/tools", "--no-build")
    assert {p.name: p.read_bytes() for p in bob.work.iterdir()} == one
    # What differs stays, unless somebody says otherwise.
    before = (bob.work / "stead.toml").read_text() + "# mine\n"
    (bob.work / "stead.toml").write_text(before)
    differs = bob.fails("pull", f"team/tools@{second}", code=2)
    assert "has other content here" in differs
    assert (bob.work / "stead.toml").read_text() == before
    # Without the server's parts it is built here, from the same packages.
    bob.ok("pull", f"team/tools@{second}", "--force", "--no-build")
    assert bob.ok("run", "--", "sh", "-c", "cat $CONDA_PREFIX/share/tiny.txt") == "tiny two\n"
    bob.ok("undo")
    assert (bob.work / "stead.toml").read_text() == before


def test_a_conda_file_is_pushed_and_pulled(serving, accounts, team_channel):
    ann, bob = accounts("ann", serving), accounts("bob", serving)
    ann.log_in()
    asked(ann, "remote", "namespace", "create", "yaml")
    given = f"# ours\nname: other\nchannels:\n  - {team_channel}\ndependencies:\n  - tiny <2\n"
    (ann.work / "our.yml").write_text(given)
    made = asked(ann, "remote", "env", "create", "yaml/tiny", "our.yml")
    assert made["status"] == "COMPLETED"
    assert "yaml/tiny is there already" in ann.fails(
        "remote", "env", "create", "yaml/tiny", "our.yml"
    )
    # Without logging in, as in CI.
    ci = {"STEAD_REMOTE": serving.url, "STEAD_REMOTE_TOKEN": serving.token}
    came = bob.run("pull", "yaml/tiny", env=ci)
    assert came.returncode == 0, came.stderr
    assert "from the store 127.0.0.1" in came.stderr
    assert (bob.work / "environment.yml").read_text() == given
    assert 'version = "1.0"' in (bob.work / "stead.lock").read_text()
    bob.ok("lock", "--locked")
    # It is bob's now, and goes back as it is: with its lock.
    assert "COMPLETED" in bob.ok("push", "yaml/copy", env=ci)
    assert not (bob.machine.home / ".config").exists()

    # A repository has one lock: what it holds of other places stays.
    other, below = bob.root / "project" / "other", bob.root / "project" / "envs" / "tiny"
    other.mkdir(parents=True)
    below.mkdir(parents=True)
    (bob.root / "project" / ".git").mkdir()
    (other / "stead.toml").write_text('[packages.pypi]\nleaf = "*"\n')
    bob.ok("-C", str(other), "lock")
    assert "wrote ../../stead.lock" in bob.ok("-C", str(below), "pull", "yaml/tiny", env=ci)
    both = (bob.root / "project" / "stead.lock").read_text()
    assert '[environment."envs/tiny".' in both
    assert '[environment."other".' in both
    for place in (other, below):
        bob.ok("-C", str(place), "lock", "--locked")
    assert "is the same already" in bob.ok("-C", str(below), "pull", "yaml/tiny", env=ci)
    assert "COMPLETED" in bob.ok("-C", str(below), "push", "yaml/copy", env=ci)
    # A workspace's files would count too.
    (bob.root / "project" / "stead.toml").write_text('[workspace]\nmembers = ["*"]\n')
    inner = bob.root / "project" / "inner"
    inner.mkdir()
    within = bob.run("-C", str(inner), "pull", "yaml/tiny", env=ci)
    assert within.returncode == 2, within.stdout
    assert "takes part in a workspace" in within.stderr
    assert list(inner.iterdir()) == []

    # A build of another kind takes the place of what an earlier pull wrote, and of nothing else.
    ann.write(stead_toml=TOML.replace("CHANNEL", team_channel).replace("TINY", "*"))
    ann.ok("lock")
    asked(ann, "push", "yaml/tiny")
    assert "removed environment.yml" in bob.ok("pull", "yaml/tiny", env=ci)
    assert sorted(f.name for f in bob.work.iterdir()) == ["stead.lock", "stead.toml"]
    bob.ok("lock", "--locked")
    (bob.work / "stead.toml").write_text((bob.work / "stead.toml").read_text() + "# mine\n")
    kept = bob.run("pull", f"yaml/tiny@{made['build']}", env=ci)
    assert kept.returncode == 2
    assert "stead.toml" in kept.stderr
    assert sorted(f.name for f in bob.work.iterdir()) == ["stead.lock", "stead.toml"]
    ann.ok("remote", "rollback", "yaml/tiny", str(made["build"]))
    (bob.work / "stead.toml").unlink()
    bob.ok("pull", "yaml/tiny", "--force", env=ci)

    # Other files that ask for packages would change what comes, and what goes.
    (bob.work / "requirements.txt").write_text("leaf\n")
    done = bob.run("pull", "yaml/tiny", env=ci)
    assert done.returncode == 2
    assert "requirements.txt" in done.stderr
    done = bob.run("push", "yaml/tiny", env=ci)
    assert done.returncode == 1
    assert "the lock does not answer what is asked for any more" in done.stderr


def test_a_file_that_was_here_before_is_never_removed_by_a_pull(serving, accounts, team_channel):
    ann, bob = accounts("ann", serving), accounts("bob", serving)
    ann.log_in()
    bob.log_in()
    asked(ann, "remote", "namespace", "create", "kinds")
    given = f"channels: [{team_channel}]\ndependencies: [tiny <2]\n"
    (ann.work / "our.yml").write_text(given)
    asked(ann, "remote", "env", "create", "kinds/tiny", "our.yml")
    own = bob.work / "environment.yml"
    own.write_text(given)
    for _ in range(2):
        said = bob.ok("pull", "kinds/tiny", "--no-build")
        assert "environment.yml is the same already" in said
    # It is of another kind now.
    ann.write(stead_toml=TOML.replace("CHANNEL", team_channel).replace("TINY", "*"))
    ann.ok("lock")
    asked(ann, "push", "kinds/tiny")
    assert "environment.yml" in bob.fails("pull", "kinds/tiny", "--no-build", code=2)
    assert own.read_text() == given


def test_settings_and_refusals_are_told_in_the_servers_words(serving, accounts, team_channel):
    ann = accounts("ann", serving)
    ann.log_in()
    asked(ann, "remote", "namespace", "create", "strict")
    changed = asked(
        *(ann, "remote", "settings", "strict", "conda_allowed_channels=https://ours.example/main"),
        "quota_builds=5",
    )
    assert changed == [
        {"name": "conda_allowed_channels", "value": ["https://ours.example/main"]},
        {"name": "quota_builds", "value": 5},
    ]
    held = {s["name"]: s["value"] for s in asked(ann, "remote", "settings", "strict")}
    assert held["conda_allowed_channels"] == ["https://ours.example/main"]
    assert "quota_builds" not in {s["name"] for s in asked(ann, "remote", "settings")}
    assert "did you mean quota_builds?" in ann.fails(
        "remote", "settings", "strict", "quota_build=1"
    )
    ann.ok("remote", "settings", "strict", "quota_builds=")
    assert "quota_builds" not in {s["name"] for s in asked(ann, "remote", "settings", "strict")}

    ann.write(stead_toml=TOML.replace("CHANNEL", team_channel).replace("TINY", "*"))
    refused = ann.fails("push", "strict/tools")
    assert f"the channel {team_channel} is not allowed here" in refused
    assert asked(ann, "remote", "env", "list", "strict") == []
    assert "does not exist" in ann.fails("push", "nowhere/tools")


def test_what_people_say_of_an_environment_is_changed_and_shown(serving, accounts, team_channel):
    ann = accounts("ann", serving)
    ann.log_in()
    asked(ann, "remote", "namespace", "create", "said")
    ann.write(stead_toml=TOML.replace("CHANNEL", team_channel).replace("TINY", "*"))
    asked(ann, "push", "said/tools", "--no-wait", "--description", "what we use")
    describe = ("remote", "env", "describe", "said/tools")

    said = asked(ann, *describe, "--tag", "gpu", "--tag", "team:geo", "--tag", "gpu")
    assert said == {
        "environment": "said/tools",
        "description": "what we use",
        "tags": ["gpu", "team:geo"],
    }
    shown = ann.ok("remote", "env", "show", "said/tools")
    assert "what we use\ntags: gpu team:geo\n" in shown
    # What is not named stays.
    said = asked(ann, *describe, "--remove-tag", "gpu", "--tag", "cpu", "--description", "ours")
    assert (said["description"], said["tags"]) == ("ours", ["team:geo", "cpu"])
    shown = asked(ann, "remote", "env", "show", "said/tools")
    assert (shown["description"], shown["tags"]) == ("ours", ["team:geo", "cpu"])
    assert "is described so already" in ann.ok(*describe, "--tag", "cpu")
    assert asked(ann, *describe, "--description", "")["description"] == ""

    assert "has no tag gpu" in ann.fails(*describe, "--remove-tag", "gpu", code=2)
    assert "given and taken away" in ann.fails(*describe, "--tag", "a", "--remove-tag", "a", code=2)
    assert "nothing to change" in ann.fails(*describe, code=2)
    assert "refuses: " in ann.fails(*describe, "--tag", "a b")
    assert "changes no tags" in ann.fails("remote", "env", "list", "--tag", "a", code=2)
    assert "changes no description" in ann.fails(
        "remote", "env", "show", "said/tools", "--description", "x", code=2
    )
    assert "hands nothing in" in ann.fails(*describe, "--priority", "1", code=2)
    assert "does not exist" in ann.fails("remote", "env", "describe", "said/none", "--tag", "a")
    assert asked(ann, "remote", "env", "show", "said/tools")["tags"] == ["team:geo", "cpu"]


def test_of_what_waits_the_highest_priority_is_built_first(idle, accounts, team_channel):
    ann = accounts("ann", idle)
    ann.log_in()
    asked(ann, "remote", "namespace", "create", "hurry")
    made = []
    for words, wanted, more in (
        (("push", "hurry/later"), "tiny >=1", ("--priority", "-1")),
        (("push", "hurry/plain"), "tiny", ()),
        (("push", "hurry/urgent"), "tiny <2", ("--priority", "9")),
        (("remote", "env", "create", "hurry/most"), "more", ("--priority", "10")),
    ):
        text = f"channels: ['{team_channel}']\ndependencies: ['{wanted}']\n"
        (ann.work / "env.yml").write_text(text)
        made.append(asked(ann, *words, "env.yml", "--no-wait", *more)["build"])
    refused = ann.fails("push", "hurry/plain", "env.yml", "--no-wait", "--priority", "1001")
    assert "priority" in refused

    # All of them waited, and now there is one worker.
    idle.end()
    idle.workers = 1
    idle.start()
    ann = accounts("ann-again", idle)
    ann.log_in()
    for build in made:
        ann.ok("remote", "log", "--follow", str(build))
    built = asked(ann, "remote", "builds", "--status", "COMPLETED")
    begun = [b["environment"] for b in sorted(built, key=lambda b: b["started"])]
    assert begun == ["hurry/most", "hurry/urgent", "hurry/plain", "hurry/later"]


def test_deleting_says_what_is_gone_and_asks(serving, accounts, team_channel):
    ann = accounts("ann", serving)
    ann.log_in()
    asked(ann, "remote", "namespace", "create", "gone")
    ann.write(stead_toml=TOML.replace("CHANNEL", team_channel).replace("TINY", "*"))
    assert asked(ann, "push", "gone/tools", "--no-wait")["attached"] is False
    refused = ann.fails("remote", "env", "delete", "gone/tools", code=2)
    assert "gone/tools on " in refused
    assert "with 1 build, is going to be deleted for good" in refused
    assert "--yes" in refused
    deleted = asked(ann, "remote", "env", "delete", "gone/tools", "--yes")
    assert deleted == {"environment": "gone/tools", "done": "deleted", "builds": 1}
    assert "does not exist" in ann.fails("remote", "env", "show", "gone/tools")
    assert "is going to be deleted" in ann.fails("remote", "namespace", "delete", "gone", code=2)
    ann.ok("remote", "namespace", "delete", "gone", "--yes")
    names = {n["name"] for n in asked(ann, "remote", "namespace", "list")}
    assert "gone" not in names
    assert "default" in names


def test_builds_are_deleted_by_their_numbers(serving, accounts, team_channel):
    ann = accounts("ann", serving)
    ann.log_in()
    asked(ann, "remote", "namespace", "create", "old")
    manifest = TOML.replace("CHANNEL", team_channel)
    ann.write(stead_toml=manifest.replace("TINY", "<2"))
    first = asked(ann, "push", "old/tools")["build"]
    ann.write(stead_toml=manifest.replace("TINY", "*"))
    second = asked(ann, "push", "old/tools")["build"]

    refused = ann.fails("remote", "delete", str(first), f"old/tools@{second}", code=2)
    assert f"build {first} of old/tools, COMPLETED\n" in refused
    assert f"build {second} of old/tools, COMPLETED, the current one\n" in refused
    # A number that means nothing, or none at all: the others stay.
    assert "does not exist" in ann.fails("remote", "delete", str(first), "999999", "--yes")
    assert "does not say which" in ann.fails("remote", "delete", "old/tools", "--yes", code=2)
    assert len(asked(ann, "remote", "builds", "old/tools")) == 2

    gone = asked(ann, "remote", "delete", str(second), "--yes")
    assert gone == [{"build": second, "done": "deleted"}]
    (left,) = asked(ann, "remote", "builds", "old/tools")
    assert (left["build"], left["current"]) == (first, False)
    ann.ok("remote", "rollback", "old/tools", str(first))
    assert ann.ok("remote", "delete", f"old/tools@{first}", "-y") == f"deleted build {first}\n"
    assert asked(ann, "remote", "builds", "old/tools") == []


def test_what_is_deleted_is_told_though_another_cannot_be(serving, accounts, team_channel):
    ann = accounts("ann", serving)
    ann.log_in()
    asked(ann, "remote", "namespace", "create", "part")
    made = []
    for wanted in ("tiny", "more"):
        text = f"channels: ['{team_channel}']\ndependencies: ['{wanted}']\n"
        (ann.work / "env.yml").write_text(text)
        made.append(asked(ann, "push", f"part/{wanted}", "env.yml")["build"])
    typed = pexpect.spawn(
        "sh",
        ["-c", f'"$0" remote delete {made[0]} {made[1]} --json > told', str(ann.machine.program)],
        cwd=str(ann.work),
        env={**ann.machine.environ, "NO_COLOR": "1"},
        encoding="utf-8",
        timeout=120,
    )
    with typed:
        typed.expect("Go on")
        # Somebody else is faster.
        ann.ok("remote", "delete", str(made[1]), "--yes")
        typed.sendline("y")
        typed.expect(pexpect.EOF)
        assert "error" in typed.before
    assert typed.exitstatus == 1
    told = json.loads((ann.work / "told").read_text())
    assert told == [{"build": made[0], "done": "deleted"}]


@pytest.mark.parametrize(
    "words",
    [
        ("push", "team/../tools"),
        ("pull", "../tools"),
        ("pull", "tеam/tools"),
        ("remote", "namespace", "create", ".."),
        ("remote", "env", "show", "team/tools\u200b"),
        ("remote", "rollback", "team/tools@-1"),
        ("remote", "settings", "te%2fam"),
    ],
    ids=ascii,
)
def test_names_that_mean_harm_are_refused_before_anything_is_sent(machine, tmp_path, words):
    # There is no server that could be asked: what is wrong is said first.
    refused = machine.fails(*words, cwd=tmp_path, code=2)
    assert "store server is known" not in refused


def test_the_token_is_seen_nowhere(serving, accounts):
    ann = accounts("ann", serving)
    said = ann.log_in()
    kept = ann.machine.home / ".config" / "stead" / "remotes.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["servers"]["127.0.0.1"]["token"] == serving.token
    said += ann.ok("remote", "list") + ann.ok("remote", "whoami")
    who = asked(ann, "remote", "whoami")
    assert who["authenticated"] is True
    assert who["roles"]["*/*"] == ["admin"]
    said += json.dumps(who) + json.dumps(asked(ann, "remote", "list"))
    assert serving.token not in said
    assert serving.token not in (serving.home / "serve.log").read_text()
    # On a terminal the token is asked for, and not shown.
    typed = pexpect.spawn(
        str(ann.machine.program),
        ["remote", "login", serving.url, "--name", "mine", "--default"],
        cwd=str(ann.work),
        env={**ann.machine.environ, "NO_COLOR": "1"},
        encoding="utf-8",
        timeout=120,
    )
    with typed:
        typed.expect("token for .*: ")
        typed.sendline(serving.token)
        typed.expect(pexpect.EOF)
        assert "logged in to mine" in typed.before
        assert serving.token not in typed.before
    assert [s["name"] for s in asked(ann, "remote", "list") if s["default"]] == ["mine"]
    assert asked(ann, "remote", "whoami", "--server", "127.0.0.1")["server"] == "127.0.0.1"
    ann.ok("remote", "logout")
    ann.ok("remote", "logout")
    assert serving.token not in kept.read_text()
    assert asked(ann, "remote", "list") == []
    # Who has no token is nobody, and sees only what is public.
    asking = {"STEAD_REMOTE": serving.url}
    assert "there is no token" in ann.ok("remote", "whoami", env=asking)
    refused = ann.run("remote", "namespace", "create", "x", env=asking)
    assert refused.returncode == 1
    assert "refuses those who have no token" in refused.stderr
    assert f"`stead remote login {serving.url}`" in refused.stderr
    wrong = ann.run(
        "remote", "login", serving.url, env=asking | {"STEAD_REMOTE_TOKEN": "stead_wrong"}
    )
    assert wrong.returncode == 1
    assert "refuses the token that it got" in wrong.stderr
    assert "stead_wrong" not in wrong.stderr
    assert asked(ann, "remote", "list") == []


def test_logging_out_revokes_the_token_at_the_server(serving, accounts, tmp_path):
    ann, bob, cid = (accounts(name, serving) for name in ("ann", "bob", "cid"))

    def status(of: str) -> int:
        asked = urllib.request.Request(
            f"{serving.url}/api/v1/permission/", headers={"Authorization": f"Bearer {of}"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as exc:
            return exc.code

    cid.log_in()
    ann.token = cid.ok("remote", "token", "*/*=admin").strip()
    bob.token = cid.ok("remote", "token", "out/*=viewer", "--expires", "2100-01-01").strip()
    ann.log_in()
    # Under a second name too: it is used until that one goes.
    ann.ok("remote", "login", serving.url, "--name", "more", "--token-file", f"{ann.root}/token")
    assert "stays valid, for 127.0.0.1 is the same server" in ann.ok("remote", "logout", "more")
    assert status(ann.token) == 200
    assert "its token is revoked" in ann.ok("remote", "logout")
    assert status(ann.token) == 401
    assert status(bob.token) == 200

    # A server that cannot be asked keeps nobody from logging out.
    bob.log_in()
    assert asked(bob, "remote", "whoami")["roles"]["out/*"] == ["viewer"]
    assert "not a subset" in bob.fails("remote", "token", "out/*=admin")
    assert "is not GLOB=ROLE" in bob.fails("remote", "token", "out", code=2)
    kept = bob.machine.home / ".config" / "stead" / "remotes.json"
    there = json.loads(kept.read_text())
    there["servers"]["127.0.0.1"]["address"] = "http://127.0.0.1:9"
    kept.write_text(json.dumps(there))
    left = bob.run("remote", "logout")
    assert left.returncode == 0, left.stderr
    assert "its token stays valid until 2100-01-01T00:00:00Z" in left.stdout
    assert "cannot be asked: connection refused" in left.stderr
    assert "stead remote logout http://127.0.0.1:9 --token-file FILE" in left.stderr
    assert bob.token not in kept.read_text() + left.stdout + left.stderr
    later = ("remote", "logout", serving.url, "--token-file", f"{bob.root}/token")
    assert status(bob.token) == 200
    assert "its token is revoked" in bob.ok(*later)
    assert status(bob.token) == 401
    assert "was not valid any more" in bob.ok(*later)

    # The last one that may do everything stays: nobody could make another.
    left = cid.run("remote", "logout")
    assert "the last token with all rights" in left.stderr
    assert "its token stays valid until it is revoked" in left.stdout
    assert status(serving.token) == 200
