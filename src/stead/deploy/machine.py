"""A machine's program, called: one method per command, text ↔ values, codes → errors."""

from __future__ import annotations

import getpass
import secrets
import shlex
import socket
from typing import TYPE_CHECKING

from stead.deploy import program
from stead.deploy.targets import Deployed, Running, Standing
from stead.values.deployment import Facts
from stead.values.errors import DeployError, OccupiedError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stead.deploy.connection import Answer, Connection
    from stead.deploy.targets import Node

_USUAL = '"$HOME"/.local/share/stead-node'
_HELD, _LOST, _FULL, _DENIED, _DAMAGED, _IMPOSSIBLE, _ABSENT = 90, 91, 92, 93, 94, 95, 96
_FOREIGN = 97
_SILENCE = 15.0
"""Seconds after which a machine that was to end a command, and says nothing, is taken for lost."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What a machine said when a deploy began there, and holds its lease."""

    facts: Facts
    root: str
    number: int
    """The next generation's."""
    trees: frozenset[str] = frozenset()
    pieces: tuple[tuple[str, int], ...] = ()
    """What a cut deploy brought: names and sizes."""
    reverted: bool = False
    """Whether an unconfirmed generation was found and left."""
    unsettled: bool = False
    """Whether one was found, and what ran before it could not be started."""


class Machine:
    """One node's commands. Every one of them: ContactError without contact, else DeployError."""

    def __init__(self, connection: Connection, node: Node) -> None:
        self.connection = connection
        self.node = node
        self.token = secrets.token_hex(8)

    def facts(self) -> tuple[Facts, str]:
        """Read what the machine is; gives the facts and the node's root."""
        answer = self._run("facts", self.node.sudo, self.node.services, bare=True)
        lines = list(_lines(answer))
        self._ours(lines)
        return _facts(lines), _one(lines, "root")

    def standing(self) -> tuple[Facts, str]:
        """Read what runs there, and the node's root; of the facts there is nothing else."""
        answer = self._run("standing", bare=True)
        lines = list(_lines(answer))
        self._ours(lines)
        return _facts(lines), _one(lines, "root")

    def begin(self, *, take: bool = True) -> Begun:
        """Take the lease, and set right what a deploy before left half done.

        A recipe that is nobody's becomes this project's, unless ``take`` is false.
        """
        words = (
            self.token,
            _whole(self.node.patience),
            who(),
            self.node.sudo,
            self.node.services,
            self.node.project,
            "take" if take else "leave",
        )
        answer = self._run("begin", *words)
        lines = list(_lines(answer))
        pieces = [rest.rsplit(" ", 1) for key, rest in lines if key == "piece"]
        return Begun(
            facts=_facts(lines),
            root=_one(lines, "root"),
            number=int(_one(lines, "next") or 1),
            trees=frozenset(rest for key, rest in lines if key == "tree"),
            pieces=tuple((name, int(size)) for name, size in pieces),
            reverted=any(key == "reverted" for key, _ in lines),
            unsettled=any(key == "unsettled" for key, _ in lines),
        )

    def renew(self) -> None:
        self._run("renew", self.token, _whole(self.node.patience))

    def deliver(self, number: int, stream: Iterable[bytes]) -> None:
        """Send what :mod:`stead.deploy.sending` makes; a ``number`` of 0 brings parts alone."""
        self._run("deliver", self.token, str(number), _whole(self.node.patience), stdin=stream)

    def command(self, number: int, name: str, seconds: float = 0) -> Answer:
        """Run a one-off command of a generation; 0 is the current one.

        The machine ends it, and all that it started, with this deploy's lease, and after so many
        ``seconds``; where there are none, with the lease alone.
        """
        words = (self.token, _whole(seconds) if seconds else "0", str(number), name)
        timeout = seconds + _SILENCE if seconds else None
        return self.connection.run(self._words("bounded", *words), timeout=timeout)

    def interactive(self, name: str, arguments: Sequence[str] = ()) -> int:
        """Run a command of the current generation with this program's input and output."""
        return self.connection.interactive(self._words("command", "0", name, *arguments))

    def switch(self, number: int, seconds: float) -> None:
        """Start the watchdog, then switch. Without a word, it goes back after ``seconds``."""
        patience = _whole(self.node.patience)
        self._run("switch", self.token, str(number), patience, _whole(seconds))

    def revert(self, number: int) -> bool:
        """Go back from a switch; false where the machine had done so. Fails where it cannot."""
        answer = self._run("revert", self.token, str(number))
        return any(key == "reverted" for key, _ in _lines(answer))

    def confirm(self, number: int) -> None:
        self._run("confirm", self.token, str(number), _whole(self.node.patience))

    def restart(self) -> None:
        """Start again what the current generation should run."""
        self._run("restart", self.token, _whole(self.node.patience))

    def collect(self, keep: int) -> None:
        self._run("collect", self.token, str(keep), _whole(self.node.patience))

    def drop(self, number: int) -> None:
        """Remove a generation that is not taken into use, and the secrets that it holds."""
        self._run("drop", self.token, str(number), _whole(self.node.patience))

    def end(self) -> None:
        """Give the lease back."""
        self._run("end", self.token)

    def remove(self) -> None:
        self._run("remove", self.token, _whole(self.node.patience))

    def record(self, name: str = "payload.json", number: int = 0) -> str:
        """Give a file of a generation (0: the current one); empty where there is none."""
        answer = self._run("record", str(number), name, bare=True)
        return answer.out.partition(b"\n")[2].decode()

    def status(self) -> Standing:
        lines = list(_lines(self._run("status", bare=True)))
        self._ours(lines)
        services, generations = [], []
        for key, rest in lines:
            words = rest.split(" ")
            if key == "service":
                services.append(Running(words[0], words[1], int(words[2]), int(words[3])))  # type: ignore[arg-type]
            elif key == "generation":
                generations.append(
                    Deployed(
                        int(words[0]),
                        words[2],
                        float(words[1] or 0),
                        current="current" in words[3:],
                        confirmed="unconfirmed" not in words[3:],
                    )
                )
        return Standing(
            generation=int(_one(lines, "current") or 0),
            digest=_one(lines, "digest"),
            services=tuple(services),
            generations=tuple(sorted(generations, key=lambda one: one.number)),
            held_by=_one(lines, "held"),
        )

    def logs(self, service: str, lines: int, *, fresh: bool = False) -> Iterator[str]:
        """Give the last lines of services; ``fresh`` are those that came since these were started."""
        since = ["began"] if fresh else []
        answer = self._run("logs", service, str(lines), *since, bare=True)
        yield from answer.out.partition(b"\n")[2].decode("utf-8", "replace").splitlines()

    def _words(self, command: str, *words: str) -> str:
        root = self.node.root
        where = f"{shlex.quote(root) if root else _USUAL}/host/{program.name()}.sh"
        return " ".join(["sh", where, *self._arguments(command, words)])

    def _arguments(self, command: str, words: Sequence[str]) -> list[str]:
        given = [command, program.name(), self.node.root or "-", self.node.recipe or "-", *words]
        return [shlex.quote(word) for word in given]

    def _run(
        self, command: str, *words: str, stdin: Iterable[bytes] = (), bare: bool = False
    ) -> Answer:
        """Call a command; where the program is not there, as it comes (``bare``), or install it."""
        answer = self._asked(self._words(command, *words), stdin)
        if not answer.out.startswith(b"stead "):
            if bare:
                call = " ".join(["sh", "-s", *self._arguments(command, words)])
                answer = self._asked(call, [program.text()])
            elif not stdin:
                self._install()
                answer = self._asked(self._words(command, *words))
            if not answer.out.startswith(b"stead "):
                raise DeployError(
                    f"{self._name()} did not run a shell's program as POSIX says",
                    details=answer.err.splitlines()[-3:],
                    remedy="the machine needs `sh`, `tar` and `gzip`, and a login that prints nothing",
                )
        if answer.code:
            raise self._wrong(answer)
        return answer

    def _asked(self, command: str, stdin: Iterable[bytes] = ()) -> Answer:
        return self.connection.run(command, stdin)

    def install(self) -> None:
        """Let the program be there."""
        self._run("record", "0", "digest")

    def _install(self) -> None:
        root = shlex.quote(self.node.root) if self.node.root else _USUAL
        name, text = program.name(), program.text()
        # A cut ends the copy as its end does: so its length is looked at.
        made = (
            'umask 077; mkdir -p "$1/host" && cat >"$1/host/.new-$$" && '
            '[ "$(wc -c <"$1/host/.new-$$")" -eq "$3" ] && mv -f "$1/host/.new-$$" "$1/host/$2.sh"'
        )
        answer = self._asked(f"sh -c {shlex.quote(made)} sh {root} {name} {len(text)}", [text])
        if answer.code:
            said = answer.err.strip().rpartition("\n")[2]
            raise self._full_or_denied(said)

    def _full_or_denied(self, said: str) -> DeployError:
        where = self.node.root or "~/.local/share/stead-node"
        if "space" in said.lower():
            return DeployError(
                f"no space left on {self._name()}",
                details=(said,),
                remedy=f"make room where {where} lies there",
            )
        return DeployError(
            f"{where} on {self._name()} cannot be written",
            details=(said,) if said else (),
            remedy="let the user that is logged in as own it, or name another `directory` of the target",
        )

    def _name(self) -> str:
        return self.connection.address or "this machine"

    def _ours(self, lines: Sequence[tuple[str, str]]) -> None:
        owner = _one(lines, "project")
        if owner and self.node.project and owner != self.node.project:
            raise self._foreign(owner)

    def _foreign(self, owner: str) -> DeployError:
        return DeployError(
            f"recipe {self.node.recipe} on {self._name()} belongs to the project {owner}, "
            f"and this is {self.node.project}",
            remedy="give the recipe another name, or the target another `directory`; where this is "
            f"that project, write {owner} into stead.id beside its manifest",
        )

    def _wrong(self, answer: Answer) -> DeployError:
        said = answer.err.strip()
        last = said.rpartition("\n")[2]
        if answer.code == _HELD:
            who = _one(list(_lines(answer)), "held")
            return OccupiedError(
                f"{who or 'somebody'} deploys to {self._name()} at the moment",
                remedy=f"wait for its end; unless it is heard of, it is over in {last} s",
            )
        if answer.code == _LOST:
            return DeployError(
                f"{self._name()}: {last}",
                remedy="nothing was heard of this deploy for too long; look at `stead deploy status`",
            )
        if answer.code == _FOREIGN:
            return self._foreign(last)
        if answer.code in (_FULL, _DENIED):
            return self._full_or_denied(last)
        if answer.code in (_DAMAGED, _IMPOSSIBLE, _ABSENT):
            return DeployError(f"{self._name()}: {last}", details=said.splitlines()[:-1][-5:])
        return DeployError(
            f"the program on {self._name()} ended with {answer.code}",
            details=said.splitlines()[-5:],
        )


def _lines(answer: Answer) -> Iterator[tuple[str, str]]:
    for line in answer.out.decode("utf-8", "surrogateescape").splitlines()[1:]:
        key, _, rest = line.partition(" ")
        yield key, rest


def _one(lines: Iterable[tuple[str, str]], name: str) -> str:
    return next((rest for key, rest in lines if key == name), "")


def _facts(lines: Sequence[tuple[str, str]]) -> Facts:
    known = dict(lines)
    init = known.get("init", "none")
    return Facts(
        system=known.get("system", ""),
        machine=known.get("machine", ""),
        glibc=known.get("glibc", ""),
        user=known.get("user", ""),
        home=known.get("home", ""),
        init=init if init in ("systemd", "systemd-user") else "none",  # type: ignore[arg-type]
        free=int(known.get("free") or 0),
        writable=known.get("writable") != "no",
        running=known.get("digest", ""),
        generation=int(known.get("generation") or 0),
        standing=known.get("standing") != "no",
        parts=frozenset(rest for key, rest in lines if key == "part"),
        ports=tuple(
            (int(port), service, recipe)
            for key, rest in lines
            if key == "port"
            for recipe, port, service in [rest.split(" ", 2)]
        ),
        libraries=frozenset(rest for key, rest in lines if key == "library"),
    )


def _whole(seconds: float) -> str:
    return str(max(1, round(seconds)))


def who() -> str:
    """Name, for others, who deploys from here: a word."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "somebody"
    return "".join(
        c if c.isalnum() or c in "@.-_" else "_" for c in f"{name}@{socket.gethostname()}"
    )
