"""A caller with a key of her own, in a home that is a scratch directory."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyrage
import pytest

from stead.config.secrets import Identities, resolve
from stead.config.secrets.age import encrypt
from stead.testing.world import make_context
from stead.values.origin import Origin
from stead.values.secret import parse_reference

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Person:
    """Her home, her key, and what she exports."""

    home: Path
    place: Path
    identity: object
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def public(self) -> str:
        return str(self.identity.to_public())

    @property
    def context(self):
        return make_context(self.home / "stead", environ={"HOME": str(self.home), **self.environ})

    def reference(self, text: str, line: int = 1):
        return parse_reference(text, str(self.place), Origin(str(self.place / "stead.toml"), line))

    def encrypt(self, name: str, text: str, *more: str) -> Path:
        path = self.place / name
        path.write_bytes(encrypt(text, [self.public, *more]))
        return path

    def get(self, text: str, **options) -> str:
        reference = self.reference(text)
        return resolve([reference], context=self.context, **options)[reference].reveal()

    def has_key(self, where: str = ".config/stead/identity.txt") -> Path:
        path = self.home / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# mine\n{self.identity}\n", encoding="utf-8")
        return path

    def asked(self, answers: list[str]) -> tuple[Identities, list[str]]:
        """Her keys with a terminal on which she gives these answers; and what was asked."""
        prompts: list[str] = []

        def ask(prompt: str) -> str | None:
            prompts.append(prompt)
            return answers.pop(0) if answers else None

        return Identities(self.context.environ, ask=ask), prompts


@pytest.fixture
def person(tmp_path: Path) -> Person:
    home, place = tmp_path / "ada", tmp_path / "place"
    home.mkdir()
    place.mkdir()
    made = Person(home, place, pyrage.x25519.Identity.generate())
    made.environ["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    return made


@pytest.fixture
def ssh_key(person: Person):
    """Make an SSH key by the real program; gives its private file."""

    def make(kind: str = "ed25519", passphrase: str = "", *more: str, name: str = "") -> Path:
        path = person.home / ".ssh" / (name or f"id_{kind}")
        path.parent.mkdir(exist_ok=True)
        argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path), *more]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
        return path

    return make
