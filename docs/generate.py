"""Make the reference pages from the program: run `python docs/generate.py`.

What is generated: commands from their parsers, files from the table of formats,
errors from their classes, `stead.toml` from its grammar, items from the shipped registry. A test holds the pages
to what this gives.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
import sys
from pathlib import Path

from stead.cli import errors as rendering
from stead.cli import main as program
from stead.deploy import schemas as deploy_schemas
from stead.formats import known, schema
from stead.matrix import schemas
from stead.matrix.reports import as_json
from stead.modules.registry import opening
from stead.remote import schemas as remote_schemas
from stead.values import errors

REFERENCE = Path(__file__).resolve().parent / "reference"
_MADE = "<!-- Generated from {}: python docs/generate.py -->"

GROUPS = {
    "A place": ("init", "add", "remove", "lock", "build", "run", "status"),
    "Modules": ("use", "work", "module", "install", "registry", "book"),
    "Looking": ("env", "tree", "why"),
    "Testing and packaging": ("test", "package", "publish"),
    "Deploying": ("deploy", "node"),
    "Configuration": ("set", "unset", "check", "explain", "config", "secret", "typings"),
    "History": ("log", "diff", "undo", "redo", "rollback", "pin", "history", "adopt", "restore"),
    "Transactions": ("shell", "commit", "abort", "savepoint", "keep"),
    "At hand everywhere": ("hook", "completion", "trust", "launcher", "kernel"),
    "Other tools": ("import", "export", "schema"),
    "The store": ("gc", "store"),
    "The store server": ("serve", "worker", "remote", "push", "pull"),
}

LANGUAGES = {
    "python": "Python",
    "node": "TypeScript for Node",
    "rust": "Rust",
    "none": "no language",
}

_REPORT = """\
What a run leaves for programs to read. `version` is raised when a field goes away or changes
its meaning; new fields may come at any time. All fields are always there; text that a run has
nothing to say for is empty."""


def pages() -> dict[Path, str]:
    """Give every generated page with its text."""
    return {
        REFERENCE / "commands.md": commands(),
        REFERENCE / "files.md": files(),
        REFERENCE / "errors.md": error_classes(),
        REFERENCE / "stead-toml.md": schema.markdown(),
        REFERENCE / "stead-item.md": schema.markdown("stead-item.toml"),
        REFERENCE / "test-json.md": schemas.markdown(),
        REFERENCE / "deploy-json.md": deploy_schemas.markdown(),
        REFERENCE / "remote-json.md": remote_schemas.markdown(),
        REFERENCE / "test-report.md": test_report(),
        REFERENCE / "shipped-items.md": shipped_items(),
    }


def test_report() -> str:
    """Describe the JSON report of a test run, with its schema."""
    parts = [
        "# The JSON report of a test run",
        _MADE.format("the fields of the report"),
        _REPORT,
        as_json.markdown().rstrip(),
        "## As JSON Schema",
        f"```json\n{json.dumps(as_json.schema(), indent=2)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def commands() -> str:
    """Describe every command with its arguments and options."""
    parts = [
        "# Commands",
        _MADE.format("the argument parsers"),
        "`stead [-C DIR] COMMAND …`",
        "Options before the command:",
        _table(
            [
                ("`-C DIR`", "work as if started in DIR"),
                ("`-V`, `--version`", "print the version"),
                ("`-h`, `--help`", "list the commands; after a command, describe it"),
            ]
        ),
        (
            "Results go to standard output; progress, notes and errors to standard error. What an "
            "exit code means stands in [errors and exit codes](errors.md). Every command also takes "
            "`-h` and `--help`."
        ),
    ]
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(program.COMMANDS), "a command has no group in docs/generate.py"
    for group, names in GROUPS.items():
        parts.append(f"## {group}")
        for name in names:
            parts += _command(name)
    return _page(parts)


def _command(name: str) -> list[str]:
    parser = program.parser_of(name)
    text = _prose((parser.description or "").strip())
    parts = [f"### `stead {name}`", _usage(parser), text, *_arguments(parser)]
    for action in program.shown_of(parser):
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                parts += [f"#### `{sub.prog}`", _usage(sub), sub.description or ""]
                parts += _arguments(sub)
    return [p for p in parts if p]


def _prose(text: str) -> str:
    """Keep what is laid out by spaces as it is: such paragraphs become literal blocks."""
    parts = []
    for part in re.split(r"\n\s*\n", text):
        laid_out = all(line.startswith("  ") for line in part.splitlines())
        lines = part.splitlines()
        parts.append(
            "```text\n" + "\n".join(line[2:] for line in lines) + "\n```" if laid_out else part
        )
    return "\n\n".join(parts)


def _usage(parser: argparse.ArgumentParser) -> str:
    """Write the usage line; argparse's own differs between versions of Python."""
    words = [parser.prog]
    exclusive = {
        id(action): group
        for group in parser._mutually_exclusive_groups
        for action in group._group_actions
    }
    done: set[int] = set()
    for action in program.shown_of(parser):
        if isinstance(action, argparse._HelpAction) or id(action) in done:
            continue
        group = exclusive.get(id(action))
        members = group._group_actions if group else [action]
        done |= {id(a) for a in members}
        text = " | ".join(_in_usage(a) for a in members)
        words.append(f"[{text}]" if action.option_strings else text)
    return f"`{' '.join(words)}`"


def _in_usage(action: argparse.Action) -> str:
    if action.option_strings:
        return " ".join([action.option_strings[0], *_value(action)])
    (name,) = _value(action) or [str(action.dest)]
    if action.nargs == "?":
        return f"[{name}]"
    if action.nargs == "*":
        return f"[{name} …]"
    return f"{name} …" if action.nargs == "+" else name


def _value(action: argparse.Action) -> list[str]:
    if action.nargs == 0:
        return []
    if isinstance(action, argparse._SubParsersAction):
        return [str(action.metavar or "ACTION")]
    name = str(action.metavar or (not action.choices and action.dest) or "")
    if not action.metavar and action.option_strings:
        name = name.upper()
    if not name and action.choices:
        name = "|".join(map(str, action.choices))
    elif not action.option_strings and not action.metavar:
        name = name.upper()
    return [f"[{name}]" if action.nargs == "?" and action.option_strings else name]


def _arguments(parser: argparse.ArgumentParser) -> list[str]:
    rows = []
    for action in program.shown_of(parser):
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        value = " ".join(_value(action)).replace("|", "\\|")
        names = [f"`{f'{n} {value}'.strip()}`" for n in action.option_strings] or [f"`{value}`"]
        text = (action.help or "").replace("|", "\\|")
        if action.choices and action.metavar is None and not action.option_strings:
            text = text or "what to look at"
        rows.append((", ".join(names), text))
    return [_table(rows)] if rows else []


def files() -> str:
    """Describe which files make a directory a place, and which of two counts."""
    doc = inspect.getdoc(known) or ""
    intro, _, rest = doc.partition("\n\n")
    by_module: dict[str, list[str]] = {}
    for name in known.NAMES:
        by_module.setdefault(known._MODULES[name], []).append(name)
    rows = []
    for module, names in by_module.items():
        rows.append((_names(names), _summary(module)))
    layers = [
        (f"`{shape.format('NAME')}`", _summary(module)) for shape, module in known._LAYER_FILES
    ]
    parts = [
        "# Which files count",
        _MADE.format("the table of formats"),
        f"{intro} {rest.strip()}".replace("``", "`").replace(
            "`stead export`", "[`stead export`](commands.md#stead-export)"
        ),
        (
            "`stead status` names the files that were read. Files that belong to another user do "
            "not count, unless that user is root; `status` names these too."
        ),
        "## In order of precedence",
        _table(rows, ("file", "what it is")),
        "## Files that define a layer",
        (
            "These are read where the environment's name contains the layer: "
            "`requirements-test.txt` for `stead run -e test …`."
        ),
        _table(layers, ("file", "what it is")),
        (
            "`[layer.NAME]` in `stead.toml`, extras and groups in `pyproject.toml`, categories in "
            "`conda-lock.yml`, and extras and groups in `pylock.toml` define layers as well."
        ),
        "## Which directories are looked at",
        (
            "From where you stand up to the workspace root, and no others. The root is the nearest "
            "directory above with `[workspace]`; without one, that with `.git`, `.hg` or `.jj`; "
            "without one, the topmost with a `stead.toml`. The home directory, what is above it, and "
            "other file systems are never part of it. [Workspaces](../how-to/workspaces.md) says "
            "what is inherited."
        ),
        "## How each is read",
    ]
    for module, names in by_module.items():
        body = _body(module)
        if body:
            parts += [f"### {_names(names)}", body]
    return _page(parts)


def _names(names: list[str]) -> str:
    """Name a format's files; those with a platform in the name as one."""
    shown = dict.fromkeys(
        re.sub(rf"\b({'|'.join(known.PLATFORMS)})\b", "PLATFORM", name) for name in names
    )
    return ", ".join(f"`{name}`" for name in shown)


def _body(module: str) -> str:
    """Give what a reader says of its format, without what concerns its code."""
    if module == "stead_toml":
        return (
            "[The reference of `stead.toml`](stead-toml.md) describes every key. Where a file has "
            "several mistakes, all of them are reported at once."
        )
    text = inspect.getdoc(importlib.import_module(f"stead.formats.{module}")) or ""
    parts = [p for p in text.split("\n\n")[1:] if ":data:" not in p]
    if module == "requirements_txt":
        reader = importlib.import_module("stead.formats.requirements_txt")
        for title, table in (
            ("Options that are passed over:", reader.IGNORED),
            ("Options that are an error:", reader.REFUSED),
        ):
            rows = [(f"`{name}`", str(why)) for name, why in table.items()]
            parts += [title, _table(rows, ("option", "why"))]
    return _roles("\n\n".join(parts))


def _summary(module: str) -> str:
    if module == "stead_toml":
        return "Stead's own manifest"
    text = inspect.getdoc(importlib.import_module(f"stead.formats.{module}")) or ""
    first = _roles(" ".join(text.split("\n\n")[0].split()))
    return first.split(": ", 1)[-1].rstrip(".")


def _roles(text: str) -> str:
    return text.replace("``", "`")


def shipped_items() -> str:
    """Describe the items of the registry that comes with Stead."""
    registry = opening.shipped()
    parts = [
        "# The items that come with Stead",
        _MADE.format("the shipped registry"),
        (
            "Each is a small program with tests of its own and data to run on; `stead module add NAME` "
            "copies its source into a project ([how](../how-to/own-modules.md)). They log nothing, and "
            "answer what they cannot use with one error that says what they expect. Where a data set "
            "comes from, and on which terms, stands in the item's `README.md`."
        ),
    ]
    for summary in registry.items():
        item = registry.item(summary.name)
        parts += [f"## {item.name}", f"{item.summary}. Written in {LANGUAGES[item.language]}."]
        parts.append("\n".join(["It expects:", "", *(f"- {line}" for line in item.expects)]))
        rows = [
            (f"`--{o.name}`", o.question, ", ".join(f"`{c}`" for c in o.choices), f"`{o.default}`")
            for o in item.options
        ]
        if rows:
            parts.append(_table(rows, ("option", "question", "choices", "proposed")))
        reads = [(f"`{d.name}`", d.description, f"`{d.default}`") for d in item.accepts]
        if reads:
            parts.append(_table(reads, ("variable", "meaning", "default")))
    return _page(parts)


def error_classes() -> str:
    """Describe exit codes, and every class of error."""
    doc = inspect.getdoc(errors) or ""
    tree = "\n".join(
        line.removeprefix("    ")
        for line in doc.splitlines()
        if re.match(r"\s*(SteadError|[├│└])", line)
    )
    rows = []
    for name, cls in vars(errors).items():
        if isinstance(cls, type) and issubclass(cls, errors.SteadError):
            message = (cls.__doc__ or "").strip()
            rows.append((f"`{name}`", message, f"{cls.exit_code}"))
    return _page(
        [
            "# Errors and exit codes",
            _MADE.format("the classes of errors"),
            (
                "An error says what happened, where (file and line, or a name), and after `→` what "
                "to do next. It goes to standard error. Steps that came before stay done: what "
                "was locked is locked, what was built is built. What cannot be locked changes no "
                "file of the tree."
            ),
            "```console\n$ stead run pytets\nerror: command not found: pytets\n"
            "  → `stead add pytets` if a package brings it, or check PATH; tasks here: errors\n```".replace(
                "```console",
                "<!-- directory: errors -->\n<!-- setup: echo 'print(1)' > __main__.py -->\n<!-- fails: 127 -->\n```console",
            ),
            "`STEAD_DEBUG=1` shows the traceback of any error.",
            "## Exit codes",
            _table(
                [
                    ("0", "done"),
                    (
                        "1",
                        (
                            "Stead could not do it, for one of the reasons below; for `stead check` and "
                            "`stead store verify`, something was found; for `stead deploy`, a node does not have or run "
                            "what it should; for `stead typings --check`, the "
                            "stub is out of date; for `stead trust`, the answer was no"
                        ),
                    ),
                    ("2", "the command line cannot be understood"),
                    ("126", "`stead run`: the command was found and cannot be executed"),
                    ("127", "`stead run`: the command was not found"),
                    (f"{rendering.EXIT_FAULT}", "a fault in Stead itself; please report it"),
                    ("129, 143", "hung up, terminated"),
                    (f"{rendering.EXIT_INTERRUPTED}", "interrupted (Ctrl-C)"),
                    (f"{rendering.EXIT_BROKEN_PIPE}", "nobody reads the output any more"),
                ],
                ("code", "meaning"),
            ),
            (
                "`stead run` and launchers otherwise end with the code of the command. A command that "
                "a signal ended ends `stead run` by that signal, or with 128 plus its number."
            ),
            "## The tree of errors",
            f"```text\n{tree}\n```",
            _table(rows, ("class", "meaning", "exit code")),
            (
                "`TaskError` has exit code 126 or 127 where a command cannot be started. In code: "
                "`stead.values.errors`."
            ),
        ]
    )


def _table(rows: list[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    columns = len(rows[0])
    names = head or ("",) * columns
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * columns]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _page(parts: list[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def main() -> int:
    """Write the pages; with ``--check`` only say whether they are current."""
    check = "--check" in sys.argv[1:]
    stale = [p for p, text in pages().items() if not p.exists() or p.read_text("utf-8") != text]
    for path in stale:
        print(path.name, "is out of date" if check else "written")
        if not check:
            path.write_text(pages()[path], "utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
