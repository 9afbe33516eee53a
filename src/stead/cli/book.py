"""`stead book`: which modules together answer which question."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from stead.cli import options

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli._modules import Project
    from stead.cli.app import App
    from stead.modules.adding import Plan
    from stead.modules.needs import Chosen
    from stead.modules.registry import Source
    from stead.values.book import Page

HELP = """Look up which modules together answer a question, and add them together.

A page is Markdown whose head names modules, their options and the question. There are the
project's own (book/*.md), those of registries, and the book that comes with Stead.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _action(actions, "list", "list the pages, and what they answer")
    options.json(listing)
    show = _action(actions, "show", "show a page")
    show.add_argument("name", metavar="NAME", help="the page, or REGISTRY/NAME")
    options.json(show)
    add = _action(actions, "add", "add a page's modules to this project: all of them, or none")
    add.add_argument("name", metavar="NAME", help="the page, or REGISTRY/NAME")
    add.add_argument("--plan", action="store_true", help="say what would be done, and end")
    options.json(add)
    test = _action(
        actions,
        "test",
        "test pages: each in a project of its own, where Stead is taken away and the modules' "
        "tests are run",
    )
    test.add_argument("names", nargs="*", metavar="NAME", help="the page, or REGISTRY/NAME")
    test.add_argument(
        "--all", action="store_true", help="every page, also of registries (default: the project's)"
    )
    test.add_argument(
        "--keep", default="", metavar="DIR", help="make the projects in DIR, and keep them"
    )
    options.json(test)


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
    )
    return made


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.cli._modules import finish, project_of, sources
    from stead.modules import book
    from stead.values.errors import ManifestError

    if args.action == "add" and not args.plan:
        finish(app)
    project = project_of(app)
    known = sources(project, app)
    pages, gone = book.pages(project.root, known)
    for error in gone:
        app.err(f"stead: {error}")
    if args.action == "list":
        return _list(args, app, pages)
    if args.action == "test":
        # A page that is none has no tests that could pass.
        wrong = any(isinstance(error, ManifestError) for error in gone)
        return _test(args, app, pages, known) or int(wrong and not args.names)
    page = book.named(pages, args.name)
    if args.action == "show":
        return _show(args, app, page)
    return _add(args, app, page, project, known)


def _list(args: argparse.Namespace, app: App, pages: tuple[Page, ...]) -> int:
    if args.json:
        app.out_json([_value(page) for page in pages])
        return 0
    width = max((len(_called(page)) for page in pages), default=0)
    for page in pages:
        app.out(f"{_called(page):<{width}}  {_shown(page.question)}")
    if not pages:
        app.err("stead: the book has no pages")
    return 0


def _called(page: Page) -> str:
    return f"{page.source}/{page.name}" if page.source else page.name


def _value(page: Page) -> dict[str, object]:
    return {
        "name": page.name,
        "source": page.source,
        "question": page.question,
        "modules": [
            {
                "name": one.name,
                "registry": one.registry,
                "version": one.version,
                "options": dict(one.options),
            }
            for one in page.modules
        ],
    }


def _shown(text: str) -> str:
    """Keep what comes from elsewhere from telling the terminal what to do."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _show(args: argparse.Namespace, app: App, page: Page) -> int:
    if args.json:
        app.out_json({**_value(page), "text": page.text})
        return 0
    app.out(_shown(page.question))
    for one in page.modules:
        chosen = "".join(f" --{n} {v}" for n, v in one.options)
        version = f" {one.version}" if one.version else ""
        app.out(f"  {one.registry}{'/' * bool(one.registry)}{one.name}{version}{chosen}")
    app.out("")
    app.out(_shown(page.text.rstrip("\n")))
    return 0


def _add(
    args: argparse.Namespace, app: App, page: Page, project: Project, known: tuple[Source, ...]
) -> int:
    from stead.cli._module_add import as_json, show
    from stead.cli._modules import alone, modules
    from stead.modules import adding, book
    from stead.values.errors import UsageError

    with contextlib.nullcontext() if args.plan else alone(project, app):
        there = modules(project)
        chosen = book.combination(
            page, known, lambda name: there[name][1].came if name in there else None
        )
        for one in page.modules:
            if one.name in there:
                came = there[one.name][1].came
                app.err(f"stead: {one.name} {came.version} is here already, and stays as it is")
        if not chosen:
            raise UsageError(
                f"all modules of {page.name} are here already",
                remedy="`stead module outdated` says whether there is something new",
            )
        plan = _planned(chosen, project, {n: path for n, (path, _) in there.items()})
        if not args.plan:
            adding.apply(plan, app.context, f"adding the modules of {page.name}")
    if args.json:
        app.out_json(as_json(plan))
    else:
        show(plan, args, app)
    return 1 if args.plan and plan.collide else 0


def _planned(chosen: tuple[Chosen, ...], project: Project, there: dict[str, str]) -> Plan:
    from stead.modules import adding

    return adding.plan(
        chosen,
        project.root,
        adding.reader(project.root),
        workspace=project.begins_workspace,
        modules=there,
    )


def _test(
    args: argparse.Namespace, app: App, pages: tuple[Page, ...], known: tuple[Source, ...]
) -> int:
    from stead.modules import book
    from stead.values.errors import UsageError

    if args.names and args.all:
        raise UsageError("--all goes without names", remedy="leave one of both out")
    wanted = [book.named(pages, name) for name in args.names]
    if not wanted:
        wanted = [p for p in pages if args.all or not p.source]
    if not wanted:
        raise UsageError(
            "this project's book has no pages",
            remedy="write book/NAME.md, name a page, or pass --all for those of registries",
        )
    failed, told = [], []
    for page in dict.fromkeys(wanted):
        value = _test_one(args, app, page, known)
        told.append(value)
        if not value["passed"]:
            failed.append(page)
    if args.json:
        app.out_json(told)
    elif len(told) > 1:
        app.out(f"{len(told) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def _test_one(
    args: argparse.Namespace, app: App, page: Page, known: tuple[Source, ...]
) -> dict[str, Any]:
    """Test one page in a project of its own, and tell of it."""
    import shutil
    import tempfile

    from stead.cli._modules import Project
    from stead.modules import adding, alone, book
    from stead.values.errors import UsageError

    kept = os.path.join(app.cwd, args.keep, _called(page).replace("/", "-")) if args.keep else ""
    if kept and os.path.lexists(kept):
        raise UsageError(f"{kept} is there already", remedy="name another directory with --keep")
    scratch = os.path.realpath(kept or tempfile.mkdtemp(prefix="stead-book-"))
    root = os.path.join(scratch, page.name)
    steps = []
    try:
        os.makedirs(root)
        plan = _planned(book.combination(page, known), Project(root, None), {})
        adding.apply(plan, app.context, f"trying {page.name}")
        for step in alone.test(root, plan.modules, scratch, sys.executable, app.context):
            steps.append(step)
            if not args.json and step.code:
                what = step.module or "all modules together"
                app.out(f"{_called(page)}: {what}: {' '.join(step.words)}: code {step.code}")
                for line in step.said:
                    app.out(f"  {line}")
    finally:
        if not kept:
            shutil.rmtree(scratch, ignore_errors=True)
    passed = all(not step.code for step in steps)
    if not args.json:
        seconds = sum(step.seconds for step in steps)
        names = ", ".join(m.name for m in plan.modules)
        app.out(f"{_called(page)}: {'passed' if passed else 'failed'} in {seconds:.1f} s ({names})")
    return {
        **_value(page),
        "passed": passed,
        "steps": [
            {
                "module": step.module,
                "command": list(step.words),
                "code": step.code,
                "seconds": round(step.seconds, 3),
                "said": list(step.said),
            }
            for step in steps
        ],
    }
