"""What a project says of its configuration, put into the packages that it makes."""

from __future__ import annotations

import json
import tomllib
import zipfile

import pytest

from stead.matrix.carry import conda_files, declared, finder, into_wheel, rewritten
from stead.pipeline.carried import manifests_in
from stead.testing.index import Wheel
from stead.values.errors import ArtifactError, ManifestError

ORDERS = """
[packages.pypi]
leaf = ">=1"

[vars]
ORDERS_MODE = "quick"
ORDERS_SIZE = 20
ORDERS_SCHEMA = { type = "path", value = "src/orders/data/schema.sql" }
ORDERS_LOCAL = { type = "path", value = "scratch" }
ORDERS_TOKEN = { type = "secret", value = "env:TOKEN" }

[paths]
schemas = "src/orders/data"
notes = "docs/notes"
system = "/srv/orders"

[checks.schema]
path = "src/orders/data/schema.sql"

[lib.orders.accepts]
ORDERS_URL = { type = "url", required = true }
ORDERS_MAP = { type = "path", default = "src/orders/data/map.json" }

[layer.test.vars]
ONLY_HERE = "1"
"""

FILES = {
    "orders/__init__.py": "",
    "orders/data/schema.sql": "create table orders ();\n",
    "orders/data/map.json": "{}",
}


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "stead.toml").write_text(ORDERS, encoding="utf-8")
    return root


@pytest.fixture
def wheel(tmp_path):
    made = Wheel("orders", "1.2", files=FILES)
    path = tmp_path / made.filename
    path.write_bytes(made.content())
    return path


def unpacked(wheel, tmp_path):
    build = tmp_path / "build"
    site = build / "lib" / "python3.12" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return build, site


def test_only_what_a_library_may_say_is_carried(project):
    assert set(declared(str(project))) == {"vars", "paths", "checks", "lib"}
    (project / "stead.toml").write_text("[packages.pypi]\nleaf = '*'\n", encoding="utf-8")
    assert declared(str(project)) == {}


def test_tables_in_pyproject_count_the_same(tmp_path):
    text = "[project]\nname = 'x'\n[tool.stead.vars]\nA = '1'\n"
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert declared(str(tmp_path)) == {"vars": {"A": "1"}}


def test_a_wheel_says_what_its_project_said(project, wheel, tmp_path):
    left_out = into_wheel(str(wheel), str(project))
    assert left_out == (
        "variable ORDERS_LOCAL (scratch) is not in the package",
        "path notes (docs/notes) is not in the package",
    )
    build, site = unpacked(wheel, tmp_path)
    (manifest,) = manifests_in(build)
    layer = manifest.layers[0]
    assert {p.name: p.path and (p.base, p.path) for p in layer.paths} == {
        "schemas": (str(site / "orders-1.2.dist-info"), "../orders/data"),
        "system": (str(site / "orders-1.2.dist-info"), "/srv/orders"),
    }
    assert {v.name for v in layer.variables} == {
        "ORDERS_MODE",
        "ORDERS_SIZE",
        "ORDERS_SCHEMA",
        "ORDERS_TOKEN",
    }
    assert [c.name for c in layer.checks] == ["schema"]
    assert [lib.name for lib in manifest.kinds.libs] == ["orders"]
    assert not layer.requirements


def test_an_editable_wheel_leads_to_the_tree(project, tmp_path):
    schema = project / "src" / "orders" / "data" / "schema.sql"
    schema.parent.mkdir(parents=True)
    schema.write_text("select 1;\n", encoding="utf-8")
    made = Wheel("orders", "1.2", files={"orders.pth": str(project / "src")})
    path = tmp_path / made.filename
    path.write_bytes(made.content())
    left_out = into_wheel(str(path), str(project), editable=True)
    assert "path schemas" not in str(left_out)
    build, _ = unpacked(path, tmp_path)
    (manifest,) = manifests_in(build)
    paths = {p.name: p.path for p in manifest.layers[0].paths}
    assert paths["schemas"] == str(project / "src" / "orders" / "data")


def test_the_record_of_the_wheel_names_the_file_with_its_hash(project, wheel):
    before = zipfile.ZipFile(wheel).read("orders-1.2.dist-info/RECORD").decode()
    into_wheel(str(wheel), str(project))
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        after = archive.read("orders-1.2.dist-info/RECORD").decode()
        text = archive.read("orders-1.2.dist-info/stead.toml")
    (line,) = set(after.splitlines()) - set(before.splitlines())
    import base64
    import hashlib

    digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
    assert line == f"orders-1.2.dist-info/stead.toml,sha256={digest},{len(text)}"
    assert tomllib.loads(text.decode())["vars"]["ORDERS_MODE"] == "quick"


def test_a_wheel_of_a_project_that_says_nothing_stays_as_it_is(tmp_path, wheel):
    before = wheel.read_bytes()
    assert into_wheel(str(wheel), str(tmp_path / "nothing")) == ()
    assert wheel.read_bytes() == before


def test_what_the_backend_put_there_itself_stays(project, tmp_path):
    own = {**FILES, "orders-1.2.dist-info/stead.toml": "[vars]\nOWN = '1'\n"}
    made = Wheel("orders", "1.2", files=own)
    path = tmp_path / made.filename
    path.write_bytes(made.content())
    before = path.read_bytes()
    assert into_wheel(str(path), str(project)) == ()
    assert path.read_bytes() == before


def test_what_is_no_wheel_is_refused(project, tmp_path):
    path = tmp_path / "orders-1.2-py3-none-any.whl"
    path.write_bytes(b"PK no")
    with pytest.raises(ArtifactError, match="is not a wheel"):
        into_wheel(str(path), str(project))
    assert path.read_bytes() == b"PK no"


def test_a_damaged_configuration_names_its_package(tmp_path):
    site = tmp_path / "lib" / "python3.12" / "site-packages" / "orders-1.2.dist-info"
    site.mkdir(parents=True)
    (site / "stead.toml").write_text("[vars\n", encoding="utf-8")
    with pytest.raises(ManifestError, match=r"the configuration that orders-1\.2 carries"):
        manifests_in(tmp_path)


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("src/orders/data", "orders/data"),
        ("orders/data/map.json", "orders/data/map.json"),
        ("elsewhere/map.json", ""),
        ("../orders/data", ""),
        ("orders", "orders"),
    ],
)
def test_paths_are_found_by_their_longest_ending(path, there):
    assert finder(FILES)(path) == there


def test_conda_gets_what_is_plain_text_for_its_own_activation(project):
    files = conda_files("orders", str(project), ["lib/orders/schema.sql"], in_wheel=False)
    assert json.loads(files["etc/conda/env_vars.d/orders.json"]) == {
        "ORDERS_MODE": "quick",
        "ORDERS_SIZE": "20",
    }
    table = tomllib.loads(files["share/stead/orders/stead.toml"].decode())
    assert table["lib"]["orders"]["accepts"]["ORDERS_URL"]["required"] is True
    assert set(conda_files("orders", str(project), [], in_wheel=True)) == {
        "etc/conda/env_vars.d/orders.json"
    }


def test_names_that_need_quotes_survive():
    tables = {"lib": {"a.b": {"accepts": {"A": {"pattern": 'x"\\d'}}}}, "vars": {"B": ["x", 1]}}
    assert tomllib.loads(rewritten(tables, "d", finder(())).text) == tables
