"""A composition, written down as one would in a manifest."""

from __future__ import annotations

import random

import pytest

from stead.config.bind import resolve
from stead.values.kinds import (
    App,
    Client,
    Data,
    Declaration,
    Endpoint,
    Host,
    Kinds,
    Lib,
    Limit,
    Net,
    Offer,
    Recipe,
    Target,
    Type,
)
from stead.values.manifest import PathEntry, Variable
from stead.values.origin import Origin
from stead.values.platform import Platform
from stead.values.selection import Selection
from stead.values.spec import Configuration
from stead.values.table import Definition

_LIMITS = {"min": "minimum", "max": "maximum", "choices": "choices", "pattern": "pattern"}


def type_of(given):
    if isinstance(given, str):
        return Type(given)
    limits = {_LIMITS[k]: v for k, v in given.items() if k in _LIMITS}
    schemes = given.get("scheme", ())
    return Type(given.get("type", "str"), **limits, schemes=tuple(schemes))


class Composition:
    """Each entry stands on a line of its own, in the order it was written here."""

    def __init__(self, place="/p"):
        self.place = place
        self.line = 0
        self.parts = {
            k: []
            for k in ("libs", "hosts", "nets", "data", "clients", "apps", "recipes", "targets")
        }
        self.definitions = []
        self.declarations = []
        self.paths = []
        self.more = {}

    def at(self, file="stead.toml"):
        self.line += 1
        return Origin(f"{self.place}/{file}", self.line)

    def variables(self, given):
        return tuple(
            Variable(name, value, base=self.place, origin=self.at())
            for name, value in (given or {}).items()
        )

    def declared(self, accepts):
        made = []
        for name, given in accepts.items():
            options = {} if isinstance(given, str) else given
            made.append(
                Declaration(
                    name, type_of(given), options.get("default"),
                    required=options.get("required", False),
                    description=options.get("description", ""),
                    base=self.place, origin=self.at(),
                )
            )  # fmt: skip
        return tuple(made)

    def lib(self, name, accepts=None, **options):
        origin = self.at()
        self.parts["libs"].append(Lib(name, self.declared(accepts or {}), origin=origin, **options))

    def host(self, name, *, limits=None, **offers):
        origin = self.at()
        made = {
            kind: tuple(Offer(n, v, self.at()) for n, v in given.items())
            for kind, given in offers.items()
        }
        limited = tuple(Limit(n, type_of(g), self.at()) for n, g in (limits or {}).items())
        self.parts["hosts"].append(
            Host(name, **made, limits=limited, base=self.place, origin=origin)
        )

    def net(self, name, **endpoints):
        origin = self.at()
        made = tuple(Endpoint(n, origin=self.at(), **given) for n, given in endpoints.items())
        self.parts["nets"].append(Net(name, made, origin))

    def data(self, name, version=""):
        self.parts["data"].append(Data(name, version, origin=self.at()))

    def client(self, name, uses, values=None, **options):
        origin = self.at()
        self.parts["clients"].append(
            Client(
                name, uses, values=self.variables(values), base=self.place, origin=origin, **options
            )
        )

    def app(self, name, clients=(), *, listen=None, data=None, values=None, **options):
        origin = self.at()
        self.parts["apps"].append(
            App(
                name, tuple(clients), listen=self.variables(listen), data=self.variables(data),
                variables=self.variables(values), base=self.place, origin=origin, **options,
            )
        )  # fmt: skip

    def recipe(self, name, *apps, settings=None, **options):
        origin = self.at()
        self.parts["recipes"].append(
            Recipe(
                name, apps, settings=self.variables(settings), base=self.place, origin=origin,
                **options,
            )
        )  # fmt: skip

    def target(self, name, host):
        self.parts["targets"].append(Target(name, host=host, origin=self.at()))

    def define(self, rank, values, *, depth=0, by=None, file="stead.toml", base=None):
        for name, value in values.items():
            self.definitions.append(
                Definition(name, value, rank, depth, by or rank, base or self.place, self.at(file))
            )

    def vars(self, **values):
        self.define("vars", values, by="[vars]")

    def dotenv(self, **values):
        self.define(".env", values, by=".env", file=".env")

    def declare(self, **accepts):
        self.declarations += self.declared(accepts)

    def path(self, name, path):
        self.paths.append(PathEntry(name, path, self.place, self.at()))

    def configuration(self, shuffle=None):
        def order(items):
            items = list(items)
            if shuffle is not None:
                random.Random(shuffle).shuffle(items)
            return tuple(items)

        return Configuration(
            definitions=order(self.definitions),
            declarations=order(self.declarations),
            kinds=Kinds(**{k: order(v) for k, v in self.parts.items()}),
            paths=order(self.paths),
            **self.more,
        )

    def resolve(self, *, platform="linux-64", ambient=None, shuffle=None, given=None, **selection):
        settings = tuple(
            Definition(n, v, "--set", base=self.place) for n, v in (given or {}).items()
        )
        return resolve(
            self.configuration(shuffle),
            Selection(settings=settings, **selection),
            platform=Platform(platform),
            ambient=ambient or {},
            place=self.place,
        )


@pytest.fixture
def composition():
    return Composition()


@pytest.fixture(scope="session")
def new_composition():
    return Composition


@pytest.fixture
def values():
    """The names and values of a table that has no findings."""

    def give(table):
        assert [str(f) for f in table.findings] == []
        return {e.name: e.value for e in table.entries}

    return give


@pytest.fixture
def only():
    """The one finding of a table."""

    def give(table):
        assert len(table.findings) == 1, [(str(f), f.details) for f in table.findings]
        return table.findings[0]

    return give
