"""An item's files as they land: copied, or rendered with the options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.modules.conditions import filled
from stead.values.errors import RegistryError
from stead.values.item import ItemFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.values.item import Answer, Item


def written(item: Item, options: Iterable[tuple[str, Answer]]) -> tuple[ItemFile, ...]:
    """Give the item's files with their contents as they land.

    A template knows the options by their names, with ``_`` for ``-``. Raises RegistryError for
    one that cannot be rendered.
    """
    names = {name.replace("-", "_"): answer for name, answer in options}
    return tuple(
        ItemFile(f.path, _rendered(item, f, names), f.executable) if f.rendered else f
        for f in item.files
    )


def _rendered(item: Item, file: ItemFile, names: dict[str, Answer]) -> bytes:
    where = f"{file.path} of {item.name} {item.version}"
    try:
        text = file.content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise _error(where, "it is not UTF-8") from exc
    if (plain := filled(text, names)) is not None:
        return plain.encode()
    from jinja2 import TemplateError, TemplateSyntaxError

    from stead.config.render.embed import UnholdableError
    from stead.config.render.sandbox import Environment

    try:
        return Environment(None, (), text).from_string(text).render(names).encode()
    except TemplateSyntaxError as exc:
        raise _error(f"{where}, line {exc.lineno}", exc.message or "its syntax is wrong") from exc
    except (TemplateError, UnholdableError) as exc:
        raise _error(where, str(exc)) from exc
    except Exception as exc:  # an expression of the template may raise anything
        raise _error(where, f"{type(exc).__name__}: {exc}") from exc


def _error(where: str, why: str) -> RegistryError:
    return RegistryError(
        f"this template cannot be rendered: {why}",
        where=where,
        remedy="nothing was written; tell those who keep the registry",
    )
