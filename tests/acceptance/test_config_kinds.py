"""Modules of the six kinds, and what is matched before anything starts."""

from __future__ import annotations

import subprocess

import pytest

# One composition in four writings. What they declare, by file of its module:
MODULES = {
    "libs/pgdriver": """\
kind = "lib"
connections = "PG_POOL"
[{at}.accepts]
PG_URL = {{ type = "url", scheme = "postgres", required = true }}
PG_POOL = {{ type = "int", min = 1, default = 5 }}
""",
    "hosts/lab": """\
kind = "host"
ports = {{ web = "8000-8099" }}
paths = {{ scratch = "/scratch" }}
data = {{ scans = "/srv/scans" }}
[{at}.limits]
"pgdriver.PG_POOL" = {{ max = 40 }}
""",
    "nets/office": """\
kind = "net"
[{at}.endpoints]
db = {{ host = "db.office.lan", port = 5432, from = ["lab"], connections = 30 }}
viewer = {{ app = "viewer", listener = "WEB_PORT", host = "viewer.office.lan" }}
""",
    "data/scans": """\
kind = "data"
version = "sha256:9f2c41d07ab3"
description = "CT scans"
""",
    "clients/store": """\
kind = "client"
uses = "pgdriver"
PG_URL = "postgres://store@{{net.db}}/store"
""",
    "apps/viewer": """\
kind = "app"
clients = ["store"]
data = {{ SCANS = "scans" }}
listen = {{ WEB_PORT = "host.ports.web" }}
run = ["sh", "-c", "echo $PG_URL $PG_POOL $SCANS $WEB_PORT $SELF"]
[{at}.vars]
SELF = "http://{{net.viewer}}/"
""",
}
EXPECTED = (
    "postgres://store@db.office.lan:5432/store 5 /srv/scans 8000 http://viewer.office.lan:8000/"
)


def as_tables() -> dict[str, str]:
    """The whole in one manifest."""
    text = ""
    for path, body in MODULES.items():
        kind, name = body.splitlines()[0].split('"')[1], path.split("/")[1]
        at = f"{kind}.{name}"
        lines = body.format(at=at).splitlines(keepends=True)[1:]
        text += f"[{at}]\n" + "".join(lines).replace(f"[{at}.endpoints]\n", "")
    return {"stead.toml": text}


def as_directories(*, root: str = "") -> dict[str, str]:
    """A directory for each, whose manifest says ``[module]``."""
    return {
        f"{root}{path}/stead.toml": "[module]\n" + body.format(at="module")
        for path, body in MODULES.items()
    }


def uses(location: str) -> str:
    lines = [f"{path.split('/')[1]} = {location % path}\n" for path in MODULES]
    return "[uses]\n" + "".join(lines)


def git(machine, root, *words):
    subprocess.run(["git", *words], cwd=root, env=machine.environ, check=True, capture_output=True)


def repository(machine, root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(machine, root, "init", "-q")
    git(machine, root, "add", "-A")
    git(machine, root, "commit", "-qm", "it")


@pytest.fixture(params=["tables", "directories", "one repository", "one repository each"])
def place(request, machine, project, tmp_path):
    if request.param == "tables":
        return project(as_tables())
    if request.param == "directories":
        return project({"stead.toml": uses('{ path = "%s" }'), **as_directories()})
    origin = tmp_path / "origin"
    if request.param == "one repository":
        origin.mkdir()
        repository(machine, origin, as_directories())
        entry = f'{{ git = "file://{origin}", subdirectory = "%s" }}'
        return project({"stead.toml": uses(entry)})
    for path, body in MODULES.items():
        (origin / path).mkdir(parents=True)
        text = "[module]\n" + body.format(at="module")
        name = path.split("/")[1]
        text = text.replace("[module]\n", f'[module]\nname = "{name}"\n')
        repository(machine, origin / path, {"stead.toml": text})
    return project({"stead.toml": uses(f'{{ git = "file://{origin}/%s" }}')})


def test_they_mean_the_same_however_they_are_kept(machine, place):
    for _ in range(2):
        assert machine.ok("run", "viewer", cwd=place).strip() == EXPECTED
    machine.ok("check", cwd=place)
    told = machine.json("status", cwd=place)
    assert (told["app"], told["host"], told["net"]) == ("viewer", "lab", "office")
    report = machine.json("explain", "PG_URL", cwd=place)
    assert report["declared_by"] == "lib pgdriver"
    assert report["refers"] == ["net.db"]
    assert report["reaches"] == ["app viewer"]


BASE = as_tables()["stead.toml"]


def wrong(machine, root, *words) -> list[dict]:
    """What `check` finds; and nothing starts."""
    done = machine.run("check", "--json", *words, cwd=root)
    assert done.returncode == 1, done.stdout + done.stderr
    import json

    found = [f for f in json.loads(done.stdout)["findings"] if f["kind"] == "error"]
    started = machine.run("run", *words, "--", "touch", "started", cwd=root)
    assert started.returncode == 1
    assert not (root / "started").exists()
    for finding in found:
        assert finding["message"] in started.stderr
        assert finding["where"] in started.stderr
    return found


def only(found: list[dict]) -> dict:
    (one,) = found
    return one


class TestMatching:
    def test_none_fits(self, machine, project):
        text = BASE.replace("db = { host", "other = { host")
        found = only(wrong(machine, project({"stead.toml": text})))
        assert found["message"].startswith("net office offers no db (needed by client store, stead")
        assert found["where"].endswith(f"stead.toml:{self.line(text, 'postgres://store')}")

    def test_two_hosts_fit(self, machine, project):
        text = BASE.replace(', from = ["lab"]', "")
        text += '[host.other]\nports = { web = 9000 }\ndata = { scans = "/data/scans" }\n'
        root = project({"stead.toml": text})
        found = only(wrong(machine, root))
        assert "two hosts fit: lab and other" in found["message"]
        assert "--host" in found["remedy"]
        said = machine.ok("run", "--host", "other", "viewer", cwd=root)
        assert said.split()[2:4] == ["/data/scans", "9000"]
        with open(root / "stead.toml", "a", encoding="utf-8") as file:
            file.write('[choose]\nhost = "other"\n')
        assert machine.ok("run", "viewer", cwd=root).split()[3] == "9000"

    def test_two_nets_fit(self, machine, project):
        text = BASE + '[net.home]\ndb = { host = "localhost", port = 5432 }\n'
        text += 'viewer = { app = "viewer", listener = "WEB_PORT", host = "localhost" }\n'
        root = project({"stead.toml": text})
        assert "two nets fit: home and office" in only(wrong(machine, root))["message"]
        assert "@localhost:5432" in machine.ok("run", "--net", "home", "viewer", cwd=root)

    def test_a_host_that_the_net_does_not_let_through(self, machine, project):
        text = BASE.replace('from = ["lab"]', 'from = ["elsewhere"]')
        text += "[host.elsewhere]\n[choose]\nhost = 'lab'\n"
        found = only(wrong(machine, project({"stead.toml": text})))
        assert "lab" in found["message"]
        assert "db" in found["message"]

    def test_a_value_beyond_what_the_host_allows_shows_both_places(self, machine, project):
        text = BASE.replace('PG_URL = "postgres', 'PG_POOL = 41\nPG_URL = "postgres')
        text = text.replace(", connections = 30", "")
        found = only(wrong(machine, project({"stead.toml": text})))
        shown = " ".join([found["message"], found["where"], *found["details"]])
        assert f"stead.toml:{self.line(text, 'PG_POOL = 41')}" in shown
        assert f"stead.toml:{self.line(text, 'max = 40')}" in shown
        assert "41" in shown
        assert "40" in shown

    def test_a_nets_connections_are_for_all_clients_together(self, machine, project):
        text = BASE.replace('PG_URL = "postgres', 'PG_POOL = 31\nPG_URL = "postgres')
        found = only(wrong(machine, project({"stead.toml": text})))
        assert "connections" in found["message"]
        shown = " ".join([found["message"], *found["details"]])
        assert "31" in shown
        assert "30" in shown

    @pytest.mark.parametrize(
        ("terms", "url", "said"),
        [
            ("tls = true", "postgres://store@{net.db}/store?sslmode=disable", "TLS"),
            ('scheme = "postgresql"', "postgres://store@{net.db}/store", "postgresql"),
        ],
    )
    def test_a_nets_terms(self, machine, project, terms, url, said):
        text = BASE.replace(", connections = 30", f", {terms}")
        text = text.replace("postgres://store@{net.db}/store", url)
        found = only(wrong(machine, project({"stead.toml": text})))
        assert said in found["message"]

    def test_server_and_clients_share_a_listener(self, machine, project):
        root = project({"stead.toml": BASE})
        said = machine.ok("run", "--set", "WEB_PORT=8042", "viewer", cwd=root).split()
        assert said[3:] == ["8042", "http://viewer.office.lan:8042/"]
        found = wrong(machine, root, "--set", "WEB_PORT=9000")
        assert any("9000" in f["message"] for f in found)

    def test_what_a_lib_requires_and_nobody_gives(self, machine, project):
        text = BASE.replace('PG_URL = "postgres://store@{net.db}/store"\n', "")
        found = only(wrong(machine, project({"stead.toml": text})))
        assert "PG_URL" in found["message"]
        assert "client store" in found["message"]

    def test_two_clients_that_export_one_name_differently(self, machine, project):
        text = BASE.replace('clients = ["store"]', 'clients = ["store", "other"]')
        text += '[client.other]\nuses = "pgdriver"\nPG_URL = "postgres://other@{net.db}/o"\n'
        root = project({"stead.toml": text})
        found = only(wrong(machine, root))
        assert "clients give PG_URL different values" in found["message"]
        assert "prefix" in found["remedy"]
        lines = [self.line(text, "postgres://store"), self.line(text, "postgres://other")]
        assert all(any(f"stead.toml:{n}" in d for d in found["details"]) for n in lines)
        text = text.replace("[lib.pgdriver]\n", "[lib.pgdriver]\nprefix = true\n")
        text = text.replace("[client.other]\n", '[client.other]\nprefix = "OTHER_"\n')
        (root / "stead.toml").write_text(text, encoding="utf-8")
        code = ["sh", "-c", "echo $PG_URL $OTHER_PG_URL $OTHER_PG_POOL"]
        assert machine.ok("run", *code, cwd=root) == (
            "postgres://store@db.office.lan:5432/store postgres://other@db.office.lan:5432/o 5\n"
        )

    def test_all_mistakes_are_said_at_once_each_with_its_line(self, machine, project):
        text = BASE.replace('PG_URL = "postgres', 'PG_POOL = "many"\nPG_URL = "http')
        text = text.replace('SCANS = "scans"', 'SCANS = "scams"')
        text += '[vars]\nA = "${B}"\nB = "${A}"\nC = { type = "port", value = 70000 }\n'
        root = project({"stead.toml": text})
        found = wrong(machine, root)
        lines = {int(f["where"].rpartition(":")[2]) for f in found}
        for part in ('PG_POOL = "many"', 'PG_URL = "http', "scams", "C = {"):
            assert self.line(text, part) in lines, (part, found)
        assert lines & {self.line(text, 'A = "'), self.line(text, 'B = "')}
        shown = machine.run("check", cwd=root).stdout
        assert "'many'" in shown
        assert "70000" in shown

    def line(self, text: str, part: str) -> int:
        return text[: text.index(part)].count("\n") + 1


class TestRecipes:
    @pytest.fixture
    def place(self, project):
        text = BASE.replace(', from = ["lab"]', "") + (
            "[host.laptop]\nports = { web = 5000 }\ndata = { scans = '/home/scans' }\n"
            "[target.lab]\nhost = 'lab'\n"
            "[target.here]\nhost = 'laptop'\n"
            "[layer.prod.vars]\nMODE = 'prod'\n"
            "[recipe.prod]\napp = 'viewer'\nnet = 'office'\nenvironment = 'prod'\n"
            "targets = ['lab', 'here']\nset = { 'store.PG_POOL' = 20 }\n"
        )
        return project({"stead.toml": text})

    def test_it_sets_values_and_chooses(self, machine, place):
        ask = ("config", "list", "--recipe", "prod", "--target")
        rows = {r["name"]: r for r in machine.json(*ask, "lab", cwd=place)}
        assert rows["PG_POOL"]["value"] == "20"
        assert rows["PG_POOL"]["rank"] == "recipe"
        assert rows["WEB_PORT"]["value"] == "8000"
        assert rows["MODE"]["value"] == "prod"
        rows = {r["name"]: r for r in machine.json(*ask, "here", cwd=place)}
        assert rows["WEB_PORT"]["value"] == "5000"
        said = machine.ok("run", "--recipe", "prod", "--target", "here", "viewer", cwd=place)
        assert said.split()[1:4] == ["20", "/home/scans", "5000"]

    def test_explain_and_check_take_them(self, machine, place):
        words = ("--recipe", "prod", "--target", "lab")
        report = machine.json("explain", "PG_POOL", *words, cwd=place)
        assert [d["rank"] for d in report["definitions"]] == ["recipe", "lib default"]
        machine.ok("check", *words, cwd=place)
        assert machine.run("check", cwd=place).returncode == 1  # two hosts fit
        differences = machine.json("config", "diff", "default", "prod", *words, cwd=place)
        assert [r["name"] for r in differences["differences"]] == ["MODE"]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--recipe", "pord"), "prod"),
            (("--recipe", "prod", "--target", "lib"), "lab"),
            (("--host", "lap"), "lap"),
            (("--app", "veiwer"), "viewer"),
        ],
    )
    def test_a_name_that_nobody_bears_is_said(self, machine, place, words, said):
        for command in (("check",), ("run", "true")):
            done = machine.run(command[0], *words, *command[1:], cwd=place)
            assert done.returncode in (1, 2)
            assert said in done.stdout + done.stderr
            assert words[-1] in done.stdout + done.stderr
