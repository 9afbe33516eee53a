"""A recipe in the working tree: what runs elsewhere, run here."""

from __future__ import annotations

import contextlib
import socket

MANIFEST = """\
[vars]
MODE = "dev"

[layer.prod.vars]
MODE = "prod"

[app.web]
run = ["sh", "-c", "echo $MODE $TITLE $PORT $PEER; sleep 1"]
listen = { PORT = "host.ports.web" }
vars = { TITLE = "web", PEER = { type = "url", value = "http://{net.api}/" } }

[app.api]
listen = { PORT = "host.ports.web" }
processes = { serve = ["sh", "-c", "echo api $MODE $PORT; sleep 1"], work = ["sleep", "1"] }

[host.laptop.ports]
web = "9000-9009"

[host.server.ports]
web = "80-89"

[net.desk]
api = { app = "api", listener = "PORT" }

[net.hall]
api = { host = "api.hall", port = 1 }

[target.hall]
kind = "ssh"
hosts = ["hall"]
host = "server"

[recipe.both]
app = ["web", "api"]
environment = "prod"
net = "desk"
host = "laptop"
counts = { web = 2, "api:work" = 2 }
set = { "web.TITLE" = "both" }

[recipe.both.target.hall]
set = { "web.TITLE" = "hall" }
counts = { web = 1 }
"""


def lines(text):
    return sorted(" ".join(line.split()) for line in text.splitlines())


def test_apps_run_side_by_side_with_ports_of_their_own(machine, project):
    root = project({"stead.toml": MANIFEST})
    done = machine.run("run", "--recipe", "both", cwd=root)
    assert lines(done.stdout) == [
        "api:serve | api prod 9000",
        "web 2 | prod both 9003 http://localhost:9000/",
        "web | prod both 9001 http://localhost:9000/",
    ]
    assert done.returncode == 0, done.stderr


def test_a_target_and_a_net_change_what_they_offer_alone(machine, project):
    root = project({"stead.toml": MANIFEST})
    done = machine.run("run", "--recipe", "both", "--target", "hall", "--net", "hall", cwd=root)
    assert lines(done.stdout) == [
        "api:serve | api prod 80",
        "web | prod hall 81 http://api.hall:1/",
    ]


def test_an_app_is_a_recipe(machine, project):
    root = project({"stead.toml": MANIFEST})
    said = machine.ok("run", "--recipe", "web", "--host", "laptop", "--net", "desk", cwd=root)
    assert lines(said) == ["web | dev web 9001 http://localhost:9000/"]


def test_a_recipe_that_is_not_there_has_a_near_one(machine, project):
    root = project({"stead.toml": MANIFEST})
    said = machine.fails("run", "--recipe", "bth", cwd=root)
    assert "there is no recipe bth" in said
    assert "both" in said


@contextlib.contextmanager
def listening(port):
    with socket.create_server(("127.0.0.1", port)):
        yield


def test_a_port_of_a_range_that_somebody_has_is_passed_over(machine, project, ports):
    low = int(ports(10).partition("-")[0])
    root = project({"stead.toml": MANIFEST.replace("9000-9009", f"{low}-{low + 9}")})
    with listening(low), listening(low + 4):
        done = machine.run("run", "--recipe", "both", cwd=root)
    assert lines(done.stdout) == [
        f"api:serve | api prod {low + 5}",
        f"web 2 | prod both {low + 3} http://localhost:{low + 5}/",
        f"web | prod both {low + 1} http://localhost:{low + 5}/",
    ]
    assert f"port {low} is taken: PORT of api is {low + 5}" in done.stderr


def test_a_port_that_was_given_and_is_taken_is_told_before_anything_starts(machine, project, ports):
    port = int(ports(1).partition("-")[0])
    manifest = f"""\
[app.web]
run = ["sh", "-c", "echo started $1 > started", "sh"]
listen = {{ PORT = {port} }}

[target.here]
kind = "local"
directory = "node"
"""
    root = project({"stead.toml": manifest})
    with listening(port):
        for words in (["web"], ["--recipe", "web"]):
            said = machine.fails("run", *words, cwd=root)
            assert f"app web is to listen on port {port} (PORT), which is taken" in said
            assert "--set PORT=PORT" in said
            assert not (root / "started").exists()
        # What a deploy leaves on a node of this machine says whose it is.
        project({"node/recipes/web/current/ports": f"{port} web\n"})
        said = machine.fails("run", "web", cwd=root)
        assert "taken by recipe web, which is deployed here to target here" in said
        machine.ok("run", "web", "--help", cwd=root)
    machine.ok("run", "web", cwd=root)
    assert (root / "started").exists()
