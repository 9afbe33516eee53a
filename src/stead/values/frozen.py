"""Dataclasses whose methods are made when they are first needed.

Stands in for :mod:`dataclasses` in this program, and to readers and type checkers
it is that module. There, every class costs half a millisecond of each start for
methods that most commands never call, and the module itself ten more: a fifth of
the time in which a command that only reads is to answer.

What differs: ``slots`` is taken and ignored; of ``field`` there are ``default``,
``default_factory`` and ``compare``; ``ClassVar`` is the only special annotation.
:func:`dataclasses.fields`, ``replace``, ``asdict`` and ``is_dataclass`` understand
these classes too.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import asdict, dataclass, field, replace
    from typing import Any, NoReturn

__all__ = ["asdict", "compared", "dataclass", "field", "replace"]

_MISSING: Any = object()


class _Field:
    __slots__ = ("compare", "default", "factory")

    def __init__(self, default: Any, factory: Callable[[], Any] | None, compare: bool) -> None:
        self.default = default
        self.factory = factory
        self.compare = compare


def _field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] | None = None,
    compare: bool = True,
) -> Any:
    return _Field(default, default_factory, compare)


def _dataclass(cls: type | None = None, *, frozen: bool = False, slots: bool = False) -> Any:  # noqa: ARG001
    def make(made: type) -> type:
        return _made(made, frozen=frozen)

    return make if cls is None else make(cls)


class _Fields:
    """The attribute by which :mod:`dataclasses` knows its classes, made when asked for."""

    def __init__(self, known: dict[str, _Field]) -> None:
        self._known = known

    def __get__(self, instance: object, owner: type) -> Any:
        import dataclasses

        described = []
        for name, known in self._known.items():
            options: dict[str, Any] = {"compare": known.compare}
            if known.factory is not None:
                options["default_factory"] = known.factory
            elif known.default is not _MISSING:
                options["default"] = known.default
            described.append((name, object, dataclasses.field(**options)))
        like = dataclasses.make_dataclass(owner.__name__, described)
        return getattr(like, "__dataclass_fields__")  # noqa: B009


def _made(cls: type, *, frozen: bool) -> type:
    known: dict[str, _Field] = {}
    for base in reversed(cls.__mro__[1:]):
        known.update(base.__dict__.get("__stead_fields__", {}))
    for name, annotation in cls.__annotations__.items():
        if str(annotation).startswith(("ClassVar", "typing.ClassVar")):
            continue
        held = cls.__dict__.get(name, _MISSING)
        known[name] = held if isinstance(held, _Field) else _Field(held, None, compare=True)
        if isinstance(held, _Field):
            if held.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, held.default)
    compare = tuple(n for n, f in known.items() if f.compare)
    new: dict[str, Any] = {
        "__init__": _first_init(cls, known),
        "__repr__": _repr,
        "__eq__": _eq,
        "__match_args__": tuple(known),
    }
    if frozen:
        new |= {"__setattr__": _refuse_set, "__delattr__": _refuse_delete}
    for name, value in new.items():
        if name not in cls.__dict__:
            setattr(cls, name, value)
    if cls.__dict__.get("__hash__") is None:
        setattr(cls, "__hash__", _hash if frozen else None)  # noqa: B010 (a class's, assigned)
    for name, value in (
        ("__stead_fields__", known),
        ("__stead_compared__", compare),
        ("__dataclass_fields__", _Fields(known)),
    ):
        setattr(cls, name, value)
    return cls


def _first_init(cls: type, known: dict[str, _Field]) -> Callable[..., None]:
    """Give an ``__init__`` that puts a fast one in its place when it is called often.

    To compile one takes as long as some fifty calls without.
    """
    calls = 0

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        nonlocal calls
        calls += 1
        if calls <= _SELDOM and _fill(self, known, args, kwargs):
            return
        init = _compiled_init(cls, known)
        if cls.__dict__.get("__init__") is __init__:
            setattr(cls, "__init__", init)  # noqa: B010
        init(self, *args, **kwargs)

    return __init__


_SELDOM = 12


def _fill(
    self: Any, known: dict[str, _Field], args: tuple[Any, ...], given: dict[str, Any]
) -> bool:
    """Set the fields; false where the arguments are not as they should be."""
    values = dict(zip(known, args, strict=False))
    if len(args) > len(known) or not values.keys().isdisjoint(given):
        return False
    values.update(given)
    made = {}
    for name, field_ in known.items():
        if name in values:
            made[name] = values.pop(name)
        elif field_.factory is not None:
            made[name] = field_.factory()
        elif field_.default is not _MISSING:
            made[name] = field_.default
        else:
            return False
    if values:
        return False
    self.__dict__.update(made)
    if hasattr(self, "__post_init__"):
        self.__post_init__()
    return True


def _compiled_init(cls: type, known: dict[str, _Field]) -> Callable[..., None]:
    parameters, lines = [], ["_stead_values = self.__dict__"]
    given: dict[str, Any] = {"MISSING": _MISSING}
    for number, (name, field_) in enumerate(known.items()):
        value = name
        if field_.factory is not None:
            given[f"factory_{number}"] = field_.factory
            parameters.append(f"{name}=MISSING")
            value = f"factory_{number}() if {name} is MISSING else {name}"
        elif field_.default is not _MISSING:
            given[f"default_{number}"] = field_.default
            parameters.append(f"{name}=default_{number}")
        else:
            parameters.append(name)
        lines.append(f"_stead_values[{name!r}] = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "\n  ".join(lines)
    exec(f"def __init__({', '.join(['self', *parameters])}):\n  {body}", given)  # noqa: S102 (as dataclasses do)
    init: Callable[..., None] = given["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _repr(self: Any) -> str:
    inside = ", ".join(f"{n}={getattr(self, n)!r}" for n in self.__stead_fields__)
    return f"{type(self).__qualname__}({inside})"


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    mine, theirs = self.__dict__, other.__dict__
    return all(mine[n] is theirs[n] or mine[n] == theirs[n] for n in self.__stead_compared__)


def _hash(self: Any) -> int:
    held = self.__dict__
    return hash(tuple([held[n] for n in self.__stead_compared__]))


def _refuse_set(_self: object, name: str, _value: object) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(_self: object, name: str) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _replace(value: Any, /, **changes: Any) -> Any:
    held = value.__dict__
    for name in value.__stead_fields__:
        if name not in changes:
            changes[name] = held[name]
    return type(value)(**changes)


def _asdict(value: Any) -> Any:
    if hasattr(value, "__stead_fields__"):
        held = value.__dict__
        return {name: _asdict(held[name]) for name in value.__stead_fields__}
    if isinstance(value, list | tuple):
        return type(value)([_asdict(item) for item in value])
    if isinstance(value, dict):
        return {key: _asdict(item) for key, item in value.items()}
    return value


def compared(value: object) -> tuple[str, ...] | None:
    """Name the fields of a dataclass's instance that take part in comparison; None for others."""
    names: tuple[str, ...] | None = getattr(type(value), "__stead_compared__", None)
    if names is None and hasattr(type(value), "__dataclass_fields__"):
        fields = getattr(type(value), "__dataclass_fields__").values()  # noqa: B009
        names = tuple(f.name for f in fields if f.compare)
    return names


if not TYPE_CHECKING:
    asdict, dataclass, field, replace = _asdict, _dataclass, _field, _replace
