"""Packages that carry configuration: an environment that contains one has what it says."""

from __future__ import annotations

import subprocess

import pytest
from uv import find_uv_bin

from stead.matrix.carry import into_wheel
from stead.testing.index import Wheel, make_index

DECLARED = """
[vars]
ORDERS_MODE = "quick"
ORDERS_SCHEMA = { type = "path", value = "src/orders/schema.sql" }
%s
[lib.orders.accepts]
ORDERS_POOL = { type = "int", min = 1, default = 5 }
"""

APP = """
[packages.pypi]
orders = "*"
%s
"""


@pytest.fixture
def orders(machine, tmp_path):
    """An index with the package ``orders``; gives a function that makes its versions."""
    root = tmp_path / "own-index"
    machine.environ["UV_DEFAULT_INDEX"] = f"{root.as_uri()}/simple"

    def release(version: str, more: str = "") -> None:
        source = tmp_path / "orders"
        source.mkdir(exist_ok=True)
        (source / "stead.toml").write_text(DECLARED % more, encoding="utf-8")
        made = Wheel(
            "orders", version, files={"orders/__init__.py": "", "orders/schema.sql": "select 1;\n"}
        )
        make_index(root, [made])
        into_wheel(str(root / "files" / made.filename), str(source))
        make_index(root, [])

    release("1.0")
    return release


def variables(machine, root):
    lines = machine.ok("env", "vars", cwd=root).splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("ORDERS"))


def test_an_environment_has_what_its_package_says(machine, project, orders):
    root = project({"stead.toml": APP % ""})
    said = machine.ok("run", "sh", "-c", "echo $ORDERS_MODE; cat $ORDERS_SCHEMA", cwd=root)
    assert said == "quick\nselect 1;\n"
    # The quick way repeats it, and those who look see the same.
    assert machine.ok("run", "sh", "-c", "echo $ORDERS_MODE", cwd=root) == "quick\n"
    assert variables(machine, root)["ORDERS_MODE"] == "quick"
    assert "orders-1.0.dist-info/stead.toml" in machine.ok("explain", "ORDERS_MODE", cwd=root)


def test_the_place_has_the_last_word(machine, project, orders):
    root = project({"stead.toml": APP % "[vars]\nORDERS_MODE = 'careful'\n"})
    assert machine.ok("run", "sh", "-c", "echo $ORDERS_MODE", cwd=root) == "careful\n"


def test_a_package_taken_out_takes_its_configuration_along(machine, project, orders):
    root = project({"stead.toml": APP % "leaf = '*'\n"})
    make_index(root.parent / "own-index", [Wheel("leaf")])
    machine.ok("build", cwd=root)
    assert variables(machine, root)
    machine.ok("remove", "orders", cwd=root)
    assert machine.ok("run", "sh", "-c", "echo [$ORDERS_MODE]", cwd=root) == "[]\n"
    assert not variables(machine, root)


def test_another_version_says_something_else(machine, project, orders):
    root = project({"stead.toml": APP % ""})
    machine.ok("build", cwd=root)
    orders("2.0", "ORDERS_NEW = 'yes'\n")
    machine.ok("lock", "--upgrade", cwd=root)
    machine.ok("build", cwd=root)
    assert variables(machine, root)["ORDERS_NEW"] == "yes"
    machine.ok("undo", cwd=root)
    assert "ORDERS_NEW" not in variables(machine, root)


def test_a_check_that_a_package_carries_is_made_before_start(machine, project, orders):
    orders("1.1", "\n[checks.tables]\npath = '/nowhere/at/all'\nmessage = 'make the tables'\n")
    root = project({"stead.toml": APP % ""})
    said = machine.fails("run", "true", cwd=root)
    assert "/nowhere/at/all" in said
    assert "make the tables" in said


def test_a_project_may_contain_an_older_release_of_itself(machine, project, orders):
    own = "[lib.orders.accepts]\nORDERS_POOL = { type = 'int', min = 2, default = 9 }\n"
    root = project({"stead.toml": APP % own})
    machine.ok("build", cwd=root)
    machine.ok("check", cwd=root)


def test_others_install_the_wheel_as_any(machine, project, orders, tmp_path):
    index = machine.environ["UV_DEFAULT_INDEX"]
    target = tmp_path / "theirs"
    uv = find_uv_bin()
    words = [uv, "pip", "install", "-q", "--target", str(target), "--index-url", index, "orders"]
    subprocess.run(words, check=True, env=machine.environ)
    assert (target / "orders" / "schema.sql").exists()
