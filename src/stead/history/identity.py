"""Who an author is to git: ``Ann Lee <ann@example.org>``, read without a process of git's.

The files and variables are git's own documented ones (git-config, git-commit-tree). Of files
that others include, those are read that are included in any case, or by the directory
that the repository lies in.
"""

from __future__ import annotations

import os

from stead.history.git import repository_of
from stead.values.patterns import regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stead.history.git import Repository

_SECTION = regex(r'\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_SETTING = regex(r"([A-Za-z][\w-]*)\s*=\s*(.*)")
_PART = regex(r'"((?:[^"\\]|\\.)*)"|\\(.)|([#;].*)|([^"\\#;]+)')
_DEEPEST = 5


def author(place: str, environ: Mapping[str, str]) -> str:
    """Give the author as git would in a place; empty outside of a repository, or if not both
    of name and address are known.
    """
    repository = repository_of(place)
    if repository is None:
        return ""
    known: dict[str, str] = {}
    for path in _files(repository, environ):
        _read(path, repository, environ, known)
    found = [
        _plain(environ.get(f"GIT_AUTHOR_{what.upper()}", ""))
        or _plain(known.get(f"author.{what}", "") or known.get(f"user.{what}", ""))
        for what in ("name", "email")
    ]
    return f"{found[0]} <{found[1]}>" if all(found) else ""


def name_of(who: str) -> str:
    """Give the name alone of who did something.

    >>> name_of("Ann Lee <ann@example.org>"), name_of("ann@box")
    ('Ann Lee', 'ann@box')
    """
    return who.partition(" <")[0]


def address_of(who: str) -> str:
    """Give the address of who did something: ``ann@box`` is one."""
    _, found, rest = who.partition(" <")
    return rest.removesuffix(">") if found else who


def is_called(word: str, who: str) -> bool:
    """Say whether a word means a person: all, the name, its first part, the address, its user."""
    name, address = name_of(who), address_of(who)
    names = (who, name, name.partition(" ")[0], address, address.partition("@")[0])
    return word.casefold() in [one.casefold() for one in names]


def _files(repository: Repository, environ: Mapping[str, str]) -> Iterator[str]:
    """Name the files that git reads, what counts most last."""
    home = environ.get("HOME", "")
    if environ.get("GIT_CONFIG_NOSYSTEM", "").lower() not in ("1", "true", "yes", "on"):
        yield environ.get("GIT_CONFIG_SYSTEM", "/etc/gitconfig")
    if "GIT_CONFIG_GLOBAL" in environ:
        yield environ["GIT_CONFIG_GLOBAL"]
    elif home:
        base = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        yield os.path.join(base, "git", "config")
        yield os.path.join(home, ".gitconfig")
    yield os.path.join(repository.common, "config")


def _read(
    path: str,
    repository: Repository,
    environ: Mapping[str, str],
    known: dict[str, str],
    deep: int = 0,
) -> None:
    """Take the settings that matter from a file; what cannot be read has none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().replace("\\\n", "").splitlines()
    except OSError:
        return
    section = condition = ""
    for line in lines:
        text = line.strip()
        if head := _SECTION.match(text):
            section, condition = head[1].lower(), head[2] or ""
            text = text[head.end() :].strip()
        setting = _SETTING.match(text)
        if setting is None:
            continue
        name, value = setting[1].lower(), _value(setting[2])
        if section in ("user", "author") and not condition:
            known[f"{section}.{name}"] = value
        elif (
            name == "path"
            and deep < _DEEPEST
            and _included(section, condition, repository, environ)
        ):
            other = os.path.join(os.path.dirname(path), _expanded(value, environ))
            _read(other, repository, environ, known, deep + 1)


def _included(
    section: str, condition: str, repository: Repository, environ: Mapping[str, str]
) -> bool:
    if section == "include":
        return not condition
    kind, _, pattern = condition.partition(":")
    if section != "includeif" or kind != "gitdir" or not pattern.endswith("/"):
        return False
    directory = os.path.realpath(_expanded(pattern, environ))
    return os.path.isabs(_expanded(pattern, environ)) and repository.common.startswith(
        os.path.join(directory, "")
    )


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    return environ.get("HOME", "~") + path[1:] if path.startswith("~/") else path


def _value(text: str) -> str:
    """Read a setting's value: quotes, escapes and comments are as git has them."""
    found = []
    for quoted, escaped, comment, plain in _PART.findall(text):
        if comment:
            break
        found.append(quoted.replace('\\"', '"').replace("\\\\", "\\") + escaped + plain)
    return "".join(found).strip()


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and c not in "<>").strip()
