"""Recipes and targets to values, and what apps say of running elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.formats._packages import leaves
from stead.formats._values import Values
from stead.formats._words import bare_or_quoted
from stead.values.kinds import Check, OnTarget, Recipe, Target
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.formats._grammar_deploy import CountsTable, RecipeTable, TargetTable
    from stead.formats._grammar_kinds import AppTable
    from stead.formats._grammar_values import HealthTable
    from stead.formats._values import Path

NOT_RECIPES = ("logs", "rollback", "run", "status")
"""Words that `stead deploy` takes itself."""


class Deploying(Values):
    """Reads what runs where; mistakes go to ``problems``."""

    def commands(
        self, name: str, table: AppTable, at: Path
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Read the commands of an app that run once; no process has the name of one."""
        for both in sorted(table.commands.keys() & table.processes.keys()):
            self.wrong(
                f"app {name} has a process and a command named {both}",
                (*at, "commands", both),
                "call one of them otherwise",
            )
        for word in table.release:
            if word not in table.commands:
                close = nearest(word, table.commands)
                self.wrong(
                    f"app {name} has no command {word}, which release names",
                    (*at, "release"),
                    f"did you mean {close}?" if close else f"add {word} to its commands",
                )
        return tuple(table.commands.items())

    def health(self, table: Mapping[str, HealthTable], at: Path, by: str) -> tuple[Check, ...]:
        """Read what must hold once something runs."""
        made = []
        for name, one in table.items():
            said = {"url": one.url, "port": str(one.port), "command": one.command}
            kinds = [kind for kind, value in said.items() if value]
            if len(kinds) != 1:
                self.wrong(
                    f"health check {name} must say one thing, not {' and '.join(kinds)}"
                    if kinds
                    else f"health check {name} says neither a url, a port nor a command",
                    (*at, name),
                    f'for example: {bare_or_quoted(name)} = {{ url = "http://localhost:8080/" }}',
                )
                continue
            kind: Any = "run" if one.command else kinds[0]
            subject = one.url or str(one.port)
            made.append(
                Check(
                    name,
                    kind,
                    f"localhost:{subject}" if kind == "port" and subject.isdigit() else subject,
                    one.command,
                    str(one.status or ""),
                    timeout=one.timeout,
                    base=self.directory,
                    by=by,
                    origin=self.where(*at, name),
                )
            )
        return tuple(made)

    def recipe(self, name: str, table: RecipeTable) -> Recipe:
        at = ("recipe", name)
        if name in NOT_RECIPES:
            self.wrong(
                f"no recipe can be called {name}: `stead deploy {name}` means something else",
                at,
                "call it otherwise",
            )
        self.at_least(1, table.keep, (*at, "keep"), "one version must stay: the one that runs")
        if table.pyinfra and leaves(table.pyinfra):
            self.wrong(
                f'the deploy must lie in this directory, not at "{table.pyinfra}"',
                (*at, "pyinfra"),
            )
        return Recipe(
            name,
            (table.app,) if isinstance(table.app, str) else table.app,
            table.environment,
            table.net,
            table.host,
            table.targets,
            self.plain(table.set, (*at, "set")),
            self.directory,
            self.where(*at),
            counts=self.counts(table, at),
            on=tuple(
                OnTarget(
                    target,
                    self.counts(one, (*at, "target", target)),
                    self.plain(one.set, (*at, "target", target, "set")),
                    self.where(*at, "target", target),
                )
                for target, one in table.target.items()
            ),
            keep=table.keep,
            health=self.health(table.health, (*at, "health"), f"recipe {name}"),
            pyinfra=table.pyinfra,
            include=table.include,
            exclude=table.exclude,
        )

    def counts(self, table: CountsTable, at: Path) -> tuple[tuple[str, int], ...]:
        for name, count in table.counts.items():
            self.at_least(0, count, (*at, "counts", name), "0 runs none")
        return tuple(table.counts.items())

    def target(self, name: str, table: TargetTable) -> Target:
        at = ("target", name)
        self.at_least(1, table.parallel, (*at, "parallel"), "one machine at a time is 1")
        self.at_least(0, table.serial, (*at, "serial"), "0 makes one batch of all")
        if table.kind == "ssh" and not table.hosts:
            self.wrong(
                f"target {name} names no machine",
                at,
                'say which: hosts = ["lab.example.org"]',
            )
        if table.kind != "ssh" and table.hosts:
            self.wrong(
                f"target {name} is of kind {table.kind}, which has no hosts",
                (*at, "hosts"),
                'make it kind = "ssh", or leave hosts out',
            )
        for host in table.hosts:
            if not host or host.startswith("-") or any(c.isspace() for c in host):
                self.wrong(
                    f"{host!r} cannot be the address of a machine",
                    (*at, "hosts"),
                    "write it as ssh takes it: user@host:port, or a name of its configuration",
                )
        return Target(
            name,
            table.kind,
            tuple(dict.fromkeys(table.hosts)),
            table.host,
            self.where(*at),
            directory=table.directory,
            parallel=table.parallel,
            serial=table.serial,
            sudo=table.sudo,
            services=table.services,
            create=table.create,
            destroy=table.destroy,
            platform=table.platform,
            image=table.base,
            output=table.output,
            user=table.user,
            engine=table.engine,
            base=self.directory,
        )

    def at_least(self, least: int, value: int, at: Path, remedy: str) -> None:
        if value < least:
            self.wrong(f"{at[-1]} must be {least} or more, not {value}", at, remedy)
