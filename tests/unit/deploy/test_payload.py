"""All that a node is to hold: the same for the same, with ports that never meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from stead.cli.app import App
from stead.deploy.code import code_of
from stead.deploy.fitness import require
from stead.deploy.payload import Wanted, payload
from stead.deploy.pyinfra import inventory
from stead.deploy.recipes import Where, apps_of, directory_of, nodes_of, recipe_named
from stead.deploy.record import digest_of, record_of
from stead.deploy.secrets import opened
from stead.pipeline.steps import prepare
from stead.testing.world import make_context
from stead.values.deployment import Facts, HeldData
from stead.values.errors import CheckError, ConfigurationError, DeployError, ManifestError
from stead.values.frozen import replace
from stead.values.kinds import Target
from stead.values.platform import Platform
from stead.values.selection import Selection

FACTS = Facts("Linux", "x86_64", "2.36", user="deploy", home="/home/deploy")

MANIFEST = """\
[app.web]
run = ["serve"]
listen = { PORT = "host.ports.web", ADMIN = "host.ports.web" }
vars = { HERE = "${paths.state}/x", THERE = "${paths.code}", MINE = "${HOME}/m" }
files = { "sub/a.ini" = "a.tmpl" }
health.up = { url = "http://localhost:${PORT}/" }
commands = { go = ["go"], once = ["once"] }
release = ["once"]

[app.api]
listen = { PORT = "host.ports.web" }
processes = { serve = ["s"], work = ["w"] }

[paths]
state = "var"
code = "lib"

[host.box]
ports = { web = "8000-8029" }

[target.lab]
kind = "ssh"
hosts = ["one", "two"]
host = "box"

[recipe.r]
app = ["web", "api"]
counts = { web = 3, "api:work" = 2, "api:serve" = 0 }
"""


@pytest.fixture
def made(tmp_path):
    root = tmp_path / "w"
    (root / "lib").mkdir(parents=True)
    (root / "lib/x.py").write_text("")
    (root / "a.tmpl").write_text("port={{ PORT }} {{ paths.state }}\n")
    context = make_context(tmp_path / "home")

    def make(text=MANIFEST, recipe="r", facts=FACTS, target="lab"):
        (root / "stead.toml").write_text(text)
        plain = App(context, str(root), Platform("linux-64"), selection=Selection(deploy=True))
        kinds = plain.spec().configuration.kinds
        chosen = recipe_named(kinds, recipe)
        (where,) = [t for t in kinds.targets if t.name == target]
        prepared = []
        for name in apps_of(chosen, kinds):
            selection = Selection(name, recipe, target, deploy=True)
            app = App(context, str(root), Platform("linux-64"), selection=selection)
            prepared.append((name, prepare(app.request(), context)))
        code = code_of([p for _, p in prepared], chosen, context)
        return payload(Wanted(chosen, tuple(prepared), code), nodes_of([where])[0], facts, context)

    make.context = context
    make.root = root
    return make


def test_the_same_gives_the_same(made):
    one, two = made(), made()
    assert one.payload == two.payload
    digests = {digest_of(record_of(opened(x, made.context), "key")) for x in (one, two)}
    assert len(digests) == 1
    (made.root / "lib/x.py").write_text("x = 1\n")
    assert made().payload != one.payload


def test_services_are_named_counted_and_have_ports_of_their_own(made):
    found = made().payload
    names = [s.name for s in found.services]
    assert names == ["web", "web-2", "web-3", "api-work", "api-work-2"]
    ports = [port for s in found.services for port in s.ports]
    assert len(ports) == len(set(ports)) == 8
    assert all(8000 <= port <= 8029 for port in ports)
    assert [(c.name, c.release) for c in found.commands] == [("web.once", True), ("web.go", False)]
    assert len(found.checks) == 3


@pytest.mark.parametrize(
    ("counts", "asked"),
    [
        ('"api:work" = 3', 1),
        ('"api:serve" = 2', 2),
        ("api = 2", 2),
        ('"api:serve" = 0, "api:work" = 2', 0),
    ],
)
def test_an_apps_checks_are_asked_where_its_first_process_runs(made, counts, asked):
    text = MANIFEST.replace("[paths]", 'health.up = { port = "${PORT}" }\n\n[paths]')
    text += (
        f'[recipe.one]\napp = "api"\ncounts = {{ {counts} }}\nhealth.front = {{ port = "80" }}\n'
    )
    found = made(text, "one").payload
    assert "localhost:80" in [check.port for check in found.checks]
    assert len(found.checks) == asked + 1


def test_locations_are_the_nodes(made):
    laid = made()
    root = "/home/deploy/.local/share/stead-node"
    code = f"{root}/trees/{laid.code}"
    environment = dict(laid.payload.services[0].environment)
    assert environment["HERE"] == f"{root}/recipes/r/data/var/x"
    assert environment["THERE"] == f"{code}/lib"
    assert environment["MINE"] == "/home/deploy/m"
    assert environment["STEAD_PLACE"] == code
    assert environment["STEAD_PATH_CODE"] == f"{code}/lib"
    assert laid.payload.services[0].makes == (f"{root}/recipes/r/data/var",)
    held = repr(laid.payload.services) + repr(laid.payload.files) + repr(laid.payload.checks)
    assert str(made.root) not in held


def test_rendered_files_lie_where_the_code_looks_for_them(made):
    laid = made()
    trees = {t.key: t for t in laid.payload.trees}
    seen = set()
    for service in laid.payload.services[:3]:
        own = trees[Path(service.directory).name]
        members = {m.path: m for part in own.parts for m in part.members}
        assert {"lib/x.py", "sub/a.ini", "a.tmpl", "stead.toml"} <= set(members)
        content = members["sub/a.ini"].content
        assert content == (
            b"port=%d /home/deploy/.local/share/stead-node/recipes/r/data/var\n"
            % int(dict(service.environment)["PORT"])
        )
        seen.add(content)
    assert len(seen) == 3


def test_data_are_named_with_their_versions_as_the_host_has_them(made):
    text = MANIFEST.replace("[host.box]\n", '[host.box]\ndata = { scans = "/srv/s", old = "/o" }\n')
    found = made(text + '[data.scans]\nversion = "2025"\n').payload
    assert found.data == (HeldData("old", "", "/o"), HeldData("scans", "2025", "/srv/s"))
    assert record_of(found, "key")["data"]["scans"] == {"version": "2025", "path": "/srv/s"}
    assert made().payload.data == ()


def test_where_commands_are_written_is_known(made):
    web, api = (next(r.app for r in made().running if r.app.name == n) for n in ("web", "api"))
    lines = {n: o.line for app in (web, api) for n, o in app.places}
    assert lines == {
        "run": 2, "commands.go": 7, "commands.once": 7, "processes.serve": 12, "processes.work": 12,
    }  # fmt: skip


def test_too_few_ports_and_ports_that_are_fixed(made):
    with pytest.raises(ConfigurationError, match="too few"):
        made(MANIFEST.replace("8000-8029", "8000-8002"))
    fixed = MANIFEST.replace('PORT = "host.ports.web", ADMIN', "PORT = 9000, ADMIN")
    with pytest.raises(ConfigurationError, match="more than one of it is to run"):
        made(fixed)
    both = MANIFEST.replace('"host.ports.web" }\nprocesses', "9000 }\nprocesses")
    both = both.replace('{ PORT = "host.ports.web", ADMIN', "{ PORT = 9000, ADMIN")
    both = both.replace("counts =", "# counts =")
    with pytest.raises(DeployError, match="would both listen on port 9000"):
        made(both)


@pytest.mark.parametrize("kind", ["container", "ssh"])
def test_ports_that_others_have_are_dealt_to_none_and_refused_where_they_are_fixed(made, kind):
    hosts = 'hosts = ["one", "two"]\n' if kind == "ssh" else ""
    text = MANIFEST.replace('kind = "ssh"\nhosts = ["one", "two"]\n', f'kind = "{kind}"\n{hosts}')
    facts = replace(FACTS, ports=((8000, "web", "x"), (8003, "web", "x"), (9000, "web", "x")))
    dealt = [port for s in made(text, facts=facts).payload.services for port in s.ports]
    assert len(dealt) > 3
    assert not {8000, 8003} & set(dealt)
    fixed = text.replace("counts =", "# counts =").replace(
        'PORT = "host.ports.web", ADMIN', "PORT = 9000, ADMIN"
    )
    with pytest.raises(CheckError, match="port 9000, which web of recipe x has there"):
        require(made(fixed, facts=facts), facts)


def test_where_a_nodes_directory_is():
    def at(**options):
        return directory_of(Target("t", **options), "/home/me")

    assert at() == "/home/me/.local/share/stead-node"
    assert at(kind="ssh", directory="~/x") == "/home/me/x"
    assert at(kind="ssh", directory="/srv/x/") == "/srv/x"
    assert at(directory="node", base="/w") == "/w/node"
    assert at(kind="image") == "/opt/stead"
    with pytest.raises(ManifestError, match="not absolute"):
        at(kind="ssh", directory="srv")


def test_pyinfra_is_told_the_machines_and_how_they_are_reached(made):
    hosts = ("lab", "me@lab.example.org:2222", "::1")
    target = Target("2nd-lab", "ssh", hosts)
    nodes = [Where(target, h) for h in hosts]
    recipe = recipe_named(made().running[0].prepared.composed.spec.configuration.kinds, "r")
    said = {}
    exec(inventory(recipe, nodes), said)
    common = {"stead_recipe": "r", "stead_target": "2nd-lab"}
    assert said["_2nd_lab"] == [
        ("lab", common),
        ("lab.example.org", {**common, "ssh_user": "me", "ssh_port": 2222}),
        ("::1", common),
    ]
    local = inventory(recipe, [Where(Target("here"))])
    assert "('@local'," in local


def paths_of_code(made):
    (code,) = [t for t in made.payload.trees if t.key == made.code]
    return {m.path for part in code.parts for m in part.members}


def test_settings_of_a_person_come_only_where_they_are_named(made):
    for name in (".env", ".env.local", "lib/.env.production", "lib/.env.example"):
        (made.root / name).write_text("TOKEN=mine\n")
    for include in ("", 'include = ["**", "lib/**", "*.local"]'):
        held = paths_of_code(made(f"{MANIFEST}{include}\n"))
        assert "lib/x.py" in held
        assert not [path for path in held if ".env" in path]
    held = paths_of_code(made(f'{MANIFEST}include = [".env", "lib/.env.ex*"]\n'))
    assert {path for path in held if ".env" in path} == {"lib/.env.example"}


def test_what_deploys_made_is_no_code_and_what_only_looks_so_is(made):
    targets = """
[target.here]
kind = "local"
directory = "node"
[target.layout]
kind = "image"
output = "oci:made/image:latest"
[target.pushed]
kind = "image"
output = "localhost:5000/app"
"""
    for name in ("node/a", "made/image/index.json", "made/own", "localhost/own"):
        (made.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made.root / name).write_text("")
    held = paths_of_code(made(MANIFEST + targets))
    assert {"made/own", "localhost/own"} <= held
    assert not {"node/a", "made/image/index.json"} & held


def test_processes_and_commands_run_where_their_app_says(made):
    (made.root / "sub").mkdir()
    (made.root / "sub/y.py").write_text("")
    service, *_ = made().payload.services
    for app in (service.app, "api"):
        text = MANIFEST.replace(f"[app.{app}]\n", f'[app.{app}]\ncwd = "sub"\n')
        found = made(text).payload
        ran = [*found.services, *(c.service for c in found.commands)]
        for one in ran:
            assert (Path(one.directory).name == "sub") is (one.app == app), one.name
        own = {t.key for t in found.trees}
        assert {Path(s.directory).parent.name for s in ran if s.app == app} <= own


def test_an_app_cannot_run_in_a_directory_that_is_not_sent(made):
    (made.root / "empty").mkdir()
    with pytest.raises(DeployError, match="no file of it is sent"):
        made(MANIFEST.replace("[app.api]\n", '[app.api]\ncwd = "empty"\n'))
    made(MANIFEST.replace("[app.web]\n", '[app.web]\ncwd = "sub"\n'))  # where a.ini is rendered
