"""A recipe in a directory of this machine: planned, applied, looked at, taken back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

WEB = """\
[app.web]
run = ["python3", "serve.py"]
vars = { TITLE = "first" }
listen = { PORT = "host.ports.web" }
health.up = { url = "http://127.0.0.1:${PORT}/" }
commands = { migrate = ["sh", "-c", 'echo "$TITLE $*" >> $STEAD_PATH_STATE/migrated', "sh"] }
release = ["migrate"]

[paths]
state = "state"

[host.box.ports]
web = "@ports"

[target.here]
host = "box"
directory = "@node"
services = "supervise"
"""


def retitled(site, title):
    path = site.root / "stead.toml"
    path.write_text(path.read_text().replace('"first"', f'"{title}"'))


@pytest.mark.slow
def test_from_a_plan_to_a_service_and_back(site):
    site.manifest(WEB)
    plan = site.json("deploy", "web", "--plan")["nodes"][0]
    assert not site.node.exists()
    assert {(c["kind"], c["name"]) for c in plan["changes"]} >= {
        ("service", "web"),
        ("tree", "code"),
        ("variable", "TITLE"),
        ("command", "web.migrate"),
    }
    assert {p["name"] for p in plan["send"]} == {"code", "stead.project"}
    assert plan["release"] == ["web.migrate"]

    site.ok("deploy", "web")
    assert site.asked(site.low)["vars"]["TITLE"] == "first"
    kept = site.node / "recipes/web/data/state/migrated"
    assert kept.read_text() == "first \n"
    status = site.json("deploy", "status", "web")["nodes"][0]
    assert [(s["name"], s["state"]) for s in status["services"]] == [("web", "running")]
    assert "serves first" in site.ok("deploy", "logs", "web")

    retitled(site, "second")
    said = site.ok("deploy", "web", "--plan")
    assert "~ variable TITLE: first → second" in said
    assert "restart web" in said
    site.ok("deploy", "web")
    assert site.asked(site.low)["vars"]["TITLE"] == "second"
    # What the project writes outlives its versions.
    assert kept.read_text() == "first \nsecond \n"

    site.ok("deploy", "rollback", "web")
    assert site.asked(site.low)["vars"]["TITLE"] == "first"
    answer = site.json("deploy", "rollback", "2", "web")
    assert [(n["state"], n["generation"]) for n in answer["nodes"]] == [("done", 2)]
    assert site.asked(site.low)["vars"]["TITLE"] == "second"
    site.ok("deploy", "run", "web", "web:migrate", "--", "by hand")
    assert kept.read_text().endswith("second by hand\n")


def test_what_is_deployed_already_changes_nothing(site):
    site.manifest(WEB)
    site.ok("deploy", "web")
    before = site.everything()
    pid = site.json("deploy", "status", "web")["nodes"][0]["services"][0]["pid"]
    assert "nothing changes (generation 1)" in site.ok("deploy", "web", "--plan")
    answer = site.json("deploy", "web")["nodes"][0]
    assert (answer["state"], answer["generation"], answer["sent"]) == ("unchanged", 1, 0)
    assert site.everything() == before
    assert site.json("deploy", "status", "web")["nodes"][0]["services"][0]["pid"] == pid


@pytest.mark.slow
def test_a_service_that_is_gone_is_started_again(site):
    site.manifest(WEB)
    site.ok("deploy", "web")
    pid = site.json("deploy", "status", "web")["nodes"][0]["services"][0]["pid"]
    # All that the node runs: what keeps the service running, and the service.
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(site.node) in entry.read_bytes():
                os.kill(int(entry.parent.name), 9)
    os.kill(pid, 9)
    assert site.run("deploy", "status", "web").returncode == 1
    assert "start again" in site.ok("deploy", "web", "--plan")
    site.ok("deploy", "web")
    assert site.asked(site.low)["vars"]["TITLE"] == "first"


@pytest.mark.slow
def test_what_is_not_well_is_taken_back(site):
    site.manifest(WEB)
    site.ok("deploy", "web")
    path = site.root / "stead.toml"
    path.write_text(
        path.read_text()
        .replace('"first"', '"bad"')
        .replace('${PORT}/" }', '1/", timeout = "1s" }'.replace("1/", "${PORT}/nowhere"))
        .replace("url =", "status = 204, url =")
    )
    said = site.fails("deploy", "web")
    assert "did not hold within 1 s" in said
    assert site.asked(site.low)["vars"]["TITLE"] == "first"
    assert site.json("deploy", "status", "web")["nodes"][0]["generation"] == 1


@pytest.mark.slow
def test_a_command_that_fails_before_the_switch_leaves_all_as_it_was(site):
    site.manifest(WEB)
    site.ok("deploy", "web")
    path = site.root / "stead.toml"
    path.write_text(path.read_text().replace("echo", "echo no >&2; exit 3; echo"))
    said = site.fails("deploy", "web")
    assert "web.migrate, which runs before the switch, ended with 3" in said
    assert site.asked(site.low)["vars"]["TITLE"] == "first"


def test_what_the_code_is(site):
    site.manifest(
        WEB + '\n[recipe.r]\napp = "web"\nexclude = ["docs/**"]\ninclude = ["out/*.js"]\n'
    )
    for name in ("docs/a.md", "out/a.js", "out/b.css", ".env", "__pycache__/x.pyc", "tool.sh"):
        (site.root / name).parent.mkdir(exist_ok=True)
        (site.root / name).write_text("A=1\n")
    (site.root / "tool.sh").chmod(0o755)
    (site.root / ".gitignore").write_text("out/\n.env\n__pycache__\n")
    for words in (["init", "-q"], ["add", "serve.py"]):
        assert os.spawnlp(os.P_WAIT, "git", "git", "-C", str(site.root), *words) == 0
    (site.root / "new.py").write_text("")
    site.ok("deploy", "r", "here")
    (tree,) = [t for t in (site.node / "trees").iterdir() if (t / "serve.py").exists()]
    files = {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file()}
    assert files == {"stead.toml", "serve.py", "new.py", "tool.sh", "out/a.js", ".gitignore"}
    assert stat.S_IMODE((tree / "tool.sh").stat().st_mode) & 0o111


@pytest.mark.slow
def test_several_of_an_app_have_ports_of_their_own(site):
    site.manifest(
        WEB + '[app.api]\nlisten = { PORT = "host.ports.web" }\n'
        '[app.api.processes]\nserve = ["python3", "serve.py"]\nwork = ["sleep", "1000"]\n'
        '[recipe.both]\napp = ["web", "api"]\n'
        'counts = { web = 2 }\n[recipe.both.target.here]\ncounts = { "api:work" = 2 }\n'
    )
    site.ok("deploy", "both")
    status = site.json("deploy", "status", "both")["nodes"][0]
    names = {s["name"] for s in status["services"]}
    assert names == {"web", "web-2", "api-serve", "api-work", "api-work-2"}
    assert {s["state"] for s in status["services"]} == {"running"}
    kept = json.loads((site.node / "recipes/both/current/payload.json").read_text())
    (ports,) = zip(*[s["ports"] for s in kept["services"] if s["name"] != "api-work"], strict=True)
    assert len(set(ports)) == 4
    port = {s["name"]: s["ports"][0] for s in kept["services"]}
    for name in ("web", "web-2"):
        assert site.asked(port[name])["vars"]["TITLE"] == "first"
    assert "TITLE" not in site.asked(port["api-serve"])["vars"]


def test_a_persons_own_settings_stay_at_home(site):
    site.manifest(WEB)
    (site.root / ".env").write_text("TITLE=mine\n")
    assert "mine" in site.ok("run", "sh", "-c", "echo $TITLE")
    site.ok("deploy", "web")
    assert site.asked(site.low)["vars"]["TITLE"] == "first"
    assert not list(site.node.rglob(".env"))


def test_files_of_an_app_hold_what_is_right_there(site):
    site.manifest(
        WEB.replace(
            "release", 'files = { "web.ini" = "web.ini.tmpl", "p.ini" = "p.tmpl" }\nrelease'
        ).replace("vars = {", 'vars = { PASS = { type = "secret", value = "env:PASS" },')
    )
    (site.root / "web.ini.tmpl").write_text("port={{ PORT }}\nstate={{ paths.state }}\n")
    (site.root / "p.tmpl").write_text("pass={{ PASS }}\n")
    site.machine.environ["PASS"] = "hunter2"
    site.ok("deploy", "web")
    files = site.asked(site.low)["files"]
    assert files["web.ini"] == f"port={site.low}\nstate={site.node}/recipes/web/data/state\n"
    assert files["p.ini"] == "pass=hunter2\n"
    (placed,) = (site.node / "recipes/web/generations/1/files").rglob("p.ini")
    assert stat.S_IMODE(placed.stat().st_mode) == 0o600


@pytest.mark.slow
def test_secrets_arrive_and_stand_nowhere_else(site, tmp_path):
    site.manifest(
        WEB.replace("vars = {", 'vars = { PASS = { type = "secret", value = "env:PASS" },')
    )
    site.machine.environ["PASS"] = "hunter2"
    plan = site.run("deploy", "web", "--plan", "--json")
    done = site.run("deploy", "web")
    again = site.run("deploy", "web", "--json")
    assert site.asked(site.low)["vars"]["PASS"] == "hunter2"
    for said in (plan, done, again):
        assert said.returncode == 0, said.stderr
        assert "hunter2" not in said.stdout + said.stderr
    assert json.loads(again.stdout)["nodes"][0]["state"] == "unchanged"
    holding = [name for name, held in site.everything().items() if b"hunter2" in held]
    assert holding == [
        "recipes/web/generations/1/commands/web.migrate",
        "recipes/web/generations/1/run/web",
    ]
    for name in holding:
        assert stat.S_IMODE((site.node / name).stat().st_mode) == 0o600
    assert not any(
        b"hunter2" in p.read_bytes()
        for p in tmp_path.rglob("*")
        if p.is_file() and site.node not in p.parents
    )

    site.machine.environ["PASS"] = "hunter3"
    said = site.ok("deploy", "web", "--plan")
    assert "~ variable PASS" in said
    assert "hunter" not in said
    site.ok("deploy", "web")
    assert site.asked(site.low)["vars"]["PASS"] == "hunter3"


def test_a_secret_that_cannot_be_had_changes_nothing(site):
    site.manifest(
        WEB.replace("vars = {", 'vars = { PASS = { type = "secret", value = "env:PASS" },')
    )
    assert "PASS" in site.fails("deploy", "web")
    assert not site.node.exists()


@pytest.mark.slow
def test_a_service_that_ends_again_is_taken_back(site):
    site.manifest(WEB)
    site.ok("deploy", "web")
    path = site.root / "stead.toml"
    path.write_text(
        path.read_text()
        .replace(
            'run = ["python3", "serve.py"]',
            'run = ["sh", "-c", "echo this is new; sleep 0.3; exit 3"]',
        )
        .replace("health.up", "# health.up")
    )
    failed = site.run("deploy", "web")
    assert failed.returncode == 1
    assert "web does not stay up" in failed.stderr
    # What it said, and nothing that the one before had said.
    assert "web | this is new" in failed.stderr
    assert "serves first" not in failed.stderr
    assert site.asked(site.low)["vars"]["TITLE"] == "first"


@pytest.mark.slow
def test_a_node_within_the_project_is_no_part_of_its_code(site):
    site.manifest(WEB.replace('"@node"', '"node"'))
    site.ok("deploy", "web")
    try:
        assert site.asked(site.low)["vars"]["TITLE"] == "first"
        assert "nothing changes" in site.ok("deploy", "web")
        assert not list((site.root / "node/trees").glob("*/node"))
    finally:
        site.ok("node", "down", "web", "here")


@pytest.mark.slow
def test_what_pyinfra_may_bring_is_missing_only_after_it(site, tmp_path):
    # What stands in for pyinfra here makes what the deploy's first line names.
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "pyinfra"
    program.write_text('#!/bin/sh\necho "$5" >>"$(dirname "$0")/ran"\nmkdir -p "$(cat "$5")"\n')
    program.chmod(0o755)
    site.machine.environ["PATH"] = f"{programs}:{site.machine.environ['PATH']}"
    check = f'checks.disk = {{ path = "{tmp_path}/disk" }}\n'
    web = WEB.replace("commands = ", f"{check}commands = ")
    site.manifest(web + '[recipe.r]\napp = "web"\npyinfra = "machine"\n')
    (site.root / "machine").write_text(f"{tmp_path}/another\n")

    plan = site.json("deploy", "r", "--plan")["nodes"][0]
    assert plan["pyinfra"] == "machine"
    (note,) = plan["notes"]
    assert "pyinfra has to mend" in note
    assert "disk is not there" in note
    assert "run pyinfra machine before" in site.ok("deploy", "r", "--plan")
    assert not (programs / "ran").exists()

    # It ran, and has not brought it: nothing is deployed.
    assert "disk is not there" in site.fails("deploy", "r")
    assert (programs / "ran").exists()
    assert not (site.node / "recipes").exists()

    (site.root / "machine").write_text(f"{tmp_path}/disk\n")
    answer = site.json("deploy", "r")["nodes"][0]
    assert (answer["state"], answer["pyinfra"], answer["notes"]) == ("done", "machine", [])
    (programs / "ran").unlink()
    assert site.json("deploy", "r")["nodes"][0]["pyinfra"] == ""
    assert not (programs / "ran").exists()


@pytest.mark.slow
def test_recipes_on_one_node_never_share_a_port(site, tmp_path):
    def ports_of(*recipes):
        found = []
        for recipe in recipes:
            kept = json.loads((site.node / f"recipes/{recipe}/current/payload.json").read_text())
            found += [port for service in kept["services"] for port in service["ports"]]
        return found

    def narrowed(high):
        path = site.root / "stead.toml"
        path.write_text(path.read_text().replace(f'"{site.ports}"', f'"{site.low}-{high}"'))

    # Two that no declared target joins: each takes what the other has left.
    site.manifest(WEB + '[recipe.r]\napp = "web"\ncounts.web = 2\n')
    narrowed(site.low + 1)
    site.ok("deploy", "web")
    said = site.fails("deploy", "r")
    assert f"web is to listen on port {site.low}, which web of recipe web has there" in said
    site.manifest(WEB + '[recipe.r]\napp = "web"\ncounts.web = 2\n')
    site.ok("deploy", "web")
    site.ok("deploy", "r")
    found = ports_of("web", "r")
    assert len(set(found)) == 3
    for port in found:
        assert site.asked(port)["vars"]["PORT"] == str(port)
    for recipe in ("web", "r", "web"):
        assert "nothing changes" in site.ok("deploy", recipe)
    site.ok("node", "down", "r", "here")
    site.manifest(WEB + '[recipe.r]\napp = "web"\n[recipe.web]\napp = "web"\n')
    path = site.root / "stead.toml"
    path.write_text(path.read_text().replace('app = "web"\n', 'app = "web"\ntargets = ["here"]\n'))
    site.ok("deploy", "web")
    site.ok("deploy", "r")
    assert len(set(ports_of("r", "web"))) == 2

    # What a container has, which the machine's engine tells of, is left to it as well.
    (had,) = ports_of("web")
    labels = {"recipe": "shop-box", "name": "shop", "service": "api", "ports": str(had)}
    container = {
        "Name": "shop-api",
        "Config": {
            "Labels": {f"dev.stead.container.{name}": text for name, text in labels.items()}
        },
        "State": {"Status": "running", "StartedAt": "2026-11-21T19:30:00Z"},
    }
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "said").write_text(json.dumps([container]))
    (programs / "podman").write_text(
        f"#!/bin/sh\n[ $1 = ps ] && echo 0123 || cat {programs}/said\n"
    )
    (programs / "podman").chmod(0o755)
    site.machine.environ["PATH"] = f"{programs}:{site.machine.environ['PATH']}"
    os.makedirs(os.path.join(site.machine.environ["STEAD_HOME"], "containers/shop-box"))
    path.write_text(path.read_text().replace('"first"', '"second"'))
    site.ok("deploy", "web")
    assert not {had, *ports_of("r")} & set(ports_of("web"))
    assert "nothing changes" in site.ok("deploy", "web")

    # Nor does another directory of this machine get what one has.
    there = (
        f'[target.there]\nhost = "box"\ndirectory = "{tmp_path}/there"\nservices = "supervise"\n'
    )
    text = path.read_text().replace('[recipe.web]\napp = "web"\ntargets = ["here"]', "")
    path.write_text(text + there)
    before = {had, *ports_of("r", "web")}
    try:
        site.ok("deploy", "web", "there")
        kept = json.loads((tmp_path / "there/recipes/web/current/payload.json").read_text())
        assert not before & set(kept["services"][0]["ports"])
        assert "nothing changes" in site.ok("deploy", "web", "there")
    finally:
        site.run("node", "down", "web", "there")


@pytest.mark.slow
def test_who_interrupts_a_deploy_gets_back_what_ran(site):
    site.manifest(WEB)
    site.ok("deploy", "web")
    text = (site.root / "stead.toml").read_text().replace('"first"', '"second"')
    text = text.replace('${PORT}/" }', '${PORT}/", status = 418, timeout = "10min" }')
    (site.root / "stead.toml").write_text(text)
    begun = subprocess.Popen(
        ["env", "--default-signal=INT", str(site.machine.program), "deploy", "web"],
        cwd=site.root,
        env={**site.machine.environ, "PWD": str(site.root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert begun.stderr is not None
    with begun.stderr:
        for line in begun.stderr:
            if "check:" in line:
                break
        begun.send_signal(signal.SIGINT)
        begun.stderr.read()
    assert begun.wait(60) in (130, -signal.SIGINT)
    assert site.asked(site.low)["vars"]["TITLE"] == "first"
    assert site.json("deploy", "status", "web")["nodes"][0]["generation"] == 1
