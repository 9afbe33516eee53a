"""A recipe in the working tree: what runs elsewhere, run here."""

from __future__ import annotations

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
