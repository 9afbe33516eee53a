"""Every kind of environments passes the suite, a plugin's among them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.testing.environments import Case, EnvironmentSuite
from stead.values.frozen import replace
from stead.values.manifest import Channel
from stead.values.requirement import Requirement
from stead.values.suite import Contents, Environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stead.values.interpreter import Interpreter
    from stead.values.spec import PackagesSpec
    from stead.values.suite import Product

ASKS = ("python", "-c", "import dep; print(dep.__version__)")


def venv(root: str, interpreter: Interpreter, packages: PackagesSpec, **changes: object) -> Case:
    def with_dep(version: str) -> Environment:
        asked = (Requirement("pypi", "dep", f"=={version}"),)
        held = Contents(replace(packages, requirements=asked), **changes)
        prefix = f"{root}/.tox/py"
        return Environment("py", interpreter=interpreter, prefix=prefix, contents=held)

    return Case(with_dep("1.0"), lambda: with_dep("2.0"), ASKS, "1.0", "2.0")


class TestVenv(EnvironmentSuite):
    @pytest.fixture
    def case(self, root: str, interpreter: Interpreter, packages: PackagesSpec) -> Case:
        return venv(root, interpreter, packages)


@pytest.mark.slow
class TestVenvOfItsOwn(EnvironmentSuite):
    @pytest.fixture
    def case(self, root: str, interpreter: Interpreter, packages: PackagesSpec) -> Case:
        return venv(root, interpreter, packages, own=True)


@pytest.mark.slow
class TestConda(EnvironmentSuite):
    @pytest.fixture
    def case(self, packages: PackagesSpec, conda_channel: Path) -> Case:
        def with_tool(version: str) -> Environment:
            asked = (Requirement("conda", "python"), Requirement("conda", "tool", f"=={version}"))
            channels = (Channel(str(conda_channel)),)
            held = replace(packages, requirements=asked, channels=channels)
            return Environment("lint", kind="conda", contents=Contents(held))

        code = "import sys; print(open(sys.prefix + '/share/tool/version').read())"
        asks = ("python", "-c", code)
        return Case(with_tool("1.0"), lambda: with_tool("2.0"), asks, "1.0", "2.0")


class TestExisting(EnvironmentSuite):
    @pytest.fixture
    def case(self, tmp_path: Path, interpreter: Interpreter) -> Case:
        where = tmp_path / "made by hand"
        subprocess.run([interpreter.path, "-m", "venv", "--without-pip", str(where)], check=True)
        [site] = where.glob("lib/python3*/site-packages")
        environment = Environment("py", kind="existing", prefix=str(where))

        def put(version: str) -> Environment:
            (site / "dep.py").write_text(f"__version__ = '{version}'\n")
            info = site / f"dep-{version}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Name: dep\nVersion: {version}\n")
            return environment

        code = "import dep; print(dep.__version__)"
        return Case(
            put("1.0"), lambda: put("2.0"), ("python", "-B", "-c", code), "1.0", "2.0", makes=False
        )


class TestPlugin(EnvironmentSuite):
    @pytest.fixture
    def case(
        self,
        installed_plugin: None,
        root: str,
        interpreter: Interpreter,
        wheel: Callable[[str], Product],
    ) -> Case:
        environment = Environment(
            "p", kind="plain", interpreter=interpreter, prefix=f"{root}/.tox/p"
        )
        system = replace(environment, contents=Contents(system_site_packages=True))
        code = (
            "import demo, sys; c = open(sys.prefix + '/pyvenv.cfg').read();"
            "print(demo.__version__, 'packages = true' in c)"
        )
        asks = ("python", "-c", code)
        return Case(
            environment, lambda: system, asks, "1.0 False", "1.0 True", product=wheel("1.0")
        )
