"""Sharing histories through the project's own remote.

Hidden references are pushed under the clone's id, so that no two people ever write the
same one, and fetched to a namespace of their own. The user's branches, tags, index,
working tree and configuration take no part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.history.clones import OWN, clone_id, references
from stead.history.git import SHARED, demand_git, git, repository_of
from stead.history.private import refuse_secrets
from stead.history.refs import catch_up
from stead.values.errors import NetworkError, StoreError
from stead.values.frozen import dataclass
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Collection

    from stead.history.clones import Reference
    from stead.history.git import Repository
    from stead.values.context import Completed, Context

_TRIES = 4
_RACE = ("cannot lock ref", "failed to lock", "reference already exists", "unable to create")
_ADDRESS = regex(r"(?<=://)[^\s'\"]*@")
_QUERY = regex(r"(?<=\S)\?[^\s'\"#]*")


@dataclass(frozen=True, slots=True)
class Shared:
    """What a push or fetch did."""

    remote: str
    clone: str
    """The id of this clone; empty where nothing was ever pushed from it."""
    changed: tuple[Reference, ...] = ()
    same: tuple[Reference, ...] = ()
    gone: tuple[Reference, ...] = ()
    """What is no longer there, and was forgotten here."""
    renamed: str = ""
    """The clone's former id, where somebody else's history had it."""


def push(directory: str, remote: str, context: Context, *, allowed: Collection[str] = ()) -> Shared:
    """Share the histories of all places of the repository that a directory lies in.

    ``remote`` is a name, or empty for the usual one. What was a plain value once and is
    a secret now is not shared, unless its name is ``allowed``. Raises StoreError, NetworkError.
    """
    repository = _repository(directory, context)
    _online(context)
    remote = _remote(repository, remote, context, pushing=True)
    catch_up(repository, context)
    own = references(repository, context, *OWN)
    if not own:
        raise StoreError(
            "there is no history to share yet",
            where=repository.top,
            remedy="the first `stead add`, `set`, `lock` or `run` in a place begins it",
        )
    refuse_secrets(repository, own, context, allowed)
    clone, renamed = clone_id(repository, make=True), ""
    said = _pushed(repository, remote, clone, own, context)
    if _others(said):
        # Another clone has this id, as where a whole directory was copied to another machine.
        renamed, clone = clone, clone_id(repository, make=True, taken=clone)
        said = _pushed(repository, remote, clone, own, context)
    _refused(said, remote, f"the history was not shared with {remote}")
    flags = {line[1:].split("\t")[1].partition(":")[0]: line[0] for line in _lines(said)}
    same = tuple(one for one in own if flags.get(one.name) == "=")
    return Shared(remote, clone, tuple(o for o in own if o not in same), same, renamed=renamed)


def fetch(directory: str, remote: str, context: Context, *, prune: bool = False) -> Shared:
    """Bring what others have shared; with ``prune``, forget what is no longer there.

    Raises StoreError, NetworkError.
    """
    repository = _repository(directory, context)
    _online(context)
    remote = _remote(repository, remote, context, pushing=False)
    clone = clone_id(repository)
    before = {one.name: one for one in references(repository, context, SHARED)}
    words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap="]
    words += ["--no-recurse-submodules", "--prune" if prune else "--no-prune"]
    own = [f"^refs/stead/{clone}/*"] if clone else []
    words += [remote, f"+refs/stead/*:{SHARED}/*", *own]
    said = _patiently(repository, words, context, remote)
    _refused(said, remote, f"no history could be fetched from {remote}")
    after = {one.name: one for one in references(repository, context, SHARED)}
    changed = tuple(one for name, one in after.items() if before.get(name) != one)
    same = tuple(one for name, one in after.items() if before.get(name) == one)
    gone = tuple(one for name, one in before.items() if name not in after)
    return Shared(remote, clone, changed, same, gone)


def _repository(directory: str, context: Context) -> Repository:
    repository = repository_of(directory)
    if repository is None:
        raise StoreError(
            "this directory is in no git repository, through which histories are shared",
            where=directory,
            remedy="the history itself is in the store; `git init` and a remote let it be shared",
        )
    demand_git(context)
    return repository


def _online(context: Context) -> None:
    if context.offline:
        raise NetworkError(
            "histories cannot be shared offline", remedy="run it again without --offline"
        )


def _remote(repository: Repository, wanted: str, context: Context, *, pushing: bool) -> str:
    """Choose the remote: the one that is named, the branch's, ``origin``, or the only one."""

    def asked(*words: str) -> str:
        return git(repository.top, list(words), context).stdout.strip()

    names = asked("remote").splitlines()
    if wanted:
        if wanted in names:
            return wanted
        known = f"there are: {', '.join(names)}" if names else "there are none"
        raise StoreError(
            f"the repository has no remote named {_redacted(wanted)}; {known}",
            where=repository.top,
            remedy="name one of them, or add it with `git remote add`",
        )
    branch = asked("symbolic-ref", "--quiet", "--short", "HEAD")
    keys = [f"branch.{branch}.remote"] if branch else []
    if pushing:
        keys = [*([f"branch.{branch}.pushRemote"] if branch else []), "remote.pushDefault", *keys]
    for name in (*(asked("config", "--get", key) for key in keys), "origin"):
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    if names:
        raise StoreError(
            "which remote?", where=repository.top, remedy=f"name one: {', '.join(names)}"
        )
    raise StoreError(
        "the repository has no remote to share histories through",
        where=repository.top,
        remedy="add the team's with `git remote add origin ADDRESS`",
    )


def _pushed(
    repository: Repository, remote: str, clone: str, own: list[Reference], context: Context
) -> Completed:
    def there(name: str) -> str:
        return name.replace("refs/stead/", f"refs/stead/{clone}/", 1)

    words = ["-c", f"remote.{remote}.mirror=false", "-c", "push.pushOption="]
    words += ["push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"]
    words += ["--recurse-submodules=no", remote, *(f"{o.name}:{there(o.name)}" for o in own)]
    return _patiently(repository, words, context, remote)


def _patiently(
    repository: Repository, words: list[str], context: Context, remote: str
) -> Completed:
    """Run git, and again where another process was just busy with the same references."""
    for _ in range(_TRIES):
        try:
            done = git(repository.top, words, context, remote=True)
        except TimeoutError as exc:
            raise NetworkError(
                f"the remote {remote} does not answer", remedy="try again later"
            ) from exc
        said = (done.stderr + done.stdout).lower()
        if done.returncode == 0 or not any(word in said for word in _RACE):
            break
    return done


def _lines(said: Completed) -> list[str]:
    """Give what ``git push --porcelain`` says of each reference: flag, names, summary."""
    return [line for line in said.stdout.splitlines() if line[1:2] == "\t" and "\t" in line[2:]]


def _others(said: Completed) -> bool:
    """Say whether the remote has something else under this clone's id."""
    refused = [line for line in _lines(said) if line[0] == "!"]
    return any("(fetch first)" in line or "(non-fast-forward)" in line for line in refused)


_MEANINGS = (
    (
        ("could not resolve", "unable to access", "could not connect", "connection refused",
         "connection timed out", "network is unreachable", "no route to host", "unable to look up",
         "operation timed out", "connection reset", "connection closed"),
        "it cannot be reached",
        "look at the network; the history stays here, and can be shared later",
    ),
    (
        ("authentication failed", "permission denied", "could not read username", "access denied",
         "could not read password", "host key verification failed", "error: 403", "error: 401"),
        "it does not let you in",
        "log in as for `git push` or `git fetch`, which ask for a password where this does not",
    ),
    (
        ("does not appear to be a git repository", "repository not found", "does not exist",
         "not found"),
        "there is no repository at its address",
        "look at the address with `git remote -v`",
    ),
)  # fmt: skip


def _refused(said: Completed, remote: str, what: str) -> None:
    """Raise NetworkError, in words, where git did not do what it was asked for."""
    if said.returncode == 0:
        return
    lower = said.stderr.lower()
    details = [line for line in said.stderr.splitlines() if line.strip()]
    rejected = [line for line in _lines(said) if line[0] == "!"]
    details = [_redacted(line.strip()) for line in details if not line.startswith("hint:")][-5:]
    if rejected:
        why = {line.split("\t")[-1] for line in rejected}
        raise NetworkError(
            f"{what}: the remote refused it",
            details=[*map(_redacted, sorted(why)), *details],
            remedy="ask whoever runs the remote to allow references below refs/stead/",
        )
    for signs, meaning, remedy in _MEANINGS:
        if any(sign in lower for sign in signs):
            raise NetworkError(f"{what}: {meaning}", details=details, remedy=remedy)
    raise NetworkError(what, details=details, remedy=f"try `git ls-remote {remote}`")


def _redacted(text: str) -> str:
    """Take user, password and query out of the addresses in a text."""
    return _QUERY.sub("", _ADDRESS.sub("", text))
