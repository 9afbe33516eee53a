"""What holds for every item that comes with Stead, whatever is chosen."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.registry.variants import ALL, INTERFACES, ITEMS, PYTHON

from stead.values.item import Option

RULES = Path(__file__).with_name("items-ruff.toml")
HOSTS = re.compile(
    rb"(pypi\.org|pythonhosted\.org|npmjs\.org|npmjs\.com|crates\.io|docker\.io|ghcr\.io)"
)
NAMED = re.compile(rb"\bstead\b", re.IGNORECASE)

every = pytest.mark.parametrize("variant", ALL, ids=str)
each_python = pytest.mark.parametrize("variant", PYTHON, ids=str)
each_item = pytest.mark.parametrize("variant", ITEMS, ids=str)


@each_item
def test_an_item_says_what_it_is_and_what_it_expects(variant):
    item = variant.item
    assert item.summary
    assert item.summary[0].isupper()
    assert not item.summary.endswith(".")
    assert item.expects
    for option in item.options:
        assert isinstance(option, Option)
        assert option.question.endswith("?"), option.name
        assert option.default is not None, f"{option.name}: it can be added without a question"
    if item.language != "python":
        assert item.commands.run
        assert item.commands.test


@every
def test_what_lands_has_the_layout_of_its_language(variant):
    files = variant.files()
    name, package = variant.item.name, variant.package
    assert {"README.md", f"Dockerfile.{name}"} <= set(files)
    if variant.item.language != "python":
        return
    needed = {"main.py", "pyproject.toml"}
    needed |= {f"src/{package}/{f}.py" for f in ("__init__", "main", "cli", "utils")}
    assert needed <= set(files)
    assert any(re.fullmatch(r"tests/test_\w+\.py", path) for path in files)
    project = tomllib.loads(files["pyproject.toml"].decode())["project"]
    assert project["name"] == name
    assert project["version"] == variant.item.version
    assert project["scripts"][name] == f"{package}.cli:main"
    assert project["requires-python"] == ">=3.10"
    assert "optional-dependencies" in project


@every
def test_nothing_that_lands_needs_stead_or_names_a_registry_of_packages(variant):
    for path, content in variant.files().items():
        assert not HOSTS.search(content), path
        # A data set may name a place of that name.
        found = None if "/data/" in f"/{path}" else NAMED.search(content)
        assert not found, f"{path} speaks of Stead, which may be gone"
        assert b"{%" not in content or path.endswith((".html", ".j2")), f"{path} is not rendered"


def test_names_of_test_files_do_not_meet():
    """All modules' tests can be run together, whatever way pytest imports them."""
    seen: dict[str, str] = {}
    for variant in ITEMS:
        for path in variant.files():
            if path.endswith(".py") and path.startswith("tests/"):
                file = os.path.basename(path)
                assert file in ("conftest.py", "__init__.py") or file not in seen, (
                    f"{file} is in {variant} and in {seen[file]}"
                )
                seen[file] = str(variant)


@each_python
def test_python_is_that_of_3_10(variant):
    for path, content in variant.files().items():
        if path.endswith(".py"):
            ast.parse(content, path, feature_version=(3, 10))


@each_python
def test_nothing_is_printed_or_logged_below_the_command(variant):
    package = f"src/{variant.package}/"
    for path, content in variant.files().items():
        if not (path.startswith(package) and path.endswith(".py")):
            continue
        for node in ast.walk(ast.parse(content, path)):
            match node:
                case ast.Call(func=ast.Name("print")) if path != f"{package}cli.py":
                    pytest.fail(f"{path}:{node.lineno} prints")
                case ast.Call(func=ast.Attribute(attr="basicConfig" | "dictConfig" | "addHandler")):
                    pytest.fail(f"{path}:{node.lineno} configures logging")


@each_python
def test_public_functions_have_types_and_docstrings(variant):
    package = f"src/{variant.package}/"
    for path, content in variant.files().items():
        if not (path.startswith(package) and path.endswith(".py")):
            continue
        tree = ast.parse(content, path)
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                where = f"{path}: {node.name}"
                assert ast.get_docstring(node), where
                assert node.returns, where
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                assert all(a.annotation for a in arguments), where


@each_python
def test_python_is_clean(variant, tmp_path):
    variant.write(tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    settings = ["--config", str(RULES), "--no-cache"]
    for words in (["check", "--output-format", "concise"], ["format", "--diff"]):
        done = subprocess.run(
            [*ruff, *words, *settings, "."],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("variant", [v for v in INTERFACES if v.chosen], ids=str)
def test_its_own_tests_pass_whatever_is_chosen(variant, house, tmp_path):
    # As it proposes itself, each is installed and tested in test_independence.
    module = variant.write(tmp_path / "module")
    done = house.run(
        # The plugin that Dash brings into this environment warns of itself.
        *(house.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:dash"),
        *("-W", "error"),
        cwd=module, home=tmp_path, PYTHONPATH=str(module / "src"),
        # What other items require brings plugins, and these warn.
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
