"""Secrets in files that git tracks: what a variable declares secret and the tree gives away."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stead.values.frozen import dataclass
from stead.values.origin import Origin
from stead.values.patterns import regex
from stead.values.secret import scheme_of

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Mapping

    from stead.values.context import Context

SHORTEST = 8
"""Characters of a value that is looked for as such: shorter ones stand in files by chance."""

LARGEST = 8 * 2**20
"""Bytes of a file that is still looked into."""

# Where `NAME = value` sets a variable: not in program text, which reads it by that name.
_SETTINGS = regex(
    r"(?:.*[./])?(?:\.env(?:\..*|rc)?|.*\.env|.*\.(?:toml|ya?ml|ini|cfg|conf|properties|json)"
    r"|(?:Docker|Container)file.*|Procfile)\Z",
)
# What stands for a value that is yet to be given.
_PLACEHOLDER = regex(
    r"(?i)(?:change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this)|your[-_ ].*|<.*>|\[.*\]|x{3,}|\*{3,}"
    r"|\.{3}|…|todo|tbd|fixme|example|sample|dummy|placeholder|redacted|null|none|~|true|false"
    r"|ENC\[.*)\Z"
)
# A dollar sign in the middle of a word is a character of a password.
_REFERENCE = regex(r"\$[{(]|(?:^|[^A-Za-z0-9])\$[A-Za-z_]|\{\{|\{[a-z]+\.|%\(|%[A-Za-z_]+%")
_INLINE = regex(r"(?:^|[{,\s])(?:value|default)\s*=\s*(\"[^\"]*\"|'[^']*')")
_COMMENT = regex(r"\s+#.*\Z")


@dataclass(frozen=True, slots=True)
class Leak:
    """A place in a tracked file that gives a secret away. The value itself is not in here."""

    name: str
    """The variable that is declared secret."""
    where: Origin
    by_value: bool = False
    """Whether its very value stands there, rather than something set under its name."""

    @property
    def message(self) -> str:
        """One line that says what was found."""
        if self.by_value:
            return f"this file is tracked by git and holds the value of {self.name}, a secret"
        return f"this file is tracked by git and sets {self.name}, which is declared secret"


REMEDY = (
    "take it out (`git rm --cached FILE` for a .env), and change the secret itself: "
    "the history keeps what was committed"
)


def tracked_files(root: str, context: Context) -> tuple[str, ...]:
    """List what git tracks below a directory, as absolute paths; nothing without a repository."""
    from stead.values.errors import SteadError

    environ = {**context.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = context.run(["git", "-C", root, "ls-files", "-z", "--cached"], env=environ)
    except SteadError:  # there is no git
        return ()
    if done.returncode:
        return ()
    return tuple(os.path.join(root, name) for name in done.stdout.split("\0") if name)


def tracked_secrets(declared: Mapping[str, str | None], tracked: Iterable[str]) -> list[Leak]:
    """Find tracked files that hold what variables declare secret.

    ``declared`` maps the names of secret variables to their values where these are
    known from the untracked ``.env``, else None; ``tracked`` are absolute paths.
    Found are lines of settings that give a name something other than a reference, a
    placeholder or nothing, and values of at least ``SHORTEST`` characters in any file.
    Links, large files and what cannot be read are passed over.
    """
    if not declared:
        return []
    names = _names(declared)
    values = [
        (name, form)
        for name, value in sorted(declared.items())
        if value is not None and len(value) >= SHORTEST and scheme_of(value) is None
        for form in _forms(value)
    ]
    found: dict[Leak, None] = {}
    for path in tracked:
        content = _content(path)
        if content is None:
            continue
        if _SETTINGS.match(path.replace(os.sep, "/")) and b"\0" not in content[:8192]:
            found.update(dict.fromkeys(_assigned(path, content, names)))
        for name, form in values:
            at = content.find(form)
            if at >= 0:
                line = content.count(b"\n", 0, at) + 1
                if Leak(name, Origin(path, line)) not in found:
                    found[Leak(name, Origin(path, line), by_value=True)] = None
    return sorted(found, key=lambda leak: (leak.where.file, leak.where.line, leak.name))


def given_away(path: str, content: bytes, declared: Iterable[str]) -> list[Leak]:
    """Find lines in a text that give a declared name a value, as :func:`tracked_secrets` does.

    ``path`` says what kind of file it is; in one that is no file of settings nothing is found.
    """
    names = sorted(declared)
    if not names or not _SETTINGS.match(path) or b"\0" in content[:8192]:
        return []
    return list(dict.fromkeys(_assigned(path, content, _names(names))))


def _names(declared: Iterable[str]) -> re.Pattern[str]:
    import re

    any_name = "|".join(re.escape(name) for name in sorted(declared, key=len, reverse=True))
    return re.compile(
        rf"^[ \t]*(?:-[ \t]+|export[ \t]+|ENV[ \t]+|ARG[ \t]+)?"
        rf"[\"']?({any_name})[\"']?[ \t]*[=:][ \t]*(.*)$"
        rf"|[{{,][ \t]*[\"']?({any_name})[\"']?[ \t]*[=:][ \t]*([^,}}\n]*)",
        re.MULTILINE,
    )


def _assigned(path: str, content: bytes, names: re.Pattern[str]) -> Iterator[Leak]:
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    for match in names.finditer(text):
        name, value = (match[1], match[2]) if match[1] else (match[3], match[4])
        if _gives_away(value.strip()):
            yield Leak(
                name, Origin(path, text.count("\n", 0, match.start(match.lastindex or 0)) + 1)
            )


def _gives_away(value: str) -> bool:
    """Say whether what follows a name is a value, and not a reference to one or nothing."""
    if value.startswith("{"):
        inside = _INLINE.search(value)
        return inside is not None and _gives_away(inside[1])
    value = value.removesuffix(",").rstrip()
    if value[:1] in ("'", '"'):
        end = value.find(value[0], 1)
        value = value[1:end] if end > 0 else value[1:]
    else:
        value = _COMMENT.sub("", value).removeprefix("-").strip() if value != "-" else ""
        if value.startswith("#") or value in ("|", ">", "|-", ">-"):
            return False
    if not value or scheme_of(value) is not None:
        return False
    return not _PLACEHOLDER.match(value) and _REFERENCE.search(value) is None


def _forms(value: str) -> Iterator[bytes]:
    """Give a value as it may stand in a file: plain, in an address, in a JSON string."""
    import json
    from urllib.parse import quote

    forms = {value, quote(value, safe=""), json.dumps(value, ensure_ascii=False)[1:-1]}
    yield from sorted(form.encode("utf-8", "surrogateescape") for form in forms)


def _content(path: str) -> bytes | None:
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            return None
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
