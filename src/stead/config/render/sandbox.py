"""Jinja2's sandbox as templates here see it, and where they come from."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stead.config.render import embed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from stead.values.kinds import RenderedFile

    Load = Callable[[str], str | None]
    """Gives the text of a template by its name relative to the main template's directory."""

TEXT = "_stead_text_"
"""Before the name under which a template finds the text of a variable."""

_LARGEST = 10_000_000
"""Characters or items that one multiplication in a template may make."""


class Names(dict[str, Any]):
    """``vars`` or ``paths``: attributes are entries first, whatever they are called."""

    def __init__(self, title: str, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self.title = title


class _Undefined(StrictUndefined):
    """A name without a value. Its message has names in it and no values."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, of = self._undefined_name, self._undefined_obj
        if isinstance(of, Names):
            return f"{of.title} has no entry of that name"
        if isinstance(name, str) and not isinstance(of, str | dict | list | tuple | int | float):
            return f"{name.removeprefix(TEXT)} has no value"
        return "an attribute or entry is asked for that is not there"


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox with Stead's filters, and variables that print like in a process."""

    intercepted_binops = frozenset(("*", "**"))

    def __init__(self, sources: Sources | None, texts: Collection[str], text: str) -> None:
        super().__init__(
            loader=sources,
            undefined=_Undefined,
            keep_trailing_newline=True,
            autoescape=False,
            newline_sequence=_newline(text),
            finalize=embed.text_of,
            auto_reload=False,
            cache_size=0,
        )
        self._texts = texts
        self.filters.update(embed.FILTERS)
        # What gives something else at each rendering would make every file look changed.
        del self.filters["random"]
        del self.globals["lipsum"]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _print_texts(tree, self._texts)
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Names) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sized = [v for v in (left, right) if isinstance(v, str | list | tuple)]
        if operator == "*" and sized:
            times = right if sized[0] is left else left
            if isinstance(times, int) and len(sized[0]) * times > _LARGEST:
                raise SecurityError("a multiplication gives too much text")
        if operator == "**" and isinstance(right, int) and abs(right) > 1000:
            raise SecurityError("a power is too large")
        return super().call_binop(context, operator, left, right)


class Sources(BaseLoader):
    """The main template, and those beside it that it names."""

    def __init__(self, file: RenderedFile, text: str, load: Load | None) -> None:
        self.main = os.path.basename(file.template)
        self.directory = os.path.normpath(os.path.join(file.base, os.path.dirname(file.template)))
        self._texts: dict[str, str | None] = {self.main: text}
        self._load = load

    def path(self, name: str) -> str:
        return os.path.join(self.directory, *name.split("/"))

    def text(self, name: str) -> str | None:
        if name not in self._texts:
            parts = name.split("/")
            outside = ".." in parts or name.startswith("/") or "\\" in name or ":" in parts[0]
            self._texts[name] = None if outside or self._load is None else self._load(name)
        return self._texts[name]

    def get_source(self, environment: object, template: str) -> tuple[str, str, Callable[[], bool]]:
        text = self.text(template)
        if text is None:
            raise TemplateNotFound(template)
        return text, self.path(template), lambda: True


def _print_texts(tree: nodes.Template, texts: Collection[str]) -> None:
    """Let variables that are printed as they are stand for the text that a process gets."""
    bound = {n.name for n in tree.find_all(nodes.Name) if n.ctx != "load"}

    def text(node: nodes.Expr) -> nodes.Expr:
        name = None
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in bound:
            name = node.name
        elif (
            isinstance(node, nodes.Getattr)
            and isinstance(node.node, nodes.Name)
            and node.node.name == "vars"
            and "vars" not in bound
        ):
            name = node.attr
        if name is None or name not in texts:
            return node
        return nodes.Name(TEXT + name, "load", lineno=node.lineno)

    for output in tree.find_all(nodes.Output):
        output.nodes = [text(node) for node in output.nodes]
    for joined in tree.find_all(nodes.Concat):
        joined.nodes = [text(node) for node in joined.nodes]
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in embed.OF_TEXT and filtered.node is not None:
            filtered.node = text(filtered.node)


def _newline(text: str) -> Literal["\n", "\r\n"]:
    """Give the line end of a template's first line: a file made from it has the same."""
    end = text.find("\n")
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"
