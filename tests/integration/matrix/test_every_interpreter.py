"""Virtual environments of every interpreter that is found."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.ecosystems import interpreters
from stead.matrix import contents
from stead.testing.index import Wheel
from stead.values.frozen import replace
from stead.values.requirement import Requirement
from stead.values.suite import Contents, Environment, Product

if TYPE_CHECKING:
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.spec import PackagesSpec

MINORS = tuple(f"3.{minor}" for minor in range(8, 14))


@pytest.mark.slow
def test_each_gets_the_package_and_its_programs(
    tmp_path: Path, packages: PackagesSpec, context: Context
) -> None:
    context = replace(context, environ=dict(os.environ))
    found = {one.minor: one for one in reversed(interpreters.discovered(context))}
    present = [minor for minor in MINORS if minor in found]
    print("missing:", ", ".join(m for m in MINORS if m not in found) or "none")
    assert present, "there is no Python at all to test with"
    wheel = Wheel("demo", "0.1", requires=("who",), scripts={"demo": "who:main"})
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.content())
    product = Product("wheel", "wheel", str(path), "c", "demo", "0.1", wheel.requires)
    asked = replace(packages, requirements=(Requirement("pypi", "dep"),))
    for minor in present:
        prefix = f"{tmp_path}/.tox/{minor}"
        environment = Environment(
            minor, interpreter=found[minor], prefix=prefix, contents=Contents(asked)
        )
        ready = contents.ready(environment, product, str(tmp_path), context)
        code = "import demo, dep, sys; print('%d.%d' % sys.version_info[:2], sys.prefix)"
        for command in (("python", "-c", code), ("demo",)):
            done = subprocess.run(
                [os.path.join(ready.programs[0], command[0]), *command[1:]],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            assert done.stdout.split()[-1] == prefix
        assert contents.ready(environment, product, str(tmp_path), context).reused
