"""What podman and docker are told, in the words that both understand.

Containers bear labels that say of which recipe, service and generation they are. Secrets go by
the environment of the program that makes the container, never by its arguments.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime

from stead.deploy._process import converse
from stead.values.errors import DeployError
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENGINES = ("podman", "docker")
LABEL = "dev.stead.container"
_ENDING = """\
import subprocess, sys, time
if not sys.stdin.buffer.read():
    # The engine may be about to make it.
    for _ in range(10):
        subprocess.call(sys.argv[1:])
        time.sleep(1)
"""
"""Removes a container, by the engine's words for that, unless it is told that all is over."""
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
    variables: tuple[str, ...] = ()
    made: float = 0.0
    """Seconds since the epoch."""
    started: float = 0.0
    """When it was started last; 0 for never."""
    mounts: tuple[tuple[str, str], ...] = ()
    """A volume's name or a path of this machine, and where it is mounted."""

    @property
    def up(self) -> bool:
        return self.state in ("running", "restarting")

    def label(self, name: str) -> str:
        """Give one of our labels; empty where it has none."""
        return dict(self.labels).get(f"{LABEL}.{name}", "")


@dataclass(frozen=True, slots=True)
class Start:
    """How a container is to be made of an image."""

    image: str
    variables: tuple[tuple[str, str], ...] = ()
    """Those that are no secret, and differ from the image's."""
    secrets: tuple[tuple[str, str], ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    """A volume's name or a path of this machine, and where it is mounted."""
    labels: tuple[tuple[str, str], ...] = ()


def find(name: str, environ: Mapping[str, str]) -> str:
    """Give the engine's program: podman's, else docker's, unless one is named.

    Raises DeployError without any.
    """
    path = environ.get("PATH", os.defpath)
    names = (name,) if name else ENGINES
    for one in names:
        if program := shutil.which(one, path=path):
            return program
    raise DeployError(
        f"there is no {' and no '.join(names)} here",
        remedy="install one, or deploy to a target of kind `image` or `local`",
    )


class Engine:
    """One engine of this machine. What it does not do raises DeployError."""

    def __init__(
        self,
        program: str,
        environ: Mapping[str, str],
        grace: int = 10,
        *,
        session: bool = True,
    ) -> None:
        """``grace`` is how many seconds a container has to end by itself.

        Without a ``session`` of their own the engine's programs are of the caller's group.
        """
        self.program = program
        self.grace = grace
        self._environ = environ
        self._session = session

    @property
    def name(self) -> str:
        return os.path.basename(self.program)

    def load(self, file: str) -> None:
        self._do("load", "--input", file)

    def has(self, image: str) -> bool:
        return self._run("image", "inspect", "--format", "{{.Id}}", image)[0] == 0

    def images(self, repository: str) -> list[str]:
        """Give the names of the images in a repository of the engine's own."""
        return self._do("images", "--format", "{{.Repository}}:{{.Tag}}", repository).split()

    def containers(self, recipe: str = "") -> list[Container]:
        """List a recipe's containers, or those of all recipes, of all generations."""
        listed = self._listed("recipe", recipe)
        if not listed:
            return []
        return sorted(read(self._do("container", "inspect", *listed)), key=_order)

    def create(self, name: str, start: Start) -> None:
        """Make a container of a new name. What has that name goes.

        On a full disk an engine may remove one by half: it lists it no longer, and keeps its name.
        """
        words = ["create", "--name", name, "--restart", "unless-stopped", *shared(start)]
        try:
            self._do(*words, start.image, secrets=start.secrets)
        except DeployError:
            self._run(*removing(self.name), name)
            self._do(*words, start.image, secrets=start.secrets)

    def start(self, *names: str) -> None:
        if names:
            self._do("start", *names)

    def stop(self, *names: str) -> None:
        if names:
            self._do("stop", "-t", str(self.grace), *names)

    def remove(self, *names: str) -> None:
        """Remove containers; those that run are ended at once."""
        if names:
            self._do(*removing(self.name), *names)

    def remove_commands(self, recipe: str) -> None:
        """Remove the containers of one-off commands that are left."""
        self.remove(*self._listed("command", recipe))

    def remove_image(self, name: str) -> None:
        self._run("rmi", name)

    def logs(self, name: str, lines: int, since: float = 0) -> str:
        """Give the last lines of a container, of those that came since a moment."""
        words = ["--since", _written(since)] if since else []
        _, out, err = self._run("logs", "--tail", str(lines), *words, name)
        return out + err

    def examine(self, name: str, start: Start, program: str, timeout: float) -> str:
        """Run a program of ``sh`` in a container whose name begins so; gives what it prints.

        Nothing where the image has no ``sh``, or it does not end within ``timeout`` seconds.
        """
        name = _of_its_own(name)
        words = ["run", "--rm", "--name", name, *shared(start), "--entrypoint", "sh"]
        with self._ended_with_us(name):
            try:
                return self._run(*words, start.image, "-c", program, timeout=timeout)[1]
            except TimeoutError:
                self._run(*removing(self.name), name)
                return ""

    def once(self, name: str, start: Start, arguments: Sequence[str] = ()) -> tuple[int, str]:
        """Run an image to its end, in a container whose name begins so; gives its code and output.

        It is ended where this process is before.
        """
        name = _of_its_own(name)
        words = ["run", "--rm", "--name", name, *shared(start), start.image, *arguments]
        with self._ended_with_us(name):
            code, out, err = self._run(*words, secrets=start.secrets)
        return code, out + err

    @contextlib.contextmanager
    def _ended_with_us(self, name: str) -> Iterator[None]:
        """See that a container ends with this process: no engine does."""
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _ENDING, self.program, *removing(self.name), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(self._environ),
            start_new_session=True,
        )
        try:
            yield
        finally:
            assert process.stdin is not None
            with contextlib.suppress(OSError), process.stdin as told:
                told.write(b"over")
            process.wait()

    def inside(self, name: str, command: Sequence[str], timeout: float) -> tuple[int, str]:
        """Run a command in a container that runs. Raises TimeoutError after ``timeout`` seconds.

        Neither engine ends what it began there; that ends with the container.
        """
        code, out, err = self._run("exec", name, *command, timeout=timeout)
        return code, out + err

    def interactive(self, start: Start, arguments: Sequence[str] = ()) -> int:
        """Run an image to its end with this program's own input and output; gives its code."""
        words = [self.program, "run", "--rm", "--interactive", *shared(start), start.image]
        environ = {**self._environ, **_secret(start.secrets)}
        return subprocess.run([*words, *arguments], env=environ, check=False).returncode

    def _listed(self, label: str, value: str) -> list[str]:
        filters = f"label={LABEL}.{label}" + (f"={value}" if value else "")
        return self._do("ps", "--all", "--quiet", "--filter", filters).split()

    def _do(self, *words: str, secrets: Sequence[tuple[str, str]] = ()) -> str:
        code, out, err = self._run(*words, secrets=secrets)
        if code != 0:
            raise DeployError(
                f"{self.name} {words[0]} failed",
                details=err.strip().splitlines()[-5:],
                remedy=f"see whether `{self.name} info` works for you",
            )
        return out

    def _run(
        self,
        *words: str,
        secrets: Sequence[tuple[str, str]] = (),
        timeout: float | None = None,
    ) -> tuple[int, str, str]:
        environ = {**self._environ, **_secret(secrets)}
        try:
            done = converse(
                [self.program, *words],
                (),
                environ=environ,
                timeout=timeout,
                session=self._session,
            )
        except TimeoutError:
            raise
        except OSError as exc:
            raise DeployError(f"{self.program} cannot be started: {exc.strerror}") from exc
        return done.code, done.out.decode("utf-8", "replace"), done.err


def _secret(secrets: Sequence[tuple[str, str]]) -> dict[str, str]:
    for name, _ in secrets:
        if name in _OWN or name.startswith(_OWN_STARTS):
            raise DeployError(
                f"the secret {name} would change the engine itself",
                remedy="give the variable another name",
            )
    return dict(secrets)


def generations(recipe: str, environ: Mapping[str, str]) -> set[int]:
    """Give the generations of a recipe of which any engine here has containers.

    Raises DeployError where there is no engine, or one of them does not say.
    """
    path = environ.get("PATH", os.defpath)
    there = [program for name in ENGINES if (program := shutil.which(name, path=path))]
    engines = [Engine(program, environ) for program in there or (find("", environ),)]
    return {one.generation for engine in engines for one in engine.containers(recipe)}


def shared(start: Start) -> list[str]:
    """Give the words for all that a container of a service shares with its machine.

    The network is the machine's: services find each other, and checks find them, where a
    recipe's ports are on every other kind of target.
    """
    words = ["--pull", "never", "--network", "host"]
    words += [w for key, value in start.labels for w in ("--label", f"{key}={value}")]
    words += [w for key, value in start.variables for w in ("--env", f"{key}={value}")]
    words += [w for key, _ in start.secrets for w in ("--env", key)]
    return [*words, *(w for name, at in start.volumes for w in ("--volume", f"{name}:{at}"))]


def _of_its_own(name: str) -> str:
    """Give a name that no other process has: who was killed has its container removed for a while."""
    return f"{name}-{os.urandom(4).hex()}"


def removing(engine: str) -> list[str]:
    """Give the words that remove containers, running or not, without waiting for them."""
    return ["rm", "--force", *(["--time", "0"] if engine == "podman" else [])]


def read(text: str) -> Iterator[Container]:
    """Read what ``container inspect`` says."""
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
            tuple(config.get("Env") or ()),
            moment(str(value.get("Created", ""))),
            moment(str(state.get("StartedAt", ""))),
            tuple(
                (str(m.get("Name") or m.get("Source")), str(m.get("Destination")))
                for m in value.get("Mounts") or ()
            ),
        )


def moment(text: str) -> float:
    """Read a moment as engines write it, in UTC or with an offset; 0 for none."""
    if text.startswith("0001-"):
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _written(moment: float) -> str:
    """Write a moment as engines read it."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


def _order(one: Container) -> tuple[int, str]:
    return one.generation, one.service
