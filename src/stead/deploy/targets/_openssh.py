"""OpenSSH's client: its command lines, and what its words mean."""

from __future__ import annotations

from stead.values.errors import ContactError, UnreachableError

CONNECT_SECONDS = 10
"""How long a connection may take to be made, where the user's configuration does not say."""


def options(patience: float, level: str = "ERROR", *, limited: bool = True) -> list[str]:
    """Give the client's options, which go before the user's configuration.

    Nothing is asked for at a terminal. A silent machine is noticed within half of ``patience``,
    which is before it takes this deploy for lost. Without ``limited`` the user's configuration
    says how long a connection may take to be made.
    """
    interval = max(1, int(patience / 8))
    chosen = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "ServerAliveInterval": str(interval),
        "ServerAliveCountMax": "3",
        "LogLevel": level,
        "RemoteCommand": "none",
        "RequestTTY": "no",
        "PermitLocalCommand": "no",
        "ClearAllForwardings": "yes",
    }
    if not limited:
        del chosen["ConnectTimeout"]
    return [word for name, value in chosen.items() for word in ("-o", f"{name}={value}")]


def configuration_line(destination: str) -> list[str]:
    """Give the client's command line that shows what is configured for a destination."""
    return ["ssh", "-G", "--", destined(destination)]


def limits(configured: str) -> bool:
    """Say whether a configuration, as the client shows it, limits how long connecting takes."""
    words = (line.split() for line in configured.lower().splitlines())
    return any(w[0] == "connecttimeout" and w[1:] not in ([], ["none"], ["0"]) for w in words if w)


def shared(control: str, *, first: bool) -> list[str]:
    """Give the options by which commands share a connection: for the one that makes it, and others."""
    if not control:
        return ["-o", "ControlMaster=no", "-o", "ControlPath=none"]
    master = "yes" if first else "no"
    return [
        "-o",
        f"ControlMaster={master}",
        "-o",
        f"ControlPath={control}",
        "-o",
        "ControlPersist=no",
    ]


def command_line(
    destination: str,
    remote: str,
    *,
    patience: float,
    control: str = "",
    first: bool = False,
    limited: bool = True,
) -> list[str]:
    """Give the client's command line for a command of the machine's shell."""
    # The one that makes the connection is told why a port could not be reached.
    chosen = options(patience, "INFO" if first else "ERROR", limited=limited)
    return ["ssh", *chosen, *shared(control, first=first), "--", destined(destination), remote]


def forwarding_line(
    destination: str,
    host: str,
    port: int,
    *,
    patience: float,
    control: str = "",
    level: str = "ERROR",
    limited: bool = True,
) -> list[str]:
    """Give the client's command line that joins its input and output to a port seen from there."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [
        "ssh",
        *options(patience, level, limited=limited),
        *shared(control, first=False),
        "-W",
        where,
        "--",
        destined(destination),
    ]


def destined(address: str) -> str:
    """Write an address as the client takes it: `user@host:port` is an address with a scheme there."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "://" not in address and ":" not in host.strip("[]"):
        return f"ssh://{address}"
    return address


def shares(system: str) -> bool:
    """Say whether the client of a system (``sys.platform``) can share a connection."""
    return system != "win32"


_SILENCE = ("timed out", "no route to host", "is unreachable", "host is down")


def explained(address: str, said: str) -> ContactError:
    """Say what the client's words mean, and what to do."""
    low = said.lower()
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("@")]
    last = lines[-1:] if lines else []
    if "host identification has changed" in low or ("host key for" in low and "changed" in low):
        return ContactError(
            f"{address} shows another host key than the known one",
            details=[one for one in lines if "offending" in one.lower() or "SHA256:" in one],
            remedy=f"if the machine was made anew, `ssh-keygen -R {_host(address)}`; else somebody may stand in between",
        )
    if "host key verification failed" in low or "no host key is known" in low:
        return ContactError(
            f"the host key of {address} is not known",
            remedy=f"compare it, and accept it once: `ssh {address}`",
        )
    if "permission denied" in low or "too many authentication failures" in low:
        return ContactError(
            f"{address} does not let us in",
            details=last,
            remedy=f"a key that needs no question: look at `ssh {address} true`; a key with a passphrase belongs in ssh-agent",
        )
    if "could not resolve" in low or "name or service not known" in low:
        return UnreachableError(
            f"nobody knows the name {_host(address)}",
            details=last,
            remedy="check `hosts` of the target, and your ssh configuration",
        )
    if "connection refused" in low:
        return UnreachableError(
            f"{address} refuses the connection",
            details=last,
            remedy="does sshd run there, and on that port?",
        )
    silent = any(words in low for words in _SILENCE)
    return (UnreachableError if silent else ContactError)(
        f"{address} cannot be reached",
        details=last,
        remedy=f"try `ssh {address} true`",
    )


def _host(address: str) -> str:
    return address.removeprefix("ssh://").rpartition("@")[2].partition(":")[0]
