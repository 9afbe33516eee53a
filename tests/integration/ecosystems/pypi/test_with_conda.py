"""Real conda packages and PyPI's in one tree, from lock to running program."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from stead.ecosystems.conda import Conda
from stead.ecosystems.conda.distributions import distributions
from stead.ecosystems.conda.specs import parse_spec
from stead.ecosystems.protocol import BuildTarget
from stead.ecosystems.pypi import PyPI
from stead.testing.index import Sdist, Wheel, make_project
from stead.values.manifest import Channel
from stead.values.origin import Origin
from stead.values.requirement import Requirement, Source


@pytest.mark.slow
def test_both_are_locked_built_and_run_together(world, conda_channel, here):
    world.publish(
        Wheel("app", "1.0", requires=("packaging>=20",), scripts={"app": "app:main"}),
        Wheel("app", "2.0", requires=("packaging>=9999",)),
        Wheel("packaging", "9999"),
        Sdist("fromsource"),
    )
    viewer = make_project(world.root / "viewer", Sdist("viewer", "0.3", ("packaging",)))
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    context = world.context()
    request = replace(
        world.request(),
        platform=here,
        interpreter=None,
        python=minor,
        channels=(Channel(str(conda_channel)),),
    )
    asked = tuple(parse_spec(s, Origin("e.yml", 1)) for s in (f"python {minor}.*", "packaging"))
    conda = Conda().lock(replace(request, requirements=asked), context)
    found = distributions(conda, request, context)
    assert "packaging" in {d.name for d in found}
    pypi = PyPI().lock(
        replace(
            request,
            requirements=(
                Requirement("pypi", "app"),
                Requirement("pypi", "fromsource"),
                Requirement("pypi", "viewer", source=Source("path", str(viewer), editable=True)),
            ),
            provided=conda,
            distributions=found,
        ),
        context,
    )
    assert {a.name: a.version for a in pypi} == {
        "app": "1.0",
        "fromsource": "1.0",
        "viewer": "0.3",
    }
    final = world.home / "store" / "mixed"
    prefix = final.with_name(".tmp-mixed")
    prefix.mkdir(parents=True)
    target = BuildTarget(
        prefix,
        final,
        here,
        str(world.root),
        channels=request.channels,
        indexes=world.indexes,
        python=minor,
    )
    Conda().build(conda, target, context)
    PyPI().build(pypi, target, context)
    prefix.rename(final)

    def run(*argv):
        return subprocess.run(
            [str(a) for a in argv], check=True, capture_output=True, text=True
        ).stdout.strip()

    assert run(final / "bin" / "app") == "app 1.0"
    say = "import sys, packaging, fromsource, viewer; print(sys.prefix, viewer.__file__)"
    prefix_said, viewer_said = run(final / "bin" / "python", "-c", say).split()
    assert prefix_said == str(final)
    assert viewer_said.startswith(str(viewer))
    assert PyPI().verify(final, context) == ()
    assert PyPI().activation(final, context) == ()
    left = subprocess.run(
        ["grep", "-rlF", str(prefix), str(final)], capture_output=True, text=True, check=False
    )
    assert left.stdout == ""
