"""The tables and keys of ``stead-item.toml``: one source for reader, schema and reference."""

# As in `_grammar`, annotations must be types here, not texts.

from typing import Literal

from stead.formats._grammar_values import A_VARIABLE, VARIABLE, AcceptTable
from stead.formats.models import Model, entry

ITEM = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
AN_ITEM = "a name of an item (lower-case letters and digits, and - between them)"
OPTION = r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*"
AN_OPTION = "a name of an option (lower-case letters and digits, and - or _ between them)"
VERSION = r"[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?"
A_VERSION = "a version (numbers with dots, and a1, b1 or rc1 behind them for one to be tried)"
INTEGRITY = r"sha256:[0-9a-f]{64}"

Answer = str | int | float | bool


class OptionTable(Model):
    """`[options.NAME]` is something to choose when the item is added. Templates know it as `NAME`,
    with `_` for `-`.
    """

    type: Literal["str", "int", "float", "bool", "enum"] = entry(
        "What may be answered.", default="str", examples=('type = "enum"',)
    )
    choices: tuple[str, ...] = entry(
        "The answers that there are, of an `enum`.",
        default=(),
        examples=('choices = ["loglog", "linear"]',),
    )
    default: Answer | None = entry(
        "The answer where none is given. Without it, one must be.",
        default=None,
        examples=('default = "loglog"', "default = 5"),
    )
    question: str = entry(
        "What a person is asked on a terminal.",
        default="",
        examples=('question = "Which demand curve?"',),
    )
    description: str = entry(
        "One line for people.", default="", examples=('description = "The curve to be fitted"',)
    )


class NeedTable(Model):
    """`[needs.NAME]` is another item that this one needs. It is added too."""

    version: str = entry(
        "Exactly which.", pattern=VERSION, means=A_VERSION, examples=('version = "1.2.0"',)
    )
    integrity: str = entry(
        "What it must hold, as `stead module show` says.",
        pattern=INTEGRITY,
        means="sha256: and 64 hexadecimal digits",
        examples=(f'integrity = "sha256:{"0" * 64}"',),
    )
    registry: str = entry(
        "The registry it comes from, by the name that the project has for it. Without it, the one"
        " that this item is from.",
        default="",
        examples=('registry = "team"',),
    )
    options: dict[str, Answer] = entry(
        "Answers to its options.", factory=dict, keys=OPTION, means=AN_OPTION
    )


class CommandsTable(Model):
    """`[commands]` says how a module is installed, run and tested where no environment of Stead's
    does it. They run in the module's directory, without a shell. A Python item has none: its
    `pyproject.toml` says it all.
    """

    install: tuple[tuple[str, ...], ...] = entry(
        "What makes it ready to run.",
        default=(),
        command=True,
        examples=('install = [["npm", "ci"]]',),
    )
    run: tuple[str, ...] = entry(
        "What runs it.", default=(), command=True, examples=('run = ["npm", "start"]',)
    )
    test: tuple[tuple[str, ...], ...] = entry(
        "What tests it.", default=(), command=True, examples=('test = [["npm", "test"]]',)
    )


class ItemRoot(Model):
    """An item of a registry: one version of a module's source, below `files/` beside this file."""

    name: str = entry(
        "Its name. A Python item is imported by it, with `_` for `-`.",
        pattern=ITEM,
        means=AN_ITEM,
        examples=('name = "elasticity"',),
    )
    kind: Literal["app", "client", "data", "host", "lib", "net"] = entry(
        "Which of the six kinds of modules it is.", examples=('kind = "app"',)
    )
    version: str = entry(
        "Its version.", pattern=VERSION, means=A_VERSION, examples=('version = "1.0.0"',)
    )
    summary: str = entry(
        "One line for people.", examples=('summary = "Price elasticity of demand"',)
    )
    language: Literal["python", "node", "rust", "none"] = entry(
        "What it is written in.", default="python", examples=('language = "node"',)
    )
    expects: tuple[str, ...] = entry(
        "Which inputs it expects, a line each. Shown by `stead module show`, and after `add`.",
        default=(),
        examples=('expects = ["a CSV file with the columns price and quantity"]',),
    )
    render: tuple[str, ...] = entry(
        "Glob patterns of the files that are Jinja templates over the options. The others are"
        " copied as they are.",
        default=(),
        examples=('render = ["src/elasticity/main.py", "*.md"]',),
    )
    listens: tuple[str, ...] = entry(
        "Variables that hold a port it listens on.",
        default=(),
        pattern=VARIABLE,
        means=A_VARIABLE,
        examples=('listens = ["PORT"]',),
    )
    health: str = entry(
        "The path that answers at the first of these ports while it is well. A deploy asks for it.",
        default="",
        pattern=r"/[!-~]*",
        means="a path that begins with /",
        examples=('health = "/health"',),
    )
    options: dict[str, OptionTable] = entry(
        "What can be chosen.", factory=dict, keys=OPTION, means=AN_OPTION
    )
    needs: dict[str, NeedTable] = entry("Items it needs.", factory=dict, keys=ITEM, means=AN_ITEM)
    accepts: dict[str, AcceptTable] = entry(
        "Variables that it reads.",
        factory=dict,
        keys=VARIABLE,
        means=A_VARIABLE,
        examples=('PG_URL = { type = "url", scheme = "postgres", required = true }',),
    )
    commands: CommandsTable = entry("Other languages' commands.", factory=CommandsTable)
