"""What cannot be deployed, and why: said before anything is changed, with its place."""

from __future__ import annotations

import pytest

TARGET = '[target.here]\ndirectory = "@node"\nservices = "supervise"\n'
APP = '[app.web]\nrun = ["sleep", "1000"]\n'


@pytest.mark.parametrize(
    ("text", "words", "code", "says"),
    [
        (APP + TARGET, ["wbe"], 2, "there is no recipe wbe|did you mean web?"),
        (APP + TARGET, ["web", "hree"], 2, "there is no target hree|did you mean here?"),
        (APP, ["web"], 2, 'there is no target to deploy web to|kind = "local"'),
        (APP + TARGET + '[recipe.r]\napp="web"\ntargets=["lab"]\n', ["r", "here"], 2, "does not run on target here"),
        (APP + TARGET + '[recipe.r]\napp="wbe"\n', ["r"], 1, "stead.toml:6|names app wbe|did you mean web?"),
        (APP + TARGET + '[recipe.status]\napp="web"\n', ["web"], 1, "stead.toml:6|no recipe can be called status"),
        (APP + '[target.lab]\nkind="ssh"\n', ["web"], 1, "stead.toml:3|target lab names no machine"),
        (APP + '[target.lab]\nkind="shh"\n', ["web"], 1, "stead.toml:4|ssh"),
        (APP + TARGET + "[app.api]\nrun=['x']\n[recipe.r]\n", ["r"], 1, "stead.toml:8|does not say what runs"),
        (APP + "listen.PORT='host.ports.web'\n" + TARGET + "[host.h]\nports.web='80'\n[recipe.r]\napp='web'\ncounts.web=3\n", ["r"], 1, "too few for the 3"),
        (APP + 'checks.db = { path = "/nowhere/to/be/found" }\n' + TARGET, ["web"], 1, "stead.toml:3|check db: /nowhere/to/be/found is not there"),
        (APP + 'checks.libc = { glibc = ">=9" }\n' + TARGET, ["web"], 1, "stead.toml:3|glibc is|>=9 is needed"),
        (APP + 'checks.room = { space = "1 EiB", message = "buy a disk" }\n' + TARGET, ["web"], 1, "are needed|buy a disk"),
        (APP + 'checks.db = { port = "127.0.0.1:1", timeout = "1s" }\n' + TARGET, ["web"], 1, "cannot be reached from there"),
        (APP + 'checks.tool = { command = ["no-such-tool", "-v"] }\n' + TARGET, ["web"], 1, "there is no command no-such-tool"),
        ("[app.web]\nrun = ['no-such']\ncommands.make = ['no-such', '-a']\n" + TARGET, ["web"], 1, "stead.toml:2|no-such, which web and web.make run, is not there|an image"),
        ("[app.web.processes]\na = ['sleep', '9']\nb = ['/no/such', '9']\n" + TARGET, ["web"], 1, "stead.toml:3|/no/such, which web-b runs, is not there"),
        (APP + 'vars.A = "${B}"\n' + TARGET, ["web"], 1, "stead.toml:3|A refers to ${B}"),
        (APP + 'files."a.ini" = "a.tmpl"\n' + TARGET, ["web"], 1, "stead.toml:3|a.tmpl"),
        (APP + TARGET + '[recipe.r]\napp="web"\npyinfra="no.py"\n', ["r"], 1, "names a deploy that is not there"),
        (APP + TARGET + '[recipe.r]\napp="web"\nexclude=["*"]\n', ["r"], 1, "has no files"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_changes_nothing(site, text, words, code, says):
    site.manifest(text)
    said = site.fails("deploy", *words, code=code)
    for piece in says.split("|"):
        assert piece in said
    assert not site.node.exists()


def test_all_that_a_machine_lacks_is_said_at_once(site):
    site.manifest(APP + 'checks = { a = { path = "/no/a" }, b = { path = "/no/b" } }\n' + TARGET)
    said = site.fails("deploy", "web")
    assert "2 things do not hold on this machine" in said
    assert "/no/a" in said
    assert "/no/b" in said
    assert said.count("stead.toml:3") == 2


def test_checks_that_hold_hinder_nothing_and_look_at_the_machine(site):
    site.manifest(
        APP + "checks.root = { path = '/', is = 'directory' }\nchecks.libc = { glibc = '>=2' }\n"
        "checks.room = { space = '1 kB' }\nchecks.sh = { command = ['sh', '-c', 'echo 3.2.1'], version = '>=3' }\n"
        "checks.cores = { cores = 1 }\nchecks.code = { path = 'a.txt', is = 'file' }\n"
        "checks.own = { run = ['test', '-f', 'a.txt'] }\n" + TARGET
    )
    (site.root / "a.txt").write_text("")
    site.ok("deploy", "web")
    (site.root / "a.txt").unlink()
    said = site.fails("deploy", "web")
    assert "a.txt is not there" in said


def test_nothing_named_lists_what_there_is(site):
    site.manifest(APP + TARGET + '[recipe.prod]\napp = "web"\n')
    assert "name a recipe or an app: prod, web" in site.fails("deploy", code=2)
    for verb in ("status", "logs", "rollback"):
        assert f"stead deploy {verb} RECIPE" in site.fails("deploy", verb, code=2)


def test_what_is_not_deployed_has_no_state_to_go_back_to(site):
    site.manifest(APP + TARGET)
    done = site.run("deploy", "status", "web")
    assert (done.returncode, done.stdout) == (1, "web on here: nothing is deployed\n")
    done = site.run("deploy", "rollback", "web")
    assert done.returncode == 1
    assert (done.stdout + done.stderr).count("no generation to go back to") == 1


def test_where_nothing_ran_before_that_is_said(site):
    site.manifest(APP + 'health.up = { port = "1", timeout = "1s" }\n' + TARGET)
    said = site.fails("deploy", "web")
    assert "did not hold within 1 s" in said
    assert "nothing runs there, as before" in said
    assert "what ran before" not in said
    assert site.run("deploy", "status", "web").stdout == "web on here: nothing is deployed\n"
    assert "`stead deploy status web` says what is there" in site.fails("deploy", "logs", "web")


def test_what_git_ignores_stays_here_even_where_git_does_not_answer(site):
    site.manifest(APP + TARGET)
    (site.root / ".git").write_text("gitdir: nowhere\n")
    (site.root / ".gitignore").write_text("private\n")
    (site.root / "private").write_text("mine")
    assert "git does not say which files belong to the project" in site.fails("deploy", "web")
    assert not site.node.exists()


@pytest.mark.slow
def test_commands_and_services_that_are_not_there_have_near_ones(site):
    site.manifest(APP + "commands.migrate = ['true']\n" + TARGET)
    assert "nothing of web is deployed" in site.fails("deploy", "run", "web", "web:migrate")
    site.ok("deploy", "web")
    said = site.fails("deploy", "run", "web", "web:migrat", code=2)
    assert "did you mean web:migrate?" in said
    said = site.fails("deploy", "logs", "web", "--service", "wbe", code=2)
    assert "did you mean web?" in said
    assert "no generation 77" in site.fails("deploy", "rollback", "77", "web")


def test_mistakes_of_all_apps_are_said_at_once(site):
    site.manifest(
        "[app.a]\nrun = ['x']\nvars.A = '${NONE}'\n[app.b]\nrun = ['x']\nvars.B = '${NEITHER}'\n"
        + TARGET
        + '[recipe.r]\napp = ["a", "b"]\n'
    )
    said = site.fails("deploy", "r")
    assert "stead.toml:3: A refers to ${NONE}" in said
    assert "stead.toml:6: B refers to ${NEITHER}" in said


def test_a_transaction_does_not_hold_what_takes_effect_elsewhere(site):
    site.manifest(APP + "commands.count = ['true']\n" + TARGET)
    words = (
        "deploy web",
        "deploy rollback web",
        "deploy run web web:count",
        "deploy --all",
        "node up web here",
        "node down web here",
    )
    tried = "; ".join(f"stead {one}; test $? = 2 || exit 9" for one in words)
    looked = "stead deploy web --plan && ! stead deploy status web"
    done = site.run("shell", "-c", f"stead set A=1 && {tried}; {looked} && stead abort")
    assert done.returncode == 0, done.stderr
    for named in ("deploy", "deploy rollback", "deploy run", "node up", "node down"):
        assert f"`stead {named}` takes effect at once" in done.stderr
    assert done.stderr.count("`stead commit` or `stead abort` first, and leave the shell") == 6
    assert "+ service web" in done.stdout
    assert not site.node.exists()
