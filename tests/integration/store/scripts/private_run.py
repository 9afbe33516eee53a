"""Hold a private file, say so, and wait to be told to end (or be killed).

Arguments: home, place, runtime directory, content, environment; ``hand`` last
starts a process that inherits the descriptor, and says its number.
"""

from __future__ import annotations

import subprocess
import sys

from stead.store.private_files import private_files
from stead.store.rendered import Wanted


def main(home: str, place: str, runtime: str, content: str, environment: str, *rest: str) -> None:
    wanted = Wanted("conf/db.ini", content, place)
    with private_files(
        home,
        place,
        environment,
        [wanted],
        environ={"XDG_RUNTIME_DIR": runtime},
        note=lambda _text: None,
    ) as held:
        child = 0
        if rest == ("hand",):
            argv = ["sleep", "60"]
            child = subprocess.Popen(argv, pass_fds=held.descriptors, stdout=2).pid
        print(held.paths[0], child, flush=True)
        sys.stdin.readline()


main(*sys.argv[1:])
