"""A deploy in a process of its own, which waits at its steps until it is told to go on.

Reads lines: a step's name lets it go on until that step begins; ``end`` lets it go on to its end.
"""

import os
import sys

from stead.deploy.targets import Node
from stead.deploy.targets.ssh import target
from stead.testing.deliveries import shop
from stead.values.errors import SteadError

address, root, version, patience = sys.argv[1:5]
wanted = [sys.stdin.readline().strip()]


def report(step: str, word: str) -> None:
    print(step, word, flush=True)
    if step == wanted[-1]:
        wanted.append(sys.stdin.readline().strip())


made = target(
    "shop",
    address,
    Node("shop", root, patience=float(patience), settling=0.2),
    dict(os.environ),
    system="linux",
)
try:
    done = made.apply(shop(root, version, (8080, 8081), release="sleep 0.1", timeout=4), report)
except SteadError as exc:
    print(f"error {type(exc).__name__} {exc}", flush=True)
    sys.exit(1)
finally:
    made.close()
print("done", done.generation, flush=True)
