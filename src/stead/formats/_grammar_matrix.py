"""The tables of ``stead.toml`` that say what a project packages and tests."""

# No `from __future__ import annotations` here: see `_grammar`.

from typing import Literal

from stead.formats.models import Model, entry

LAYER = r"[A-Za-z0-9][A-Za-z0-9._-]*"
FACTOR = r"[A-Za-z0-9_][A-Za-z0-9_.]*"


class PackageTable(Model):
    """`[package.NAME]` says how to come by a package of the project for the environments that test
    it: build one, take a file, or take a released version. What no chosen environment needs is not
    built.
    """

    builder: str = entry(
        "How to build: `sdist`, `wheel`, `conda`, `command`, or a word that a plugin brings."
        " Without it, the definition's own name, or the other keys, say.",
        default="",
        pattern=LAYER,
        means="a name (letters, digits, dots, dashes and underscores)",
        examples=('builder = "wheel"',),
    )
    path: str = entry(
        "The project's directory, relative to this file.", default="", examples=('path = "lib"',)
    )
    recipe: str = entry(
        "The recipe of a conda package, relative to this file. Without it, one is made from the"
        " project's metadata.",
        default="",
        examples=('recipe = "conda/recipe.yaml"',),
    )
    command: tuple[str, ...] = entry(
        'The command that builds, for `builder = "command"`.',
        default=(),
        command=True,
        examples=('command = ["python", "-m", "build", "-w"]',),
    )
    outputs: tuple[str, ...] = entry(
        "Glob patterns of the files that the command leaves.",
        default=(),
        examples=('outputs = ["dist/*.whl"]',),
    )
    format: Literal["sdist", "wheel", "conda"] | None = entry(
        "What kind of package it is, where file names do not show it.",
        default=None,
        examples=('format = "wheel"',),
    )
    file: str = entry(
        "A package that is there already, relative to this file.",
        default="",
        examples=('file = "dist/viewer-1.0-py3-none-any.whl"',),
    )
    version: str = entry(
        "A released version, taken from an index or channel.",
        default="",
        examples=('version = "1.4.2"',),
    )
    distribution: str = entry(
        "What the released package is called, if not like the project.",
        default="",
        examples=('distribution = "viewer"',),
    )
    python: str = entry(
        "The interpreter to build with. Without it: that of the environment which needs the"
        " package.",
        default="",
        examples=('python = "3.12"',),
    )
    environment: str = entry(
        "The environment to build in, in place of one made for the build.",
        default="",
        pattern=LAYER,
        means="a name of an environment",
        examples=('environment = "build"',),
    )
    match: str | tuple[str, ...] = entry(
        "The environments that take it: factor expressions over their names. Without it: all that"
        " can install the format.",
        default=(),
        examples=('match = "py3{10-12}-venv,!conda"', 'match = ["linux-venv", "osx"]'),
    )
    universal: bool = entry(
        "One build serves every interpreter and platform.",
        default=False,
        examples=("universal = true",),
    )
    inputs: tuple[str, ...] = entry(
        "Glob patterns of files outside the project that the build reads.",
        default=(),
        examples=('inputs = ["../schema/*.json"]',),
    )
    pass_env: tuple[str, ...] = entry(
        "Variables of the caller that the build sees: names or patterns. A change of one builds"
        " anew.",
        default=(),
        examples=('pass-env = ["CFLAGS"]',),
    )
    description: str = entry(
        "One line for listings.", default="", examples=('description = "As on the index"',)
    )


class TestTable(Model):
    """`[test]` says what is tested when nothing is named."""

    __test__ = False

    environments: str | tuple[str, ...] = entry(
        "The environments that run: factor expressions.",
        default=(),
        examples=(
            'environments = "py3{10-12}-{venv,conda}-test"',
            'environments = ["lint", "docs"]',
        ),
    )
