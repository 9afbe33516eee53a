"""`stead module add`: copy an item's source into the project."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import CollisionError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from stead.cli._modules import Project
    from stead.cli.app import App
    from stead.modules.adding import Plan
    from stead.modules.options import Ask
    from stead.modules.registry import Source
    from stead.values.item import Answer, Came, Item, Option

MORE = """Nothing is installed, and nothing that is there is overwritten: what would collide is
listed and refused. What the item needs is added with it. Any other option is one of the
item's: `--type loglog`. On a terminal, those that are not given are asked for."""

_TAKING = frozenset({"--at", "--set", "--options", "--registry", "--revision"})
_PLAIN = frozenset({"--plan", "--json", "--beside", "--defaults", "-h", "--help"})


def configure(parser: argparse.ArgumentParser) -> None:
    from stead.cli._modules import registry

    parser.add_argument(
        "names", metavar="NAME", nargs="+", help="the item, or REGISTRY/NAME; several one by one"
    )
    parser.add_argument(
        "--at", default="", metavar="DIR", help="the module's directory (default: modules/NAME)"
    )
    registry(parser)
    parser.add_argument(
        "--revision", default="", metavar="VERSION", help="the item's version (default: the latest)"
    )
    parser.add_argument(
        "--set",
        dest="given",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="answer an option of the item, also one that is called like an option here",
    )
    parser.add_argument(
        "--options", default="", metavar="FILE", help="read the item's options from this TOML file"
    )
    parser.add_argument("--defaults", action="store_true", help="take the defaults and ask nothing")
    parser.add_argument(
        "--beside",
        action="store_true",
        help="write FILE.NAME-new where FILE is there already",
    )
    parser.add_argument("--plan", action="store_true", help="say what would be done, and end")
    options.json(parser)


def split(
    words: Sequence[str], taking: frozenset[str] = _TAKING, plain: frozenset[str] = _PLAIN
) -> tuple[list[str], list[tuple[str, Answer]]]:
    """Part the words into those of the command and the item's options with their answers.

    ``taking`` are options of the command that take a value, ``plain`` those that take none.
    """
    kept: list[str] = []
    answers: list[tuple[str, Answer]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, sign, value = word.partition("=")
        if name in plain or name in taking or not word.startswith("--") or word == "--":
            kept.append(word)
            if name in taking and not sign and rest:
                kept.append(rest.pop(0))
        elif sign:
            answers.append((name[2:], value))
        elif rest and not rest[0].startswith("--"):
            answers.append((name[2:], rest.pop(0)))
        else:
            answers.append((name[2:], True))
    return kept, answers


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import finish, project_of, sources
    from stead.modules import needs

    _refuse_shared(args)
    if not args.plan:
        finish(app)
    project = project_of(app)
    known = sources(project, app)
    asked = []
    for word in dict.fromkeys(args.names):
        registry, _, name = word.rpartition("/")
        source = needs.find(known, name, args.registry or registry)
        asked.append((source, source.item(name, args.revision)))
        # One that is there already is told before any other is added.
        _Present(project, asked[-1][1], _directory(args.at, app.cwd, project))
    plans = []
    for source, item in asked:
        plans.append(_add(source, item, known, args, app))
        if not args.json:
            show(plans[-1], args, app)
    if args.json:
        told = [as_json(plan) for plan in plans]
        app.out_json(told[0] if len(told) == 1 else {"plans": told})
    return 1 if args.plan and any(plan.collide for plan in plans) else 0


def _refuse_shared(args: argparse.Namespace) -> None:
    """Raise UsageError for options that can be meant of one item alone, where there are several."""
    own = {"--at": args.at, "--revision": args.revision, "--options": args.options}
    used = [name for name, value in own.items() if value]
    used += [f"--set {text}" for text in args.given] + [f"--{name}" for name, _ in args.answers]
    if used and len(args.names) > 1:
        raise UsageError(
            f"of which of {', '.join(args.names)} is {used[0]} meant?",
            remedy="add that one by itself",
        )


def _add(
    source: Source, item: Item, known: Sequence[Source], args: argparse.Namespace, app: App
) -> Plan:
    """Add one item with all that it needs, or plan it."""
    from stead.cli._modules import alone, project_of, recorded
    from stead.modules import adding, needs

    project = project_of(app)  # the one before may have begun it
    at = _directory(args.at, app.cwd, project)
    there = _Present(project, item, at)
    chosen = needs.gather(
        known,
        source,
        item,
        given_of(args, app.cwd),
        ask=_asker(args, app),
        there=there.came,
    )

    def planned() -> Plan:
        return adding.plan(
            chosen,
            project.root,
            adding.reader(project.root),
            at=at,
            workspace=project.begins_workspace,
            beside=args.beside,
            modules=there.directories,
        )

    if args.plan:
        return planned()
    with alone(project, app):
        plan = planned()
        with recorded(app, project) as beside:
            adding.apply(plan, app.context, f"adding the module {item.name}", beside=beside)
    return plan


class _Present:
    """Which modules the project has, looked up only where it matters."""

    def __init__(self, project: Project, item: Item, at: str) -> None:
        from stead.modules import adding, record

        self._project = project
        self.directories: dict[str, str] = {}
        for directory in dict.fromkeys((at, f"{adding.MODULES}/{item.name}")):
            held = record.read(os.path.join(project.root, directory)) if directory else None
            if held is not None and (held.came.item == item.name or directory == at):
                raise CollisionError(
                    f"{directory} holds {held.came.item} {held.came.version} already",
                    where=project.root,
                    remedy=f"`stead module diff {held.came.item}` shows what was changed in it, "
                    "`stead module update` brings what is new",
                )

    @cached_property
    def _found(self) -> dict[str, tuple[str, Came]]:
        from stead.cli._modules import modules

        return {n: (path, held.came) for n, (path, held) in modules(self._project).items()}

    def came(self, name: str) -> Came | None:
        found = self._found.get(name)
        if found is None:
            return None
        self.directories[name] = found[0]
        return found[1]


def _directory(at: str, cwd: str, project: Project) -> str:
    """Give ``--at`` relative to the project, with slashes. Raises UsageError for one outside."""
    if not at:
        return ""
    full = os.path.normpath(os.path.join(os.path.realpath(cwd), at))
    relative = os.path.relpath(full, project.root).replace(os.sep, "/")
    # Hidden directories are not looked into for modules.
    if relative.startswith(".") or "/." in relative or os.path.isabs(relative):
        raise UsageError(
            f"--at {at} is not a directory inside {project.root}",
            remedy="name one in the project, not hidden, which the module has for itself",
        )
    return relative


def given_of(args: argparse.Namespace, cwd: str) -> dict[str, Answer]:
    """Collect the answers: of the file, then of ``--set``, then of the item's own options."""
    found: dict[str, Answer] = {}
    if args.options:
        found |= _from_file(os.path.join(cwd, args.options))
    for text in args.given:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"--set takes OPTION=VALUE, not {text!r}", remedy="write --set a=b")
        found[name] = value
    return found | dict(args.answers)


def _from_file(path: str) -> dict[str, Answer]:
    from stead.formats.toml_lines import parse
    from stead.values.errors import ManifestError
    from stead.values.origin import Origin

    try:
        with open(path, encoding="utf-8") as file:
            data, lines = parse(file.read(), path)
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"the file of options cannot be read: {exc}", remedy="correct --options FILE"
        ) from exc
    for name, value in data.items():
        if not isinstance(value, str | int | float):
            raise ManifestError(
                f"the option {name} must be a text, a number or a truth value",
                where=Origin(path, lines.at(name)),
                remedy=f'for example: {name} = "loglog"',
            )
    return data


def _asker(args: argparse.Namespace, app: App) -> Ask | None:
    if args.defaults or args.plan or args.json or not app.interactive:
        return None

    def ask(option: Option, wrong: str) -> str | None:
        shown = f" [{option.default}]" if option.default is not None else ""
        if wrong:
            app.err(f"stead: {wrong}")
        elif option.choices:
            app.err(f"{option.name}: {', '.join(option.choices)}")
        question = option.question or option.description or option.name
        print(f"{question}{shown} ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:  # the terminal is closed: nothing more will come
            return None
        return line.strip()

    return ask


def show(plan: Plan, args: argparse.Namespace, app: App) -> None:
    """Say to people what was added, or would be."""
    planned = args.plan
    for module in plan.modules:
        came = module.chosen.came
        by = f", needed by {module.chosen.needed_by}" if module.chosen.needed_by else ""
        chosen = "".join(f" --{n} {v}" for n, v in module.chosen.options)
        app.out(
            f"{'would add' if planned else 'added'} {came.item} {came.version} from "
            f"{came.registry}{by}: {module.directory}{chosen}"
        )
    for word, paths in (("create", plan.create), ("change", plan.edit)):
        for path in _told(paths, plan, planned=planned):
            app.out(f"  {word if planned else word + 'd'} {path}")
    for path, instead in plan.beside:
        app.out(f"  {path} is there: {'would go' if planned else 'went'} to {instead}")
    for path in plan.collide:
        app.out(f"  in the way: {path}")
    for note in plan.notes:
        app.err(f"stead: {note}")
    expected = [line for m in plan.modules for line in m.chosen.item.expects]
    if expected:
        app.out("It expects:")
        for line in expected:
            app.out(f"  {line}")
    if not planned:
        _next(plan, app)


def _told(paths: Sequence[str], plan: Plan, *, planned: bool) -> list[str]:
    """Give what is worth saying: once it is done, no more what is in the modules."""
    from stead.modules import record

    modules = tuple(f"{m.directory}/" for m in plan.modules)
    records = tuple(f"{m.directory}/{record.DIRECTORY}/" for m in plan.modules)
    if not planned:
        return [path for path in paths if not path.startswith(modules)]
    whole = [path for path in paths if not path.startswith(records)]
    return [*whole, *(one for one in records if any(path.startswith(one) for path in paths))]


def _next(plan: Plan, app: App) -> None:
    module = plan.modules[-1]
    item = module.chosen.item
    if module.part is not None:
        runs = item.name in dict(module.part.scripts)
        tests = any(file.path.startswith("tests/") for file in item.files)
    else:
        runs, tests = bool(item.commands.run), bool(item.commands.test)
    said = [f"`stead run {item.name}` runs it on its own data"] if runs else []
    said += [f"`stead test --module {item.name}` tests it"] if tests else []
    if said:
        app.err(f"next: {', '.join(said)}")


def as_json(plan: Plan) -> dict[str, object]:
    """Give a plan for programs."""
    return {
        "root": plan.root,
        "modules": [
            {
                "name": m.name,
                "version": m.chosen.item.version,
                "kind": m.chosen.item.kind,
                "registry": m.chosen.came.registry,
                "location": m.chosen.came.location,
                "commit": m.chosen.came.commit,
                "integrity": m.chosen.item.integrity,
                "directory": m.directory,
                "options": dict(m.chosen.options),
                "needed_by": m.chosen.needed_by,
                "expects": m.chosen.item.expects,
            }
            for m in plan.modules
        ],
        "create": plan.create,
        "edit": plan.edit,
        "collide": plan.collide,
        "beside": [{"path": path, "instead": instead} for path, instead in plan.beside],
        "notes": plan.notes,
    }
