"""One act on a target of containers, by whoever runs this: HOME BASE PORT ACT.

ACT is ``apply VERSION [FILLER STEP LEAVE]``, ``rollback``, ``status`` (prints the process of the
service), ``remove``. When the step begins, the file FILLER takes all of its disk but so many bytes.
The exit code is 1 where it fails, and what is said then stands in the error.
"""

from __future__ import annotations

import contextlib
import os
import sys

from stead.deploy.oci import layers
from stead.deploy.targets.container import ContainerTarget
from stead.deploy.targets.image import Making
from stead.testing.deliveries import shop
from stead.testing.world import make_context
from stead.values.errors import SteadError
from stead.values.platform import platform_of

DATA = f"{layers.ROOT}/recipes/shop/data"


def main() -> None:
    home, base, port, act, *more = sys.argv[1:]
    making = Making("", platform_of("linux", os.uname().machine), base)
    context = make_context(home, environ=dict(os.environ))
    target = ContainerTarget("here", "shop", making, context, grace=1, settling=0.2)
    try:
        if act == "apply":
            version, filler, at, leave = [*more, "", "", ""][:4]

            def told(step: str, _word: str) -> None:
                if step == at:
                    fill(filler, int(leave))

            release = f"echo made >> {DATA}/made"
            wanted = shop(
                *(layers.ROOT, version, (int(port),)),
                secret="x y",
                release=release,
                timeout=8.0 if version in ("broken", "ill") else 60.0,
            )
            target.apply(wanted, told)
        elif act == "status":
            print(*[one.pid for one in target.status().services])
        else:
            getattr(target, act)()
    except SteadError as exc:
        sys.exit(f"{exc}")
    finally:
        target.close()


def fill(path: str, leave: int) -> None:
    with open(path, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        file.truncate(max(0, file.tell() - leave))


main()
