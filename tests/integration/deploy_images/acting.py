"""One act on a target of containers, by whoever runs this: HOME BASE PORT apply VERSION | ACT.

ACT is ``rollback``, ``status`` (prints the process of the service), ``remove``. The exit code is 1
where it fails, and what is said then stands in the error.
"""

from __future__ import annotations

import os
import sys

from stead.deploy.oci import layers
from stead.deploy.targets.container import ContainerTarget
from stead.deploy.targets.image import Making
from stead.testing.deliveries import shop
from stead.testing.world import make_context
from stead.values.errors import DeployError
from stead.values.platform import platform_of

DATA = f"{layers.ROOT}/recipes/shop/data"


def main() -> None:
    home, base, port, act, *more = sys.argv[1:]
    making = Making("", platform_of("linux", os.uname().machine), base)
    context = make_context(home, environ=dict(os.environ))
    target = ContainerTarget("here", "shop", making, context, grace=1, settling=0.2)
    try:
        if act == "apply":
            release = f"echo made >> {DATA}/made"
            target.apply(shop(layers.ROOT, *more, (int(port),), secret="x y", release=release))
        elif act == "status":
            print(*[one.pid for one in target.status().services])
        else:
            getattr(target, act)()
    except DeployError as exc:
        sys.exit(f"{exc}")
    finally:
        target.close()


main()
