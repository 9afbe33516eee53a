"""Logs as lines: JSON with one ``action`` each, or text for a person who watches."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from typing import TextIO

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


class JsonLines(logging.Formatter):
    """Writes ``at``, ``level``, ``action`` and what was told besides."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record as a line of JSON."""
        return orjson.dumps(_fields(record, self), default=str).decode()


class TextLines(logging.Formatter):
    """Writes the same for eyes. Nothing that was told moves a terminal's cursor, or looks like a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record as a line; an exception follows on lines of its own."""
        told = _fields(record, self)
        action = _visible(told.pop("action"))
        head = f"{told.pop('at')} {told.pop('level')} {action}"
        fault = "\n".join(f"  {_visible(line)}" for line in told.pop("exception", "").splitlines())
        rest = " ".join(f"{key}={_word(value)}" for key, value in told.items())
        return "\n".join(filter(None, (f"{head} {rest}".rstrip(), fault)))


def begin(kind: str, stream: TextIO) -> None:
    """Send all that is logged to a stream, as ``json``, ``text``, or what suits it (``auto``)."""
    handler = logging.StreamHandler(stream)
    plain = kind == "text" or (kind == "auto" and stream.isatty())
    handler.setFormatter(TextLines() if plain else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("stead").setLevel(logging.INFO)
    # What fails while a request is answered was told already, with its path.
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Exception in ASGI application")


def _word(value: Any) -> str:
    """Write a value as one word, or as JSON that says where it ends."""
    text = str(value)
    plain = text.isprintable() and not set(text) & {" ", '"'} and text != ""
    return text if plain else json.dumps(text)


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _fields(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, Any]:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    told: dict[str, Any] = {
        "at": at,
        "level": record.levelname.lower(),
        "action": record.getMessage(),
    }
    told |= {key: value for key, value in vars(record).items() if key not in _KNOWN}
    if record.exc_info:
        told["exception"] = formatter.formatException(record.exc_info)
    return told
