"""Environments made by the standard library's venv: without pip, and with wheels unpacked."""

from __future__ import annotations

import os
import zipfile

from stead.matrix.directory import InDirectory
from stead.values.activation import Change
from stead.values.digest import short_key
from stead.values.errors import InterpreterError, SteadError


class Plain(InDirectory):
    """A virtual environment with nothing in it but the package under test."""

    name = "plain"
    installs = ("wheel",)

    def key(self, asked, context):
        environment, product = asked.environment, asked.product
        if environment.interpreter is None:
            raise InterpreterError(f"{environment.name} has no interpreter")
        python = environment.interpreter
        content = product.content if product else ""
        system = environment.contents.system_site_packages
        return short_key(["plain 1", python.path, python.version, content, system])

    def fill(self, asked, directory, context, log):
        environment, product = asked.environment, asked.product
        python = environment.interpreter.path
        log(f"making a virtual environment of {python}")
        options = ["--system-site-packages"] if environment.contents.system_site_packages else []
        done = context.run([python, "-I", "-m", "venv", "--without-pip", *options, directory])
        if done.returncode:
            raise SteadError("venv failed", details=done.stderr.splitlines())
        if product is not None:
            [site] = [
                os.path.join(directory, "lib", name, "site-packages")
                for name in os.listdir(os.path.join(directory, "lib"))
            ]
            with zipfile.ZipFile(product.path) as wheel:
                wheel.extractall(site)

    def activation(self, asked, made, context):
        return (Change("set", "VIRTUAL_ENV", made.prefix),)
