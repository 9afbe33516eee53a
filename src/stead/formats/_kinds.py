"""Tables of configuration to values: declarations, kinds of modules, files, checks."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any

from stead.formats._deploying import Deploying
from stead.formats._grammar_kinds import (
    KIND_TABLES,
    AppTable,
    ClientTable,
    DataTable,
    EndpointTable,
    HostTable,
    LibTable,
)
from stead.formats._grammar_values import CheckTable, FileTable
from stead.formats._packages import leaves
from stead.formats._values import number
from stead.formats._words import bare_or_quoted, describe
from stead.formats.models import read as read_model
from stead.values.kinds import (
    App,
    Check,
    Choice,
    Client,
    Data,
    Endpoint,
    Host,
    Kinds,
    Lib,
    Limit,
    Net,
    Offer,
    RenderedFile,
    SecretsTable,
    Type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.formats import _grammar_kinds as grammar
    from stead.formats._grammar import Root
    from stead.formats.models import Model

Path = tuple["str | int", ...]


class KindsReader(Deploying):
    """Reads what the tables of configuration say; mistakes go to ``problems``."""

    def kinds(self, root: Root) -> Kinds:
        """Give everything that the file declares, its own ``[module]`` among it."""
        found: dict[str, list[Any]] = {
            "lib": [self.lib(n, t, ("lib", n)) for n, t in root.lib.items()],
            "host": [self.host(n, t, ("host", n)) for n, t in root.host.items()],
            "net": [self.net(n, t, ("net", n)) for n, t in root.net.items()],
            "data": [self.data(n, t, ("data", n)) for n, t in root.data.items()],
            "client": [self.client(n, t, ("client", n)) for n, t in root.client.items()],
            "app": [self.app(n, t, ("app", n)) for n, t in root.app.items()],
        }
        if root.module is not None:
            self.module(root.module, found)
        return Kinds(
            libs=tuple(found["lib"]),
            hosts=tuple(found["host"]),
            nets=tuple(found["net"]),
            data=tuple(found["data"]),
            clients=tuple(found["client"]),
            apps=tuple(found["app"]),
            recipes=tuple(self.recipe(n, t) for n, t in root.recipe.items()),
            targets=tuple(self.target(n, t) for n, t in root.target.items()),
        )

    def module(self, table: grammar.ModuleTable, found: dict[str, list[Any]]) -> None:
        """Read ``[module]`` as the table of its kind."""
        name = table.name or os.path.basename(self.directory)
        at = ("module",)
        make: Any = getattr(self, table.kind)
        if table.kind == "net":
            for key in table.body.keys() - {"endpoints"}:
                self.wrong(
                    f"unknown key {key} in a module of kind net",
                    (*at, key),
                    "endpoints stand in [module.endpoints]",
                )
            endpoints = table.body.get("endpoints", {})
            body: Any = self._read(EndpointTable, endpoints, (*at, "endpoints"))
        else:
            body = self._read_one(KIND_TABLES[table.kind], table.body, at)
        if body is not None:
            found[table.kind].append(make(name, body, at))

    def _read(self, model: type[Model], data: Mapping[str, Any], at: Path) -> dict[str, Any]:
        """Read tables by name; those that cannot be read are left out."""
        made = {}
        for name, value in data.items():
            if not isinstance(value, dict):
                self.wrong(f"{name} must be a table, not {describe(value)}", (*at, name))
                continue
            if (one := self._read_one(model, value, (*at, name))) is not None:
                made[name] = one
        return made

    def _read_one(self, model: type[Model], data: Mapping[str, Any], at: Path) -> Any:
        from stead.values.errors import ManifestError

        def where(*path: str | int) -> Any:
            return self.where(*at, *path)

        try:
            return read_model(model, data, where, self.problems)
        except ManifestError:  # the mistakes are noted already
            return None

    # -- kinds

    def lib(self, name: str, table: LibTable, at: Path) -> Lib:
        for variable in table.accepts:
            self.check_name(variable, (*at, "accepts", variable))
        if table.connections and table.connections not in table.accepts:
            self.wrong(
                f"{table.connections} is not among what lib {name} accepts",
                (*at, "connections"),
                f"add {table.connections} to its accepts",
            )
        return Lib(
            name,
            tuple(self.declaration(n, t, (*at, "accepts", n)) for n, t in table.accepts.items()),
            table.prefix,
            table.connections,
            self.checks(table.checks, (*at, "checks"), f"lib {name}"),
            self.where(*at),
        )

    def host(self, name: str, table: HostTable, at: Path) -> Host:
        def offers(key: str) -> tuple[Offer, ...]:
            return tuple(
                Offer(n, str(v), self.where(*at, key, n)) for n, v in getattr(table, key).items()
            )

        limits = tuple(
            Limit(
                n,
                Type("", minimum=number(t.min), maximum=number(t.max)),
                self.where(*at, "limits", n),
            )
            for n, t in table.limits.items()
        )
        return Host(
            name,
            offers("ports"),
            offers("paths"),
            offers("data"),
            offers("secrets"),
            limits,
            self.directory,
            self.where(*at),
        )

    def net(self, name: str, table: Mapping[str, EndpointTable], at: Path) -> Net:
        return Net(
            name,
            tuple(
                self.endpoint(n, t, (*at, *(("endpoints",) if at == ("module",) else ()), n))
                for n, t in table.items()
            ),
            self.where(*at),
        )

    def endpoint(self, name: str, table: EndpointTable, at: Path) -> Endpoint:
        if bool(table.app) != bool(table.listener):
            self.wrong(
                f"endpoint {name} needs both app and listener, or neither",
                at,
                f'for example: {bare_or_quoted(name)} = {{ app = "viewer", listener = "WEB_PORT" }}',
            )
        if not table.app and not table.host:
            self.wrong(
                f"endpoint {name} says neither a host nor an app",
                at,
                f'for example: {bare_or_quoted(name)} = {{ host = "db.example.org", port = 5432 }}',
            )
        return Endpoint(
            name,
            table.host,
            str(table.port or ""),
            table.from_,
            table.tls,
            table.scheme,
            table.connections or None,
            table.app,
            table.listener,
            self.where(*at),
        )

    def data(self, name: str, table: DataTable, at: Path) -> Data:
        return Data(name, table.version, table.tag, table.description, self.where(*at))

    def client(self, name: str, table: ClientTable, at: Path) -> Client:
        return Client(
            name,
            table.uses,
            table.prefix,
            self.plain(table.values, at),
            table.tls,
            self.directory,
            self.where(*at),
        )

    def app(self, name: str, table: AppTable, at: Path) -> App:
        if table.run and table.processes:
            self.wrong(
                f"app {name} says both run and processes",
                (*at, "run"),
                "make the command one of the processes",
            )
        return App(
            name=name,
            clients=table.clients,
            libs=table.libs,
            data=self.plain(table.data, (*at, "data")),
            listen=self.plain(table.listen, (*at, "listen")),
            variables=self.variables(table.vars, (*at, "vars")),
            files=self.files(table.files, (*at, "files")),
            checks=self.checks(table.checks, (*at, "checks"), f"app {name}"),
            run=table.run,
            processes=tuple(table.processes.items()),
            base=self.directory,
            cwd=os.path.normpath(os.path.join(self.directory, table.cwd)) if table.cwd else "",
            description=table.description,
            origin=self.where(*at),
            environment=table.environment,
            commands=self.commands(name, table, at),
            release=table.release,
            health=self.health(table.health, (*at, "health"), f"app {name}"),
            places=tuple(
                (".".join(words), self.where(*at, *words))
                for words in (
                    *([("run",)] if table.run else []),
                    *(("processes", one) for one in table.processes),
                    *(("commands", one) for one in table.commands),
                )
            ),
        )

    # -- choices, files, checks, secrets

    def choice(self, table: grammar.ChooseTable | None, at: Path) -> Choice | None:
        if table is None:
            return None
        return Choice(table.app, table.host, table.net, self.where(*at, "choose"))

    def secrets_table(self, table: grammar.SecretsTable | None) -> SecretsTable | None:
        if table is None:
            return None
        if leaves(table.file):
            self.wrong(
                f'the file of secrets must lie in this directory, not at "{table.file}"',
                ("secrets", "file"),
            )
        return SecretsTable(table.recipients, table.file, self.directory, self.where("secrets"))

    def files(self, table: Mapping[str, str | FileTable], at: Path) -> tuple[RenderedFile, ...]:
        made = []
        for path, value in table.items():
            said = FileTable(template=value) if isinstance(value, str) else value
            if leaves(path) or not path.strip("./"):
                self.wrong(
                    f'a rendered file must lie in this directory; "{path}" does not', (*at, path)
                )
            # What says which variables are wanted may leave the format to the path's ending.
            chosen = bool(said.format or ((said.names or said.section) and not said.template))
            if bool(said.template) == chosen:
                self.wrong(
                    f"{path} needs either a template or a format",
                    (*at, path),
                    f'for example: {bare_or_quoted(path)} = "{os.path.basename(path)}.tmpl"',
                )
            if said.template and leaves(said.template):
                self.wrong(
                    f'a template must lie in this directory, not at "{said.template}"', (*at, path)
                )
            made.append(
                RenderedFile(
                    path,
                    said.template,
                    said.format or "",
                    said.names,
                    said.section,
                    self.directory,
                    self.where(*at, path),
                )
            )
        return tuple(made)

    def checks(self, table: Mapping[str, CheckTable], at: Path, by: str = "") -> tuple[Check, ...]:
        return tuple(
            check
            for name, t in table.items()
            if (check := self.check(name, t, (*at, name), by)) is not None
        )

    def check(self, name: str, table: CheckTable, at: Path, by: str) -> Check | None:
        said = {
            "path": table.path,
            "port": str(table.port),
            "url": table.url,
            "command": table.command,
            "space": str(table.space),
            "glibc": table.glibc,
            "cpu": table.cpu or table.cores,
            "gpu": table.gpu,
            "variable": table.variable,
            "run": table.run,
        }
        kinds: list[Any] = [kind for kind, value in said.items() if value]
        if len(kinds) != 1:
            self.wrong(
                f"check {name} must say one thing, not {' and '.join(kinds)}"
                if kinds
                else f"check {name} does not say what must hold, or that is empty",
                at,
                f'for example: {bare_or_quoted(name)} = {{ path = "data" }}',
            )
            return None
        kind = kinds[0]
        expect = {
            "path": table.is_ or "",
            "url": str(table.status or ""),
            "command": table.version,
            "space": str(table.space),
            "glibc": table.glibc,
            "cpu": str(table.cores or ""),
            "gpu": str(table.memory),
        }.get(kind, "")
        value = said[kind]
        subject = value if isinstance(value, str) and kind not in ("space", "glibc") else ""
        if kind == "port" and subject.isdigit():
            subject = f"localhost:{subject}"
        if kind == "space":
            subject = table.at or "."
        return Check(
            name,
            kind,
            subject,
            {"command": table.command, "run": table.run, "cpu": table.cpu}.get(kind, ()),
            expect,
            table.message,
            table.timeout,
            self.directory,
            by,
            self.where(*at),
        )
