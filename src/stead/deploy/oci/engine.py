"""What podman and docker are told, in the words that both understand.

Containers bear labels that say of which recipe, service and generation they are; a generation
that was not confirmed yet has :data:`NEW` at the end of its containers' names. Secrets go by
the environment of the program that makes the container, never by its arguments.
"""

from __future__ import annotations

import json
import os
import shutil

from stead.values.errors import DeployError
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stead.values.context import Context

ENGINES = ("podman", "docker")
NEW = ".new"
LABEL = "dev.stead.container"
_OWN = ("PATH", "HOME", "USER", "XDG_RUNTIME_DIR", "TMPDIR")
_OWN_STARTS = ("LD_", "DOCKER_", "CONTAINER", "PODMAN_", "BUILDAH_", "REGISTRY_")


@dataclass(frozen=True, slots=True)
class Container:
    """One that the engine knows."""

    name: str
    service: str
    generation: int
    state: str
    """``running``, ``exited``, ``created``, …"""
    pid: int = 0
    restarts: int = 0
    code: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    image: str = ""
    variables: tuple[str, ...] = ()
    made: str = ""
    last: str = ""
    """When it was started last."""
    mounts: tuple[tuple[str, str], ...] = ()
    """A volume's name or a path of this machine, and where it is mounted."""

    @property
    def started(self) -> tuple[str, int]:
        """What tells which of several was started last."""
        return self.last, self.generation

    @property
    def new(self) -> bool:
        return self.name.endswith(NEW)


@dataclass(frozen=True, slots=True)
class Start:
    """How a container is to be made of an image."""

    image: str
    variables: tuple[tuple[str, str], ...] = ()
    """Those that are no secret, and differ from the image's."""
    secrets: tuple[tuple[str, str], ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    """A volume's name or a path of this machine, and where it is mounted."""


class Engine:
    """One engine of this machine."""

    def __init__(self, name: str, context: Context, grace: int = 10) -> None:
        """Find it: podman, else docker, unless one is named. Raises DeployError without any.

        ``grace`` is how many seconds a container has to end by itself.
        """
        self._grace = grace
        path = context.environ.get("PATH", os.defpath)
        names = (name,) if name else ENGINES
        self.program = next((p for n in names if (p := shutil.which(n, path=path))), "")
        self._context = context
        if not self.program:
            raise DeployError(
                f"there is no {' and no '.join(names)} here",
                remedy="install one, or deploy to a target of kind `image` or `local`",
            )

    def load(self, file: str) -> None:
        self._do("load", "--input", file)

    def has(self, image: str) -> bool:
        return self._run("image", "inspect", "--format", "{{.Id}}", image)[0] == 0

    def containers(self, recipe: str) -> list[Container]:
        """List a recipe's containers, those of all generations."""
        listed = self._do("ps", "--all", "--quiet", "--filter", f"label={LABEL}.recipe={recipe}")
        if not listed.split():
            return []
        return sorted(_read(self._do("container", "inspect", *listed.split())), key=_order)

    def create(self, name: str, labels: Mapping[str, str], start: Start) -> None:
        words = ["create", "--name", name, "--restart", "unless-stopped", *shared(start)]
        words += [w for key, value in labels.items() for w in ("--label", f"{key}={value}")]
        self._do(*words, start.image, secrets=start.secrets)

    def start(self, *names: str) -> None:
        self._do("start", *names)

    def stop(self, *names: str) -> None:
        if names:
            self._do("stop", "--time", str(self._grace), *names)

    def remove(self, *names: str) -> None:
        if names:
            self._do("rm", "--force", *names)

    def rename(self, name: str, new: str) -> None:
        self._do("rename", name, new)

    def remove_image(self, name: str) -> None:
        self._run("rmi", name)

    def logs(self, name: str, lines: int) -> str:
        _, out, err = self._run("logs", "--tail", str(lines), name)
        return out + err

    def once(self, start: Start, arguments: Sequence[str] = ()) -> tuple[int, str]:
        """Run an image to its end; gives its exit code and what it said."""
        words = ["run", "--rm", *shared(start), start.image, *arguments]
        code, out, err = self._run(*words, secrets=start.secrets)
        return code, out + err

    def inside(self, name: str, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in a container that runs."""
        code, out, err = self._run("exec", name, *command)
        return code, out + err

    def interactive(self, start: Start, arguments: Sequence[str] = ()) -> int:
        """Run an image to its end with this program's own input and output; gives its code."""
        import subprocess

        words = [self.program, "run", "--rm", "--interactive", *shared(start), start.image]
        environ = {**self._context.environ, **self._secret(start.secrets)}
        return subprocess.run([*words, *arguments], env=environ, check=False).returncode

    def _do(self, *words: str, secrets: Sequence[tuple[str, str]] = ()) -> str:
        code, out, err = self._run(*words, secrets=secrets)
        if code != 0:
            raise DeployError(
                f"{os.path.basename(self.program)} {words[0]} failed",
                details=err.strip().splitlines()[-5:],
                remedy=f"see whether `{os.path.basename(self.program)} info` works for you",
            )
        return out

    def _run(self, *words: str, secrets: Sequence[tuple[str, str]] = ()) -> tuple[int, str, str]:
        environ = {**self._context.environ, **self._secret(secrets)} if secrets else None
        done = self._context.run([self.program, *words], env=environ)
        return done.returncode, done.stdout, done.stderr

    def _secret(self, secrets: Sequence[tuple[str, str]]) -> dict[str, str]:
        for name, _ in secrets:
            if name in _OWN or name.startswith(_OWN_STARTS):
                raise DeployError(
                    f"the secret {name} would change the engine itself",
                    remedy="give the variable another name",
                )
        return dict(secrets)


def generations(recipe: str, context: Context) -> set[int]:
    """Give the generations of a recipe of which any engine here has containers.

    Raises DeployError where there is no engine, or one of them does not say.
    """
    path = context.environ.get("PATH", os.defpath)
    there = [name for name in ENGINES if shutil.which(name, path=path)]
    engines = [Engine(name, context) for name in there or ("",)]
    return {one.generation for engine in engines for one in engine.containers(recipe)}


def shared(start: Start) -> list[str]:
    """Give the words for all that a container of a service shares with its machine.

    The network is the machine's: services find each other, and checks find them, where a
    recipe's ports are on every other kind of target.
    """
    words = ["--pull", "never", "--network", "host"]
    words += [w for key, value in start.variables for w in ("--env", f"{key}={value}")]
    words += [w for key, _ in start.secrets for w in ("--env", key)]
    return [*words, *(w for name, at in start.volumes for w in ("--volume", f"{name}:{at}"))]


def _read(text: str) -> Iterator[Container]:
    for value in json.loads(text):
        config, state = value.get("Config") or {}, value.get("State") or {}
        labels = config.get("Labels") or {}
        yield Container(
            str(value.get("Name", "")).lstrip("/"),
            labels.get(f"{LABEL}.service", ""),
            int(labels.get(f"{LABEL}.generation") or 0),
            str(state.get("Status", "")),
            int(state.get("Pid") or 0),
            int(value.get("RestartCount") or 0),
            int(state.get("ExitCode") or 0),
            tuple(sorted(labels.items())),
            str(labels.get(f"{LABEL}.image", "")),
            tuple(config.get("Env") or ()),
            str(value.get("Created", "")),
            str(state.get("StartedAt", "")),
            tuple(
                (str(m.get("Name") or m.get("Source")), str(m.get("Destination")))
                for m in value.get("Mounts") or ()
            ),
        )


def _order(one: Container) -> tuple[int, str]:
    return one.generation, one.service
