"""What local and ssh targets have in common: all but the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.deploy import apply as applying
from stead.deploy import health
from stead.deploy.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stead.deploy.connection import Connection
    from stead.deploy.targets import Applied, Delivery, Node, Report, Standing
    from stead.values.deployment import Facts, Health


class MachineTarget:
    """A node on a machine that has a POSIX shell."""

    def __init__(self, name: str, connection: Connection, node: Node) -> None:
        self.name = name
        self.address = connection.address
        self._connection = connection
        self._machine = Machine(connection, node)
        self._ours = False

    def facts(self) -> Facts:
        found = self._machine.facts()[0]
        self._ours = True
        return found

    def examine(self, program: str) -> str:
        return self._machine.connection.run(program, timeout=60).out.decode("utf-8", "replace")

    def ask(self, check: Health) -> str:
        return health.asked(check, self._machine.connection, check.timeout)

    def running(self) -> str:
        self._refuse_foreign()
        return self._machine.record()

    def apply(self, delivery: Delivery, report: Report | None = None) -> Applied:
        return applying.apply(self._machine, delivery, report)

    def status(self) -> Standing:
        return self._machine.status()

    def logs(self, service: str = "", lines: int = 200) -> Iterator[str]:
        self._refuse_foreign()
        return self._machine.logs(service, lines)

    def rollback(self, generation: int = 0, report: Report | None = None) -> Applied:
        return applying.rollback(self._machine, generation, report)

    def run(self, command: str, arguments: Sequence[str] = ()) -> int:
        self._machine.install()
        self._machine.standing()
        return self._machine.interactive(command, arguments)

    def remove(self) -> None:
        self._machine.begin(take=False)
        try:
            self._machine.remove()
        finally:
            self._machine.end()

    def _refuse_foreign(self) -> None:
        """See, once, that what is there is not another project's."""
        if not self._ours:
            self._machine.standing()
            self._ours = True

    def close(self) -> None:
        self._connection.close()
