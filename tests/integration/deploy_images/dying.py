"""A deploy to containers that is killed: HOME BASE PATH PORT VERSION STEP SECONDS [both] [release=…].

It ends itself with SIGKILL so many seconds after a step began; with ``both``, the process that
watches over it as well. ``release`` is a command that runs before the switch.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from stead.deploy.oci import layers
from stead.deploy.targets.container import ContainerTarget
from stead.deploy.targets.image import Making
from stead.testing.deliveries import shop
from stead.testing.world import make_context
from stead.values.platform import platform_of


def children() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text(encoding="utf-8").split()]


def main() -> None:
    home, base, path, port, version, at, seconds = sys.argv[1:8]
    context = make_context(home, environ={"PATH": path, "HOME": home})
    making = Making("", platform_of("linux", os.uname().machine), base)
    target = ContainerTarget("here", "shop", making, context, grace=1, settling=0.2)

    def die() -> None:
        for child in children() if "both" in sys.argv else ():
            os.kill(child, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def told(step: str, _word: str) -> None:
        if step != at:
            return
        if float(seconds):
            threading.Timer(float(seconds), die).start()
        else:
            die()

    release = next((w.partition("=")[2] for w in sys.argv if w.startswith("release=")), "")
    target.apply(shop(layers.ROOT, version, (int(port),), release=release), told)


main()
