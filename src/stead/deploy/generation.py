"""What a generation's directory on a machine holds: pure, payload → files.

::

    payload.json            what is shown and compared; no secret
    digest                  the payload's
    checks                  what must hold while it runs, as JSON
    manager                 systemd, systemd-user or none: who keeps the services running
    log                     blocks of 512 bytes that a service's log may have
    services                their names, a line each
    ports                   `PORT SERVICE`, a line each: other recipes leave these alone
    trees                   `tree KEY` or `own KEY`, `part DIGEST` …, `end`, for each tree
    run/SERVICE             the shell's program that becomes the service; mode 0600
    commands/NAME           the same for one-off commands, and for checks (`.check-0` …)
    units/                  for systemd
    files/ …                rendered files
    code/KEY/ …             trees of its own: code that asks for files with a secret
"""

from __future__ import annotations

import io
import json
import re
import shlex

from stead.deploy.targets import GENERATION, generation_directory
from stead.values.deployment import Facts, Health, Payload, Service
from stead.values.digest import canonical
from stead.values.errors import DeployError
from stead.values.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.deploy.targets import Delivery

CHECK = ".check-{}"
"""A check's name among the commands."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def numbered(payload: Payload, number: int) -> Payload:
    """Put a generation's number where the payload has :data:`~stead.deploy.targets.GENERATION`."""

    def text(value: str) -> str:
        return value.replace(GENERATION, str(number))

    def service(value: Service) -> Service:
        return replace(
            value,
            argv=tuple(text(word) for word in value.argv),
            directory=text(value.directory),
            environment=tuple((name, text(held)) for name, held in value.environment),
        )

    token, there = GENERATION.encode(), str(number).encode()
    return replace(
        payload,
        services=tuple(service(one) for one in payload.services),
        commands=tuple(replace(one, service=service(one.service)) for one in payload.commands),
        files=tuple(
            replace(
                one,
                path=text(one.path),
                content=None if one.content is None else one.content.replace(token, there),
            )
            for one in payload.files
        ),
        checks=tuple(
            replace(one, command=tuple(text(word) for word in one.command))
            for one in payload.checks
        ),
        secrets=tuple((name, key, text(value)) for name, key, value in payload.secrets),
    )


def manager(facts: Facts) -> str:
    """Say who keeps services running there: ``systemd``, ``systemd-user``, or ``none`` but us."""
    return facts.init


def files(
    delivery: Delivery, number: int, facts: Facts, log_blocks: int = 8192
) -> dict[str, tuple[bytes, int]]:
    """Give each file of the generation's directory, with its mode.

    Raises DeployError where a name or a path cannot stand there.
    """
    payload = numbered(delivery.payload, number)
    where = generation_directory(payload.root, payload.recipe, number)
    kept = manager(facts)
    held = {
        "payload.json": delivery.record.encode(),
        "digest": f"{delivery.digest}\n".encode(),
        "checks": canonical(payload.checks) + b"\n",
        "manager": f"{kept}\n".encode(),
        "log": f"{log_blocks}\n".encode(),
        "services": "".join(f"{one.name}\n" for one in payload.services).encode(),
        "ports": "".join(f"{p} {s.name}\n" for s in payload.services for p in s.ports).encode(),
        "trees": _trees(payload).encode(),
    }
    secrets = _secrets(payload)
    for one in payload.services:
        held[f"run/{_named(one.name)}"] = script(one, secrets.get(one.name, {})).encode()
    for command in payload.commands:
        known = secrets.get(command.service.name, {})
        held[f"commands/{_named(command.name)}"] = script(
            command.service, known, more=True
        ).encode()
    for index, check in enumerate(payload.checks):
        if check.command:
            service = _checking(payload, check)
            known = secrets.get(service.name, {})
            held[f"commands/{CHECK.format(index)}"] = script(service, known).encode()
    if kept != "none":
        for name, text in units(payload, number, kept, facts.user).items():
            held[f"units/{name}"] = text.encode()
    placed = {name: (content, 0o600) for name, content in held.items()}
    for file in payload.files:
        inside = file.path.removeprefix(f"{where}/")
        if inside == file.path or ".." in inside.split("/") or inside in placed:
            raise DeployError(
                f"{file.path} does not lie where a generation's files belong",
                remedy=f"render it below {where}/files",
            )
        if file.content is None:
            raise DeployError(f"{file.path} has no content: its secrets were not opened")
        placed[inside] = (file.content, 0o600 if file.secret else file.mode)
    return placed


def checks_of(text: str) -> tuple[Health, ...]:
    """Read a generation's ``checks`` again."""
    return tuple(
        Health(
            url=one["url"],
            port=one["port"],
            command=tuple(one["command"]),
            status=one["status"],
            timeout=one["timeout"],
            service=one.get("service", ""),
        )
        for one in json.loads(text or "[]")
    )


def archive(placed: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Pack a generation's files, compressed: a tar that any `tar` unpacks."""
    import gzip
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, (content, mode) in sorted(placed.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def script(service: Service, secrets: Mapping[str, str], *, more: bool = False) -> str:
    """Give the shell's program that becomes a service, or a command that takes ``more`` words.

    Whatever a value holds, it arrives as it is: no unit's or environment file's quoting knows
    all of them.
    """
    lines = [f"mkdir -p -- {shlex.quote(path)}" for path in service.makes]
    lines.append(f"cd {shlex.quote(service.directory or '/')} || exit 200")
    for name, value in [*service.environment, *sorted(secrets.items())]:
        if not _VARIABLE.match(name) or "\0" in value:
            raise DeployError(
                f"{service.name}: a shell cannot set the variable {name}",
                remedy="give it a name of letters, digits and _",
            )
        lines.append(f"export {name}={shlex.quote(value)}")
    words = " ".join(shlex.quote(word) for word in service.argv)
    lines.append(f"exec {words}" + (' "$@"' if more else ""))
    return "\n".join(lines) + "\n"


def units(payload: Payload, number: int, kept: str, user: str) -> dict[str, str]:
    """Give the units of a generation, by file name: one per service, and a target over them."""
    where = generation_directory(payload.root, payload.recipe, number)
    target = f"stead-{payload.recipe}.target"
    found, names = {}, []
    for service in payload.services:
        name = f"stead-{payload.recipe}-{service.name}.service"
        names.append(name)
        lines = [
            "[Unit]",
            f"Description={service.name} of {payload.recipe}, deployed by Stead",
            f"PartOf={target}",
            "After=network.target",
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            "Type=simple",
            f'ExecStart=/bin/sh "{_unit_text(f"{where}/run/{service.name}")}"',
            *([f"User={user}"] if kept == "systemd" and user != "root" else []),
            "Restart=always",
            "RestartSec=1",
            "TimeoutStopSec=10",
        ]
        found[name] = "\n".join(lines) + "\n"
    wanted = "multi-user.target" if kept == "systemd" else "default.target"
    lines = ["[Unit]", f"Description={payload.recipe}, deployed by Stead"]
    lines += [f"Wants={name}" for name in names]
    lines += ["", "[Install]", f"WantedBy={wanted}"]
    found[target] = "\n".join(lines) + "\n"
    return found


def _unit_text(text: str) -> str:
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(special, escaped)
    return text


def _trees(payload: Payload) -> str:
    lines: list[str] = []
    for tree in payload.trees:
        kind = "own" if tree.own else "tree"
        lines += [f"{kind} {tree.key}", *(f"part {part.digest}" for part in tree.parts), "end"]
    return "".join(f"{line}\n" for line in lines)


def _secrets(payload: Payload) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for service, variable, value in payload.secrets:
        found.setdefault(service, {})[variable] = value
    wanted: Iterable[Service] = [*payload.services, *(one.service for one in payload.commands)]
    for one in wanted:
        missing = [name for name in one.secrets if name not in found.get(one.name, {})]
        if missing:
            raise DeployError(f"{one.name}: {missing[0]} is secret, and was not opened")
    return found


def _checking(payload: Payload, check: Health) -> Service:
    """Give what a check's command runs as: in the place and with the variables of its service."""
    every = [*payload.services, *(one.service for one in payload.commands)]
    named = [one for one in every if one.name == check.service] or every
    if not named:
        return Service("check", "", check.command, payload.root)
    return replace(named[0], argv=check.command)


def _named(name: str) -> str:
    if not _NAME.match(name):
        raise DeployError(
            f"{name!r} cannot be a service's name on a machine",
            remedy="use letters, digits, _, - and .",
        )
    return name


__all__ = ["CHECK", "archive", "checks_of", "files", "manager", "numbered", "script", "units"]
