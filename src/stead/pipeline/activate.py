"""activate: a build and a configuration to the changes that a process gets."""

from __future__ import annotations

import json
import os

from stead.config.clean import leading_changes
from stead.shells.state import ENVIRONMENT, PLACE, undo
from stead.store.atomic import write_file
from stead.values.activation import Activation, Change, apply
from stead.values.digest import plain
from stead.values.frozen import replace
from stead.values.manifest import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.kinds import App
    from stead.values.platform import Platform
    from stead.values.spec import Spec
    from stead.values.table import Table


def activate(
    spec: Spec,
    table: Table,
    build: Path | None,
    *,
    interpreter: Interpreter | None,
    ecosystems: Sequence[str],
    inputs: tuple[str, ...],
    absent: tuple[str, ...],
    requires: tuple[str, ...] = (),
    modules: tuple[tuple[str, str], ...] = (),
    context: Context,
) -> Activation:
    """Compute an environment's activation.

    The order is: what of the caller must not leak in, the build's programs, what
    the packages themselves ask for, the place's own code, its variables, and
    ``stead.project``. Variables that are secret are not among them: a process gets
    them when it starts.
    ``inputs``, ``absent`` and ``requires`` are what the activation depends on
    besides the build; ``modules`` are names and directories of used modules.
    """
    from stead.config.outcome import to_changes

    changes = list(leading_changes(str(context.home)))
    if build is not None:
        separator = spec.platform.path_separator
        changes += [
            Change("prepend", "PATH", directory, separator)
            for directory in reversed(program_directories(str(build), spec.platform, ecosystems))
        ]
        changes += build_changes(build, ecosystems, context)
    own, kept = _project(spec, table, modules, context)
    separator = spec.platform.path_separator
    if spec.configuration.modules:
        path = separator.join(spec.configuration.modules)
        changes.append(Change("set", "PYTHONPATH", path))
    changes.append(Change("set", PLACE, spec.place))
    changes.append(Change("set", ENVIRONMENT, spec.environment))
    changes += own
    changes += to_changes(table, separator)
    # Last of all, so that a project's own `stead` is found before what is there.
    changes += [Change("append", "PYTHONPATH", code, separator) for code in kept[1:]]
    needed = [*requires, *([str(build)] if build is not None else []), *kept]
    held, missing = _paths_of_checks(table)
    needed += held
    if interpreter is not None:
        needed.append(interpreter.path)
    return Activation(
        place=spec.place,
        root=spec.root,
        environment=spec.environment,
        changes=tuple(changes),
        build=str(build) if build else "",
        requires=tuple(needed),
        inputs=inputs,
        absent=(*absent, *missing),
        tasks=(*own_tasks(spec, table), *app_tasks(spec, table)),
        needs_python=needs_python(
            table, spec, build=str(build or ""), changes=changes, missing=missing, context=context
        ),
        digest=spec.digest,
    )


def own_tasks(spec: Spec, table: Table) -> tuple[Task, ...]:
    """Give the place's tasks. One that has an app's name runs with that app's configuration: where
    this is another's, that is left to Python, by saying an environment.
    """
    others = {a.name for a in spec.configuration.kinds.apps if a != table.app}
    return tuple(
        replace(t, environment=spec.environment) if t.name in others and not t.environment else t
        for t in spec.tasks
    )


def app_tasks(spec: Spec, table: Table) -> tuple[Task, ...]:
    """Give the commands of apps as tasks of their names, and ``APP:NAME`` of each process and one-off.

    An app with processes is a task without a command: they start side by side. Of the app whose configuration this is; that another one is named is left to Python,
    by saying an environment.
    """
    taken = {t.name for t in spec.tasks}
    made = []
    for app in spec.configuration.kinds.apps:
        other = "" if table.app is not None and table.app.name == app.name else spec.environment
        if app.environment and app.environment != spec.environment:
            other = app.environment
        parts = [(f"{app.name}:{name}", command) for name, command in app.processes]
        once = [(f"{app.name}:{name}", command) for name, command in app.commands]
        commands = [(app.name, app.run), *parts] if app.run or parts else []
        commands += once
        made += [
            Task(
                name,
                command,
                () if command else tuple(n for n, _ in parts),
                environment=other,
                cwd=app.cwd or app.base,
                description=app.description,
                origin=app.origin,
                listens=ports_of(app, table) if name == app.name and not other else (),
            )
            for name, command in commands
            if name not in taken
        ]
    return tuple(made)


def ports_of(app: App, table: Table) -> tuple[int, ...]:
    """Give the ports that an app is to listen on."""
    entries = (table.entry(variable.name) for variable in app.listen)
    found = (str(entry.value) for entry in entries if entry is not None)
    return tuple(int(text) for text in found if text.isdigit())


def needs_python(
    table: Table,
    spec: Spec,
    *,
    build: str,
    changes: Sequence[Change],
    missing: Sequence[str],
    context: Context,
) -> str:
    """Say why a process of this environment cannot start without Python; empty when it can.

    ``changes`` are those of the activation, ``missing`` paths that checks want and
    that are not there. What the machine is, is looked at here: where it is not as
    it must be, each run says so. No program is started.
    """
    for entry in table.entries:
        if entry.secret:
            return f"{entry.name} is a secret, which is looked up when a process starts"
    if missing:
        return f"{missing[0]} must be there, and is not"
    others = [c for c in table.checks if c.kind != "path"]
    if not others:
        return ""
    from stead.config.checks import evaluate, is_live
    from stead.pipeline.held import held_before, program_in_build, sign

    seen = held_before(context.home, spec.place, spec.environment)
    fixed = []
    for check in others:
        program = program_in_build(check, build, changes, spec.platform)
        if program and sign(check, program) in seen:
            continue
        # One that nobody declares can come from the caller alone.
        strange = check.kind == "variable" and table.entry(check.subject) is None
        if strange or check.kind == "command" or is_live(check):
            return f"the check {check.name} is made whenever a process starts"
        fixed.append(check)
    environ = apply(changes, undo(context.environ))
    for result in evaluate(
        fixed, table=table, environ=environ, platform=spec.platform, run=context.run
    ):
        if not result.ok:
            return f"the check {result.check.name} does not hold"
    return ""


def _paths_of_checks(table: Table) -> tuple[list[str], list[str]]:
    """Give the paths that checks want: those that are there, and those that are not."""
    if not table.checks:
        return [], []
    from stead.config.checks import static_paths

    wanted = static_paths(table.checks)
    held = [path for path in wanted if os.path.exists(path)]
    return held, [path for path in wanted if path not in held]


def _project(
    spec: Spec, table: Table, modules: tuple[tuple[str, str], ...], context: Context
) -> tuple[list[Change], tuple[str, ...]]:
    """Give what tells code of its project: variables, and what must be there for that.

    These are the file that describes the place, and a directory for Python's path.
    Nothing for a place that declares neither paths nor types nor modules.
    """
    if not (table.paths or modules or any(e.declared for e in table.entries)):
        return [], ()
    from stead.config import project
    from stead.store.runtime import keep_description, runtime_directory

    host = next((h for h in spec.configuration.kinds.hosts if h.name == table.selection.host), None)
    description = project.describe(
        root=spec.root,
        place=spec.place,
        environment=spec.environment,
        entries=table.entries,
        paths=table.paths,
        data=tuple((o.name, o.value) for o in host.data) if host else (),
        modules=modules,
    )
    file = keep_description(context.home, spec.place, spec.environment, project.text(description))
    changes = [Change("set", project.VARIABLE, file)]
    changes += [Change("set", name, path) for name, path in project.locations(description)]
    return changes, (file, runtime_directory(context.home))


def program_directories(
    build: str, platform: Platform, ecosystems: Sequence[str]
) -> tuple[str, ...]:
    """List the directories of a build that hold programs, in the order of ``PATH``."""
    if not platform.is_windows:
        return (os.path.join(build, "bin"),)
    if "conda" not in ecosystems:
        return (f"{build}\\Scripts",)
    return (
        build,
        f"{build}\\Library\\mingw-w64\\bin",
        f"{build}\\Library\\usr\\bin",
        f"{build}\\Library\\bin",
        f"{build}\\Scripts",
        f"{build}\\bin",
    )


def build_changes(build: Path, ecosystems: Sequence[str], context: Context) -> tuple[Change, ...]:
    """Give what the packages of a build ask for, computed once and kept beside the store."""
    kept = context.home / "activations" / f"{build.name}.json"
    try:
        with open(kept, encoding="utf-8") as file:
            return tuple(Change(**c) for c in json.load(file))
    except (OSError, ValueError, TypeError):
        pass
    from stead.ecosystems import ecosystem

    changes = tuple(c for name in ecosystems for c in ecosystem(name).activation(build, context))
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_file(kept, json.dumps(plain(changes)).encode())
    return changes
