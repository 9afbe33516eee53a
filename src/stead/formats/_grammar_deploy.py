"""The tables of ``stead.toml`` that say what runs where: recipes and targets."""

# As in `_grammar`, annotations must be types here, not texts.

from typing import Literal

from stead.formats._grammar_values import A_NAME, NAME, HealthTable, Value
from stead.formats.models import Model, entry

COUNTED = rf"{NAME}(:{NAME})?"
A_COUNTED = "an app, or APP:PROCESS"


class CountsTable(Model):
    """What a recipe says otherwise for one target."""

    counts: dict[str, int] = entry(
        "How many of an app, or of one process of it, run on each machine.",
        factory=dict,
        keys=COUNTED,
        means=A_COUNTED,
        examples=("viewer = 2",),
    )
    set: dict[str, Value] = entry(
        "Values: of a variable, or `MODULE.NAME` of one module's.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('"store.PG_POOL" = 20',),
    )


class RecipeTable(CountsTable):
    """`[recipe.NAME]` is an app, or several, with settings. Each app is a recipe of its own name
    too, where none is declared.
    """

    app: str | tuple[str, ...] = entry(
        "What runs.", default=(), examples=('app = "viewer"', 'app = ["viewer", "api"]')
    )
    environment: str = entry(
        "The environment it runs in. Without it: the one that each app names.",
        default="",
        examples=('environment = "prod"',),
    )
    net: str = entry("The net it is in.", default="", examples=('net = "office"',))
    host: str = entry(
        "The host it is on, where no target says.", default="", examples=('host = "lab"',)
    )
    targets: tuple[str, ...] = entry(
        "Where it may run.", default=(), examples=('targets = ["lab"]',)
    )
    target: dict[str, CountsTable] = entry(
        "What is otherwise on one target.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=("lab = { counts = { viewer = 4 } }",),
    )
    keep: int = entry(
        "How many versions stay on a machine, to go back to.", default=5, examples=("keep = 3",)
    )
    health: dict[str, HealthTable] = entry(
        "What must hold once all of it runs, besides what its apps say.",
        factory=dict,
        keys=NAME,
        means=A_NAME,
        examples=('front = { url = "http://localhost:8080/" }',),
    )
    pyinfra: str = entry(
        "A deploy of pyinfra, relative to this file, that runs on the machines first: for what"
        " lies outside Stead's own directories, as system packages and users.",
        default="",
        examples=('pyinfra = "machines/deploy.py"',),
    )
    include: tuple[str, ...] = entry(
        "Patterns of files that belong to the code although git ignores them, as `.gitignore` writes"
        " them, without `!`: `data/*.csv` means files of `data` itself, `data/**/*.csv` those at"
        " any depth below it, and a name without a slash is meant wherever it is. A file like"
        " `.env.local` comes only by a pattern that names it, and `.env` never.",
        default=(),
        examples=('include = ["build/site/**"]',),
    )
    exclude: tuple[str, ...] = entry(
        "Patterns of files that stay here, written as those of `include` are.",
        default=(),
        examples=('exclude = ["docs/**"]',),
    )


class TargetTable(Model):
    """`[target.NAME]` is where a recipe runs."""

    kind: Literal["local", "ssh", "image", "container"] = entry(
        "What it is: a directory of this machine, machines over SSH, a container image, or a"
        " container started from one.",
        default="local",
        examples=('kind = "ssh"',),
    )
    hosts: tuple[str, ...] = entry(
        "The machines, as `ssh` takes them.",
        default=(),
        examples=('hosts = ["lab.example.org", "deploy@lab2:2222"]',),
    )
    host: str = entry(
        "The `host` whose offers these machines have.", default="", examples=('host = "lab"',)
    )
    directory: str = entry(
        "Where on the machine all of Stead's lies. Without it: `~/.local/share/stead-node`.",
        default="",
        examples=('directory = "/srv/stead"',),
    )
    parallel: int = entry(
        "How many machines at once, at most.", default=4, examples=("parallel = 8",)
    )
    serial: int = entry(
        "How many machines make a batch: the next begins when all of one are well. `0`: all are"
        " one.",
        default=0,
        examples=("serial = 1",),
    )
    sudo: Literal["never", "services"] = entry(
        "What `sudo` is used for on the machine: nothing, or the units of services.",
        default="never",
        examples=('sudo = "services"',),
    )
    services: Literal["auto", "systemd", "supervise"] = entry(
        "What keeps the processes running: systemd, a supervisor of Stead's, or systemd where it"
        " runs.",
        default="auto",
        examples=('services = "supervise"',),
    )
    create: tuple[str, ...] = entry(
        "The command that makes the machines. It runs here, once, before the first deploy there.",
        default=(),
        command=True,
        examples=('create = ["./machines/make", "lab"]',),
    )
    destroy: tuple[str, ...] = entry(
        "The command that takes them away again.",
        default=(),
        command=True,
        examples=('destroy = ["./machines/remove", "lab"]',),
    )
    platform: str = entry(
        "The machines' platform. Without it: the one Stead runs on.",
        default="",
        examples=('platform = "linux-64"',),
    )
    base: str = entry(
        "The image that an image is made upon: `oci:DIRECTORY[:TAG]`, `oci-archive:FILE`, or a"
        " name in a registry. Without it: nothing but what is deployed.",
        default="",
        examples=('base = "oci:images/debian"',),
    )
    output: str = entry(
        "Where the image goes, in the same words.",
        default="",
        examples=('output = "oci:images/viewer"',),
    )
    user: str = entry(
        "The user that processes of an image run as.", default="", examples=('user = "1000"',)
    )
    engine: str = entry(
        "The program that starts containers. Without it: podman or docker.",
        default="",
        examples=('engine = "podman"',),
    )
