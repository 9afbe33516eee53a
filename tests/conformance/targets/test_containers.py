"""The suite of targets on containers: with podman, and the whole way with docker."""

from __future__ import annotations

import os

import pytest

from stead.deploy.oci import layers
from stead.deploy.targets.container import ContainerTarget
from stead.deploy.targets.image import Making
from stead.testing import engines
from stead.testing.deliveries import shop
from stead.testing.images import base_image
from stead.testing.targets import AWKWARD, Case, TargetSuite, free_ports, local_answer
from stead.testing.world import make_context
from stead.values.errors import DeployError
from stead.values.platform import platform_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may run engines of its own"),
]


@pytest.fixture(scope="module")
def perl(tmp_path_factory) -> str:
    """A base with a Perl, which the services of the suite are written in."""
    return base_image(tmp_path_factory.mktemp("perl") / "oci", perl=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Layers are made once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def podman():
    with engines.podman() as found:
        yield found


@pytest.fixture(scope="module")
def docker():
    with engines.docker() as found:
        yield found


def target(engine: engines.Installed, base: str, home) -> ContainerTarget:
    environ = {"PATH": f"{engine.directory}:{os.environ['PATH']}", "HOME": str(home)}
    making = Making("", platform_of("linux", os.uname().machine), base)
    context = make_context(home, environ=environ)
    # The suite's service leaves it to the engine to end it.
    return ContainerTarget("here", "shop", making, context, engine.name, grace=0, settling=0.2)


@pytest.mark.needs("podman")
class TestPodman(TargetSuite):
    @pytest.fixture
    def case(self, podman, perl, home):
        made = target(podman, perl, home)
        yield Case(made, layers.ROOT, local_answer, free_ports(2))
        made.remove()
        made.close()
        podman.clear()


@pytest.mark.needs("dockerd")
def test_the_whole_way_with_docker(docker, perl, home) -> None:
    made, ports, root = target(docker, perl, home), free_ports(2), layers.ROOT
    case = Case(made, root, local_answer, ports)
    data = f"{root}/recipes/shop/data"
    try:
        assert made.facts().running == ""
        made.apply(shop(root, "one", ports, secret=AWKWARD, release=f": > {data}/made"))
        assert local_answer(ports[1]).split("|")[4] == str(len(AWKWARD))
        assert not made.apply(
            shop(root, "one", ports, secret=AWKWARD, release=f": > {data}/made")
        ).changed
        made.apply(shop(root, "two", ports, release=f"test -e {data}/made"))
        with pytest.raises(DeployError, match="did not hold") as caught:
            made.apply(shop(root, "broken", ports, timeout=0.5))
        assert "serving broken" in str(caught.value)
        assert case.await_versions({"two"}) == {"two"}
        made.rollback()
        assert case.versions() == {"one"}
        standing = made.status()
        assert [one.state for one in standing.services] == ["running", "running"]
        assert [one.current for one in standing.generations] == [True, False]
        assert "serving one" in "\n".join(made.logs())
        assert made.run("migrate", ["a b"]) == 0
    finally:
        made.remove()
        made.close()
    assert case.versions() == {""}
    assert made.status().generations == ()
