"""Changes of a Python module's public interface, one at a time.

What is public is what ``__init__.py`` exports, and the options of ``cli.py``. A module's own
tests show its interface, so each of these changes must make them fail.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Trees = dict[str, ast.Module]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mutant:
    """A module's source with one change."""

    name: str
    """What was changed."""
    files: dict[str, str]
    """Path → source, of the files that differ."""


def mutants(
    files: Mapping[str, bytes],
    package: str,
    chosen: Callable[[list[str]], list[str]] = lambda names: names,
) -> Iterator[Mutant]:
    """Give every change of the interface of the package in ``src/PACKAGE``.

    Of the names of all of them, ``chosen`` says which are made.
    """
    top = f"src/{package}/"
    trees = {
        path: ast.parse(content, path)
        for path, content in files.items()
        if path.startswith(top) and path.endswith(".py")
    }
    found = list(_changes(trees, top))
    every = dict(found)
    assert len(every) == len(found), "two changes have one name"
    for name in chosen(list(every)):
        changed = copy.deepcopy(trees)
        every[name](changed)
        different = {
            path: ast.unparse(ast.fix_missing_locations(tree))
            for path, tree in changed.items()
            if ast.dump(tree) != ast.dump(trees[path])
        }
        assert different, f"{name} changes nothing"
        yield Mutant(name, different)


def exported(tree: ast.Module) -> list[str]:
    """The names in ``__all__``."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name("__all__")], value=value):
                return list(ast.literal_eval(value))
    raise AssertionError("__init__.py has no __all__")


def _changes(trees: Trees, top: str) -> Iterator[tuple[str, Callable[[Trees], None]]]:
    public = exported(trees[f"{top}__init__.py"])
    fields = set()
    for path, tree in trees.items():
        for place, node in enumerate(tree.body):
            at = (path, place)
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name in public:
                    yield from _of_function(node, at, node.name)
                case ast.ClassDef() if node.name in public:
                    for inner, part in enumerate(node.body):
                        below = (*at, inner)
                        match part:
                            case ast.AnnAssign(target=ast.Name(field)):
                                fields.add(field)
                                if part.value is not None and (new := other(part.value)):
                                    yield (
                                        f"default of {node.name}.{field}",
                                        _set(below, "value", new),
                                    )
                            case ast.FunctionDef() | ast.AsyncFunctionDef() if (
                                not part.name.startswith("_")
                            ):
                                fields.add(part.name)
                                yield from _of_function(part, below, f"{node.name}.{part.name}")
                case ast.Assign(targets=[ast.Name(name)], value=value) if name in public:
                    if new := other(value):
                        yield f"value of {name}", _set(at, "value", new)
                case ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value) if (
                    name in public
                ):
                    if new := other(value):
                        yield f"value of {name}", _set(at, "value", new)
    for name in public:
        yield f"{name} renamed", _renamed(name)
    for name in sorted(fields):
        yield f"attribute {name} renamed", _renamed_attribute(name)
    yield from _of_command(trees, f"{top}cli.py")


def _of_function(
    node: Function, at: tuple[str | int, ...], name: str
) -> Iterator[tuple[str, Callable[[Trees], None]]]:
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults = dict(
        zip(
            (a.arg for a in positional[len(positional) - len(node.args.defaults) :]),
            enumerate(node.args.defaults),
            strict=True,
        )
    )
    for argument in positional:
        if argument.arg in ("self", "cls"):
            continue
        yield f"parameter {argument.arg} of {name} dropped", _dropped(at, argument.arg)
        if argument.arg in defaults:
            place, value = defaults[argument.arg]
            if new := other(value):
                yield (
                    f"default of {argument.arg} of {name}",
                    _set((*at, "args", "defaults", place), "", new),
                )
    for place, argument in enumerate(node.args.kwonlyargs):
        yield f"parameter {argument.arg} of {name} dropped", _dropped(at, argument.arg)
        value = node.args.kw_defaults[place]
        if value is not None and (new := other(value)):
            yield (
                f"default of {argument.arg} of {name}",
                _set((*at, "args", "kw_defaults", place), "", new),
            )
    returns = [n for n in _own(node) if isinstance(n, ast.Return)]
    for number, found in enumerate(returns):
        if found.value is not None and not _is_none(found.value):
            yield f"return {number + 1} of {name}", _returned(at, number)


def other(value: ast.expr) -> ast.expr | None:
    """Another value of a kind with one that is written out; None where it is not."""
    match value:
        case ast.Constant(bool() as said):
            return ast.Constant(not said)
        case ast.Constant(int() | float() as number):
            return ast.Constant(number + 1 if number >= 1 or number == 0 else number / 2)
        case ast.Constant(str() as text):
            return ast.Constant(f"{text}x")
        case ast.UnaryOp(ast.USub(), operand):
            return operand
        case ast.Tuple([]):
            return ast.Tuple([ast.Constant("x")], ast.Load())
        case ast.Tuple([*some]) | ast.List([*some]) if some:
            return type(value)(some[:-1], ast.Load())
    return None


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, without the functions in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _own(child)


def _at(trees: Trees, at: tuple[str | int, ...]) -> ast.AST:
    path, *places = at
    node: ast.AST = trees[str(path)]
    for place in places:
        node = node.body[place]  # type: ignore[attr-defined]
    return node


def _set(at: tuple[str | int, ...], field: str, value: ast.expr) -> Callable[[Trees], None]:
    def change(trees: Trees) -> None:
        if field:
            setattr(_at(trees, at), field, value)
        else:
            *node, args, kind, place = at
            getattr(getattr(_at(trees, tuple(node)), str(args)), str(kind))[place] = value

    return change


def _dropped(at: tuple[str | int, ...], name: str) -> Callable[[Trees], None]:
    """Take a parameter away; in the function it has its default, or None."""

    def change(trees: Trees) -> None:
        node = _at(trees, at)
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        arguments, value = node.args, None
        for found in (arguments.posonlyargs, arguments.args):
            for place, argument in enumerate(found):
                if argument.arg == name:
                    from_end = len(found) - place
                    if from_end <= len(arguments.defaults):
                        value = arguments.defaults.pop(-from_end)
                    found.remove(argument)
                    break
        for place, argument in enumerate(arguments.kwonlyargs):
            if argument.arg == name:
                value = arguments.kw_defaults.pop(place)
                arguments.kwonlyargs.remove(argument)
                break
        given = ast.Assign([ast.Name(name, ast.Store())], value or ast.Constant(None))
        node.body.insert(1 if ast.get_docstring(node) else 0, given)

    return change


def _returned(at: tuple[str | int, ...], number: int) -> Callable[[Trees], None]:
    def change(trees: Trees) -> None:
        node = [n for n in _own(_at(trees, at)) if isinstance(n, ast.Return)][number]
        assert node.value is not None
        node.value = _flipped(node.value)

    return change


def _flipped(value: ast.expr) -> ast.expr:
    if new := other(value):
        return new
    match value:
        case ast.BinOp(left, ast.Sub(), right):
            return ast.BinOp(left, ast.Add(), right)
        case ast.BinOp(left, ast.Mult(), right):
            return ast.UnaryOp(ast.USub(), value)
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not()):
            return ast.UnaryOp(ast.Not(), value)
        case ast.Call(name, [ast.expr() as first]) if isinstance(first, ast.BinOp):
            return ast.Call(name, [_flipped(first)], value.keywords)
    return ast.Constant(None)


def _renamed(name: str) -> Callable[[Trees], None]:
    """Rename a public name everywhere in the package, as its authors would."""
    new = f"{name}_renamed"

    def change(trees: Trees) -> None:
        for node in (n for tree in trees.values() for n in ast.walk(tree)):
            match node:
                case ast.Name(found) if found == name:
                    node.id = new
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if (
                    node.name == name
                ):
                    node.name = new
                case ast.alias(found) if found == name:
                    node.name = new
                case ast.Assign(targets=[ast.Name("__all__")], value=ast.List() as listed):
                    for item in listed.elts:
                        if isinstance(item, ast.Constant) and item.value == name:
                            item.value = new

    return change


def _renamed_attribute(name: str) -> Callable[[Trees], None]:
    new = f"{name}_renamed"

    def change(trees: Trees) -> None:
        classes = [n for t in trees.values() for n in t.body if isinstance(n, ast.ClassDef)]
        for node in (n for tree in trees.values() for n in ast.walk(tree)):
            match node:
                case ast.Attribute(attr=found) if found == name:
                    node.attr = new
                case ast.keyword(arg=found) if found == name:
                    node.arg = new
        for part in (p for c in classes for p in c.body):
            match part:
                case ast.AnnAssign(target=ast.Name(found)) if found == name:
                    part.target = ast.Name(new, ast.Store())
                case ast.FunctionDef() | ast.AsyncFunctionDef() if part.name == name:
                    part.name = new

    return change


def _of_command(trees: Trees, path: str) -> Iterator[tuple[str, Callable[[Trees], None]]]:
    for number, call in enumerate(_added(trees[path], "add_argument")):
        words = [a.value for a in call.args if isinstance(a, ast.Constant)]
        keywords = {k.arg: k.value for k in call.keywords}
        if not words or (
            isinstance(keywords.get("action"), ast.Constant)
            and (
                keywords["action"].value == "version"  # type: ignore[attr-defined]
            )
        ):
            continue
        word = words[-1]
        if word.startswith("--"):
            yield f"option {word} {number} dropped", _option_dropped(path, number, word)
            yield f"option {word} {number} renamed", _word(path, "add_argument", number)
        choices = keywords.get("choices")
        if choices is not None and (new := other(choices)):
            yield f"choices of {word} {number}", _keyword(path, number, "choices", new)
        if "default" in keywords and (new := _other_default(keywords["default"], choices)):
            yield f"default of {word} {number}", _keyword(path, number, "default", new)
    for number, call in enumerate(_added(trees[path], "add_parser")):
        if call.args and isinstance(call.args[0], ast.Constant):
            yield f"command {call.args[0].value} renamed", _word(path, "add_parser", number)


def _other_default(value: ast.expr, choices: ast.expr | None) -> ast.expr | None:
    """Another default, of those that may be chosen."""
    if isinstance(choices, ast.Tuple | ast.List):
        rest = [c for c in choices.elts if ast.dump(c) != ast.dump(value)]
        return rest[0] if rest else None
    return other(value)


def _added(tree: ast.Module, method: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
    ]


def _option_dropped(path: str, number: int, word: str) -> Callable[[Trees], None]:
    """Take an option away; what reads it finds its default."""

    def change(trees: Trees) -> None:
        call = _added(trees[path], "add_argument")[number]
        keywords = {k.arg: k.value for k in call.keywords}
        name = word.lstrip("-").replace("-", "_")
        if isinstance(keywords.get("dest"), ast.Constant):
            name = keywords["dest"].value  # type: ignore[attr-defined]
        value = keywords.get("default", ast.Constant(None))
        match keywords.get("action"):
            case ast.Constant("store_true"):
                value = keywords.get("default", ast.Constant(value=False))
            case ast.Constant("store_false"):
                value = keywords.get("default", ast.Constant(value=True))
        assert isinstance(call.func, ast.Attribute)
        call.func.attr, call.args = "set_defaults", []
        call.keywords = [ast.keyword(name, value)]

    return change


def _word(path: str, method: str, number: int) -> Callable[[Trees], None]:
    def change(trees: Trees) -> None:
        call = _added(trees[path], method)[number]
        for argument in call.args:
            if isinstance(argument, ast.Constant):
                word = argument.value
                # Not at its end: argparse takes the beginning of an option for the option.
                argument.value = f"--renamed-{word[2:]}" if word.startswith("--") else f"{word}x"
        if method == "add_argument" and not any(k.arg == "dest" for k in call.keywords):
            name = ast.Constant(word.lstrip("-").replace("-", "_"))
            call.keywords.append(ast.keyword("dest", name))

    return change


def _keyword(path: str, number: int, name: str, value: ast.expr) -> Callable[[Trees], None]:
    def change(trees: Trees) -> None:
        call = _added(trees[path], "add_argument")[number]
        next(k for k in call.keywords if k.arg == name).value = value

    return change
