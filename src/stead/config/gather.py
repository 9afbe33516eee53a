"""From modules and files to one slot for each variable: all that declare and define it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.config.ranks import Given, Slot
from stead.config.recipes import settings
from stead.config.report import listed, suggestion
from stead.config.types import check_type
from stead.values.frozen import replace
from stead.values.kinds import TEXT, TYPES, Type
from stead.values.table import Definition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.config.modules import Chosen, Modules
    from stead.config.report import Report
    from stead.values.kinds import App, Client, Declaration, Lib
    from stead.values.manifest import Variable
    from stead.values.origin import Origin
    from stead.values.selection import Selection
    from stead.values.spec import Configuration
    from stead.values.table import Rank

Elsewhere = dict[tuple[str, str], list[Definition]]

_UNLIMITED = {name: name for name in TYPES if name != "enum"}

PLACE = "[vars]"
"""Who declares what the place's own tables do, in words."""


def gather(
    configuration: Configuration,
    selection: Selection,
    modules: Modules,
    *,
    chosen: Chosen,
    ambient: Mapping[str, str],
    report: Report,
) -> tuple[dict[str, Slot], Elsewhere]:
    """Give a slot for each variable that is declared or defined, by name.

    And, by app and name, what settings say of apps that are not the chosen one.
    """
    gathering = _Gathering(modules, chosen, report)
    for lib in modules.libs.values():
        for declared in lib.accepts:
            gathering.check(declared, f"lib {lib.name}")
    for client in chosen.clients:
        gathering.client(client)
    for lib in chosen.libs:
        gathering.lib(lib, None, "", asked=True)
    for lib in chosen.idle:
        gathering.lib(lib, None, "", asked=False)
    for declared in configuration.declarations:
        gathering.check(declared, PLACE)
        gathering.declare(declared.name, declared, PLACE, None)
        if declared.required:
            gathering.slot(declared.name).required.append((PLACE, declared.origin))
    if chosen.app is not None:
        gathering.app(chosen.app)
    for definition in configuration.definitions:
        if not (selection.deploy and definition.rank == ".env"):
            gathering.slot(definition.name).given.append(Given(definition))
    if chosen.recipe is not None:
        target = chosen.target.name if chosen.target else ""
        gathering.settings(settings(chosen.recipe, target))
    for name in sorted(set(configuration.adopt)):
        if name in ambient:
            value = Definition(name, ambient[name], "adopted", by="the calling shell")
            gathering.slot(name).given.append(Given(value))
    gathering.settings(selection.settings)
    return gathering.slots, gathering.elsewhere


class _Gathering:
    def __init__(self, modules: Modules, chosen: Chosen, report: Report) -> None:
        self.slots: dict[str, Slot] = {}
        self._modules = modules
        self._chosen = chosen
        self._report = report
        self.elsewhere: Elsewhere = {}
        self._senseless: set[int] = set()
        self._applying = {client.name for client in chosen.clients}
        self._accepted: dict[str, frozenset[str]] = {}
        self._exported: dict[tuple[str, str], dict[str, None]] = {}
        self._taken: set[tuple[str, str]] = set()

    def slot(self, name: str) -> Slot:
        found = self.slots.get(name)
        if found is None:
            found = self.slots[name] = Slot(name)
        return found

    def check(self, declared: Declaration, by: str) -> None:
        """Report limits that make no sense; they are not held then."""
        if declared.type is TEXT or declared.type == TEXT:
            return
        faults = check_type(declared.type)
        if faults:
            self._senseless.add(id(declared))
        for fault in faults:
            self._report.add(
                f"the type of {declared.name}, which {by} declares, makes no sense: {fault}",
                declared.origin,
                remedy="leave that limit out, or take another type",
            )

    def client(self, client: Client) -> None:
        lib = self._modules.libs.get(client.uses)
        if lib is None:
            return
        prefix = client.prefix
        if prefix and not lib.prefix:
            self._report.add(
                f"client {client.name} gives its variables the prefix {prefix}, "
                f"which lib {lib.name} cannot take",
                client.origin,
                remedy=f"say prefix = true in [lib.{lib.name}] if its code can, "
                "or leave the prefix out",
            )
            prefix = ""
        scope = self.lib(lib, client, prefix, asked=True)
        for variable in client.values:
            if self._accepts(lib, variable.name):
                self.give(
                    variable, prefix + variable.name, "client", f"client {client.name}",
                    base=client.base, scope=scope,
                )  # fmt: skip
            else:
                self._not_accepted(f"client {client.name}", variable.name, lib, variable.origin)

    def lib(
        self, lib: Lib, client: Client | None, prefix: str, *, asked: bool
    ) -> Mapping[str, str] | None:
        """Declare what a lib accepts under a prefix; gives what names mean there."""
        scope = {d.name: prefix + d.name for d in lib.accepts} if prefix else None
        first = (lib.name, prefix) not in self._taken
        self._taken.add((lib.name, prefix))
        who, where = (
            (f"client {client.name}", client.origin) if client else (f"lib {lib.name}", lib.origin)
        )
        for declared in lib.accepts:
            name = prefix + declared.name
            if first:
                self.declare(name, declared, f"lib {lib.name}", scope)
            slot = self.slot(name)
            slot.exports.append((client, lib, declared.name))
            self._exported.setdefault((lib.name, declared.name), {})[name] = None
            if asked and declared.required:
                slot.required.append((who, where))
        return scope

    def declare(
        self,
        name: str,
        declared: Declaration,
        by: str,
        scope: Mapping[str, str] | None,
    ) -> None:
        slot = self.slot(name)
        if id(declared) in self._senseless:
            name_of_type = declared.type.name
            declared = replace(declared, type=Type(_UNLIMITED.get(name_of_type, "str")))
        slot.declarations.append((declared, by))
        if declared.default is not None:
            default = Definition(
                name, declared.default, "lib default",
                by=by, base=declared.base,
                origin=declared.origin,
            )  # fmt: skip
            slot.given.append(Given(default, scope))

    def give(
        self,
        variable: Variable,
        name: str,
        rank: Rank,
        by: str,
        *,
        base: str,
        scope: Mapping[str, str] | None = None,
        role: str = "",
    ) -> None:
        if variable.declared is not None:
            self.check(variable.declared, by)
            self.declare(name, variable.declared, by, scope)
            if variable.declared.required:
                self.slot(name).required.append((by, variable.declared.origin))
            if variable.value is None:
                return
        definition = _definition(variable, name, rank, by, base)
        self.slot(name).given.append(Given(definition, scope, role))

    def app(self, app: App) -> None:
        by = f"app {app.name}"
        for variable in app.variables:
            self.give(variable, variable.name, "app", by, base=app.base)
        for variable in app.listen:
            self.slot(variable.name).implied = "port"
            self.give(variable, variable.name, "app", by, base=app.base, role="listen")
        for variable in app.data:
            self.slot(variable.name).implied = "data"
            self.give(variable, variable.name, "app", by, base=app.base, role="data")

    def settings(self, given: Iterable[Definition]) -> None:
        """Take settings whose names may say for which module they are."""
        for definition in given:
            names, role = self._meant(definition)
            for name in names:
                own = Definition(
                    name, definition.value, definition.rank, definition.depth,
                    definition.by, definition.base, definition.origin,
                )  # fmt: skip
                self.slot(name).given.append(Given(own, role=role))

    def _meant(self, definition: Definition) -> tuple[list[str], str]:
        """Give the variables that ``NAME``, ``client.NAME``, ``app.NAME`` or ``lib.NAME`` mean.

        And ``own`` for what is for one app alone.
        """
        module, dot, name = definition.name.rpartition(".")
        if not dot:
            return [definition.name], ""
        modules, chosen = self._modules, self._chosen
        client, app = modules.clients.get(module), modules.apps.get(module)
        used = modules.libs.get(client.uses) if client else None
        if client and used and (self._accepts(used, name) or not app):
            if not self._accepts(used, name):
                self._not_accepted(definition.by, definition.name, used, definition.origin, name)
            elif client.name in self._applying:
                return [(client.prefix if used.prefix else "") + name], ""
            return [], ""
        if app:
            if app == chosen.app:
                return [name], "own"
            self.elsewhere.setdefault((app.name, name), []).append(definition)
            return [], ""
        lib = modules.libs.get(module)
        if lib:
            if not self._accepts(lib, name):
                self._not_accepted(definition.by, definition.name, lib, definition.origin, name)
                return [], ""
            return sorted(self._exported.get((lib.name, name), ())), ""
        known = [*modules.clients, *modules.apps, *modules.libs]
        self._report.add(
            f"{definition.by or '--set'} sets {definition.name}, "
            f"but no client, app or lib is named {module}",
            definition.origin,
            remedy=suggestion(module, known, "write the variable's name alone"),
        )
        return [], ""

    def _accepts(self, lib: Lib, name: str) -> bool:
        known = self._accepted.get(lib.name)
        if known is None:
            known = self._accepted[lib.name] = frozenset([d.name for d in lib.accepts])
        return name in known

    def _not_accepted(
        self, who: str, written: str, lib: Lib, where: Origin, name: str = ""
    ) -> None:
        known = [declared.name for declared in lib.accepts]
        self._report.add(
            f"{who or '--set'} sets {written}, which lib {lib.name} does not accept",
            where,
            remedy=suggestion(
                name or written,
                known,
                f"it accepts {listed(sorted(known))}" if known else "it accepts nothing",
            ),
        )


def _definition(variable: Variable, name: str, rank: Rank, by: str, base: str) -> Definition:
    return Definition(
        name, variable.value, rank, by=by, base=variable.base or base, origin=variable.origin
    )
