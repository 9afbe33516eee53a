"""What a store server is asked: one function for each question, with plain values for answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.remote.client import AnswerError
from stead.values.errors import RemoteError
from stead.values.frozen import dataclass
from stead.values.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stead.remote.client import Client

V1 = ("api", "v1")
STEAD = ("api", "stead", "v1")
LIVE = ("QUEUED", "BUILDING")
FILES = ("stead.toml", "environment.yml", "conda-lock.yml", "stead.lock")
"""Files that a server gives; any other name is refused."""
_PAGE = 100


@dataclass(frozen=True, slots=True)
class LogPart:
    """Part of a build's log, and how the build stood; ``offset`` is where it goes on."""

    text: str
    offset: int
    status: str
    reason: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Described:
    """What people say of an environment."""

    description: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pulled:
    """The files that a build was made from."""

    served: Served
    kind: str
    files: tuple[tuple[str, str], ...]


def permission(client: Client) -> dict[str, Any]:
    """Say who asks, by the server's words."""
    found: dict[str, Any] = client.get(*V1, "permission")
    return found


def create_token(
    client: Client, roles: Mapping[str, list[str]], namespace: str | None, expires: str | None
) -> str:
    """Make a token with these roles by globs; gives the secret, which cannot be had again."""
    wanted = {"role_bindings": roles, "primary_namespace": namespace, "expiration": expires}
    body = {name: value for name, value in wanted.items() if value is not None}
    # Not again by itself: a second one would be nobody's.
    found = client.ask("POST", (*V1, "token"), body=body, again=False)
    return str(found["data"]["token"])


def revoke(client: Client) -> None:
    """End the token that asks. Raises AnswerError: 401 where it was not valid any more."""
    client.ask("DELETE", (*STEAD, "token"))


def namespaces(client: Client) -> Iterator[dict[str, Any]]:
    """List the namespaces that may be seen."""
    return _pages(client, "namespace", {})


def usage(client: Client) -> dict[str, dict[str, int]]:
    """Say what each namespace holds."""
    found: dict[str, dict[str, int]] = client.get(*V1, "usage")
    return found


def create_namespace(client: Client, name: str) -> None:
    """Make a namespace."""
    # Not again by itself: the second time it is there, and that would look like somebody else's.
    client.ask("POST", (*V1, "namespace", name), again=False)


def delete_namespace(client: Client, name: str) -> None:
    """Delete a namespace with all that is in it."""
    client.ask("DELETE", (*V1, "namespace", name), again=False)


def environments(client: Client, namespace: str = "") -> Iterator[dict[str, Any]]:
    """List the environments that may be seen."""
    return _pages(client, "environment", {"namespace": namespace} if namespace else {}, api=STEAD)


def environment(client: Client, served: Served) -> dict[str, Any]:
    """Give an environment."""
    found: dict[str, Any] = client.get(*STEAD, "environment", served.namespace, served.name)
    return found


def described(client: Client, served: Served) -> Described:
    """Give what people say of an environment."""
    found = environment(client, served)
    return Described(str(found["description"]), tuple(map(str, found["tags"])))


def describe(client: Client, served: Served, said: Described) -> None:
    """Replace what is said of an environment."""
    path = (*STEAD, "environment", served.namespace, served.name)
    client.ask("PUT", path, body={"description": said.description, "tags": list(said.tags)})


def delete_environment(client: Client, served: Served) -> None:
    """Delete an environment with its builds."""
    path = (*V1, "environment", served.namespace, served.name)
    client.ask("DELETE", path, again=False)


def make_current(client: Client, served: Served, build: int) -> None:
    """Make a completed build the current one."""
    path = (*V1, "environment", served.namespace, served.name)
    client.ask("PUT", path, body={"build_id": build})


def builds(client: Client, **wanted: Any) -> Iterator[dict[str, Any]]:
    """List builds, the newest first."""
    return _pages(client, "build", {"order": "desc", "sort_by": "id", **wanted})


def build(client: Client, number: int) -> dict[str, Any]:
    """Give a build."""
    found: dict[str, Any] = client.get(*V1, "build", number)
    return found


def packages(client: Client, number: int) -> Iterator[dict[str, Any]]:
    """List the packages in a build, by name."""
    return _pages(client, "build", {"sort_by": "name"}, number, "packages")


def cancel(client: Client, number: int) -> bool:
    """Cancel a build; says whether it had not ended."""
    try:
        client.ask("PUT", (*V1, "build", number, "cancel"))
    except AnswerError as exc:
        if exc.status == 409:
            return False
        raise
    return True


def delete_build(client: Client, number: int) -> None:
    """Delete a build, whatever it is at."""
    client.ask("DELETE", (*V1, "build", number), again=False)


def newest_build(client: Client, served: Served, status: str = "") -> dict[str, Any] | None:
    """Give an environment's newest build, of a status if one is named."""
    number = environment(client, served)["id"]
    return next(builds(client, environment_id=number, status=status, size=1), None)


def log(client: Client, number: int, offset: int) -> LogPart:
    """Give a build's log from an offset on, and how the build stands."""
    found = client.get(*STEAD, "build", number, "log", offset=offset)
    return LogPart(
        found["text"], found["offset"], found["status"], found["reason"] or "", found["whole"]
    )


def submit(  # noqa: PLR0917
    client: Client,
    served: Served,
    kind: str,
    text: str,
    lock: str,
    description: str | None,
    priority: int | None = None,
) -> tuple[int, bool]:
    """Ask for a build; gives its number, and whether somebody had asked for the same already.

    Of builds that wait in a namespace the one with the highest ``priority`` comes first.
    """
    body: dict[str, Any] = {
        "namespace": served.namespace,
        "name": served.name,
        "kind": kind,
        "specification": text,
        "lock": lock,
        "description": description,
    }
    if priority is not None:
        body["priority"] = priority
    found = client.ask("POST", (*STEAD, "specification"), body=body)["data"]
    return int(found["build_id"]), bool(found["attached"])


def files(client: Client, number: int) -> Pulled:
    """Give what a build was made from. Raises RemoteError for files that are none of ours."""
    found = client.get(*STEAD, "build", number, "files")
    given = tuple((str(f["name"]), str(f["text"])) for f in found["files"])
    for name, _ in given:
        if name not in FILES:
            raise RemoteError(
                f"the store server gives a file {name!r}, which is no part of a specification",
                where=client.server.address,
                remedy="nothing was written; tell those who keep the server",
            )
    return Pulled(Served(found["namespace"], found["name"], number), found["kind"], given)


def settings(client: Client, scope: tuple[str, ...]) -> dict[str, Any]:
    """Give the settings that hold globally, in a namespace, or for an environment in one."""
    found: dict[str, Any] = client.get(*V1, "setting", *scope)
    return found


def set_settings(client: Client, scope: tuple[str, ...], values: Mapping[str, Any]) -> None:
    """Set values: all of them or none."""
    client.ask("PUT", (*V1, "setting", *scope), body=dict(values))


def _pages(
    client: Client,
    noun: str,
    query: Mapping[str, Any],
    *below: str | int,
    api: tuple[str, ...] = V1,
) -> Iterator[dict[str, Any]]:
    """Give what a list holds, page after page as they are wanted."""
    page = 1
    while True:
        asked = {"size": _PAGE, **query, "page": page}
        found = client.ask("GET", (*api, noun, *below), query=asked)
        yield from found["data"]
        # A server may give shorter pages than it was asked for.
        if not found["data"] or page * int(found["size"]) >= int(found["count"]):
            return
        page += 1
