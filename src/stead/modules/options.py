"""The options of an item: what was answered, checked against what may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.formats.item import fits
from stead.values.errors import UsageError
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.values.item import Answer, Item, Option

    Ask = Callable[[Option, str], str | None]
    """Asks a person, after saying what was wrong with the last answer; None takes the default."""

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def settled(
    item: Item, given: Mapping[str, Answer], ask: Ask | None = None
) -> tuple[tuple[str, Answer], ...]:
    """Give every option of an item with its answer, sorted by name.

    ``given`` are answers by name; a text is read as the option's type. What is not among them
    is asked for, or has its default. Raises UsageError, with all that is wrong at once.
    """
    known = {option.name: option for option in item.options}
    answers: dict[str, Answer] = {}
    wrong: list[tuple[str, str]] = []
    for written, answer in given.items():
        name = _named(written, known)
        if name is None:
            wrong.append(_unknown(item, written, known))
            continue
        try:
            answers[name] = read(known[name], answer)
        except UsageError as exc:
            wrong.append((exc.message, exc.remedy))
    if not wrong:
        for option in item.options:
            if option.name in answers:
                continue
            answered = _asked(option, ask) if ask else option.default
            if answered is None:
                wrong.append((f"{item.name} needs the option {option.name}", _said(option)))
            else:
                answers[option.name] = answered
    if not wrong:
        return tuple(sorted(answers.items()))
    if len(wrong) == 1:
        raise UsageError(wrong[0][0], remedy=wrong[0][1])
    raise UsageError(
        f"{len(wrong)} options of {item.name} are not as they must be",
        details=[f"{message} → {remedy}" for message, remedy in wrong],
        remedy=f"`stead module show {item.name}` says what can be chosen",
    )


def read(option: Option, answer: Answer) -> Answer:
    """Read one answer as the option's type. Raises UsageError."""
    value: Answer | None = answer
    if answer is True and option.type != "bool" and "true" not in option.choices:
        raise UsageError(f"{option.name} needs a value", remedy=_said(option))
    if isinstance(answer, str) and option.type not in ("str", "enum"):
        value = _parsed(option.type, answer.strip())
    elif option.type in ("str", "enum") and not isinstance(answer, str):
        value = str(answer).lower() if isinstance(answer, bool) else str(answer)
    if isinstance(value, float):
        value = float(value)
    if option.type == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if value is not None and fits(option, value):
        return value
    if option.type == "enum":
        close = nearest(str(answer), option.choices)
        raise UsageError(
            f"{option.name} cannot be {answer!r}" + (f"; did you mean {close}?" if close else ""),
            remedy=f"the choices are: {', '.join(option.choices)}",
        )
    may = {"int": "a whole number", "float": "a number", "bool": "true or false"}[option.type]
    raise UsageError(
        f"{option.name} must be {may}, not {answer!r}", remedy=f"write --{option.name} VALUE"
    )


def _parsed(kind: str, text: str) -> Answer | None:
    if kind == "bool":
        return _TRUTHS.get(text.lower())
    try:
        number = int(text) if kind == "int" else float(text)
    except ValueError:
        return None
    return number if kind == "int" or number - number == 0 else None  # neither nan nor inf


def _named(written: str, known: Mapping[str, Option]) -> str | None:
    if written in known:
        return written
    plain = written.replace("_", "-")
    return next((name for name in known if name.replace("_", "-") == plain), None)


def _unknown(item: Item, name: str, known: Mapping[str, Option]) -> tuple[str, str]:
    if not known:
        return f"{item.name} has no option {name}", "it has no options at all"
    close = nearest(name, known)
    return (
        f"{item.name} has no option {name}" + (f"; did you mean {close}?" if close else ""),
        f"its options are: {', '.join(map(_short, known.values()))}",
    )


def _short(option: Option) -> str:
    return f"--{option.name} {'|'.join(option.choices) or option.type.upper()}"


def _said(option: Option) -> str:
    return f"say {_short(option)}" + (f": {option.question}" if option.question else "")


def _asked(option: Option, ask: Ask) -> Answer | None:
    """Ask until the answer fits; an empty one is the default."""
    wrong = ""
    while True:
        answer = ask(option, wrong)
        if answer is None or (not answer and option.default is not None):
            return option.default
        try:
            return read(option, answer)
        except UsageError as exc:
            wrong = exc.message
