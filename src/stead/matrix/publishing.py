"""Packages given to others: uploaded to an index, or put into a channel or a directory.

Indexes take wheels and source distributions by the upload interface that all of them
speak: one form per file, with its metadata and digests. A conda channel here is a
directory with its index, which any web server can serve.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from stead.values.errors import StoreError, UsageError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.secret import Secret
    from stead.values.suite import Product

Outcome = Literal["published", "there already"]


@dataclass(frozen=True, slots=True)
class Login:
    """Who uploads; ``password`` may be a token."""

    user: str = ""
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where to publish: the ``address`` of an index, without a login, or a ``directory``."""

    shown: str
    address: str = ""
    directory: str = ""
    login: Login | None = None
    """The login that the address itself held."""


def place(target: str, cwd: str) -> Place:
    """Read where to publish to. Raises UsageError for an address that nothing can be sent to."""
    from stead.values.secret import Secret

    if target.startswith("file:"):
        from urllib.request import url2pathname

        return Place(target, directory=url2pathname(urlsplit(target).path))
    if "://" not in target:
        return Place(target, directory=os.path.normpath(os.path.join(cwd, target)))
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"packages cannot be sent to {parts.scheme}://…",
            remedy="name an address that begins with https://, or a directory",
        )
    host = parts.netloc.rpartition("@")[2]
    address = parts._replace(netloc=host).geturl()
    login = None
    if parts.username:
        password = Secret(unquote(parts.password)) if parts.password else None
        login = Login(unquote(parts.username), password)
    return Place(address, address=address, login=login)


def publish(
    product: Product,
    where: Place,
    login: Login,
    context: Context,
    *,
    skip_existing: bool = False,
) -> Outcome:
    """Publish one package.

    What is there already with the same content is no error; what is there with another
    content is one, unless ``skip_existing``. Raises UsageError for a package that the place
    cannot take, NetworkError, StoreError.
    """
    if product.format not in ("wheel", "sdist", "conda"):
        raise UsageError(
            f"{product.definition} is nothing that can be published",
            remedy="publish a wheel, a source distribution or a conda package",
        )
    if where.directory:
        return _into_directory(product, where.directory, context, skip_existing=skip_existing)
    if product.format == "conda":
        raise UsageError(
            "conda packages are published to a channel that is a directory",
            where=where.shown,
            remedy="name its path; a web server can serve it",
        )
    from stead.matrix import uploading

    return uploading.upload(product, where, login, context, skip_existing=skip_existing)


# -- directories


def _into_directory(
    product: Product, directory: str, context: Context, *, skip_existing: bool
) -> Outcome:
    from stead.store import locking

    conda, name = product.format == "conda", os.path.basename(product.path)
    target = os.path.join(directory, product.tags[0] if conda else "", name)
    with locking.exclusive(
        os.path.join(directory, ".stead-lock"),
        note=context.progress.note,
        description=f"publishing to {directory}",
        remove=True,
    ):
        if os.path.exists(target):
            if skip_existing or _same(product.path, target):
                return "there already"
            raise StoreError(
                f"{name} is there already, and it is another one",
                where=target,
                remedy="raise the version (or a conda package's build number)",
            )
        _copy(product.path, target)
        if conda:
            _index(directory, context)
    return "published"


def _same(first: str, second: str) -> bool:
    from stead.store.hashing import hash_file

    return hash_file(first) == hash_file(second)


def _copy(source: str, target: str) -> None:
    from stead.store.atomic import storage, write_file

    with storage(source), open(source, "rb") as file:
        content = file.read()
    write_file(target, content)


def _index(channel: str, context: Context) -> None:
    from stead.matrix import by_conda

    os.makedirs(os.path.join(channel, "noarch"), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stead-index-") as work:
        by_conda.index(channel, work, context)
