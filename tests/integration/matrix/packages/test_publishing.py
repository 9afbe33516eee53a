"""Packages uploaded to indexes, and put into channels and directories."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import keyring.backend
import pytest
from uv import find_uv_bin

from stead.matrix import logins, products, publishing
from stead.matrix.publishing import Login
from stead.testing.index import Sdist, Wheel
from stead.testing.uploads import accept
from stead.testing.world import make_context
from stead.values.errors import NetworkError, SecretError, SteadError, StoreError, UsageError
from stead.values.package import FORMAT_OF, PackageDefinition
from stead.values.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stead.values.context import Context
    from stead.values.package import Builder
    from stead.values.suite import Product

ANN = Login("ann", Secret("s3cret"))


def made(builder: Builder, project: Path, context: Context) -> Product:
    definition = PackageDefinition(builder, builder, FORMAT_OF[builder])
    return products.make(definition, str(project), None, context)


def given(path: Path, content: bytes, context: Context) -> Product:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    kind = "wheel" if path.name.endswith(".whl") else "sdist"
    definition = PackageDefinition("given", "file", kind, file=str(path))
    return products.make(definition, str(path.parent), None, context)


@pytest.fixture
def wheel(tmp_path: Path, context: Context) -> Product:
    one = Wheel("Spam-Eggs", "1.2", requires=("ham", "x; extra == 'y'"), requires_python=">=3.8")
    return given(tmp_path / "own" / one.filename, one.content(), context)


def test_a_wheel_and_an_sdist_are_uploaded_with_their_metadata(
    wheel: Product, tmp_path: Path, context: Context
) -> None:
    one = Sdist("other", "2.0")
    sdist = given(tmp_path / one.filename, one.content(), context)
    with accept(tmp_path / "index", password=("ann", "s3cret")) as index:
        where = publishing.place(index.url, "/")
        for product in (wheel, sdist):
            assert publishing.publish(product, where, ANN, context) == "published"
    first, second = index.forms
    assert first["name"] == ["Spam-Eggs"]
    assert first["requires_dist"] == ["ham", "x; extra == 'y'"]
    assert first["requires_python"] == [">=3.8"]
    assert (first["filetype"], first["pyversion"]) == (["bdist_wheel"], ["py3"])
    assert (second["filetype"], second["pyversion"]) == (["sdist"], ["source"])
    assert second["version"] == ["2.0"]


def test_what_was_uploaded_installs_with_uv(
    project: Path, tmp_path: Path, context: Context
) -> None:
    product = made("wheel", project, context)
    with accept(tmp_path / "index") as index:
        publishing.publish(product, publishing.place(index.url, "/"), Login(), context)
    target = tmp_path / "target"
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--no-config", "--no-deps", "--target", target,
         "--default-index", f"{(tmp_path / 'index').as_uri()}/simple", "spam==1.5"],
        check=True, capture_output=True, env={**context.environ, "UV_CACHE_DIR": str(tmp_path / "c")},
    )  # fmt: skip
    assert (target / "spam" / "__init__.py").exists()


def test_what_is_there_already_is_an_error_unless_asked_otherwise(
    wheel: Product, tmp_path: Path, context: Context
) -> None:
    with accept(tmp_path / "index") as index:
        where = publishing.place(index.url, "/")
        publishing.publish(wheel, where, Login(), context)
        with pytest.raises(SteadError, match="is there already"):
            publishing.publish(wheel, where, Login(), context)
        again = publishing.publish(wheel, where, Login(), context, skip_existing=True)
        assert again == "there already"


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        ((401, "who are you"), "token"),
        ((404, "nothing here"), "address for uploads"),
        ((301, "http://127.0.0.1:9/elsewhere"), "address that this one leads to"),
        ((503, "come back later"), "what the index says"),
    ],
)
def test_a_refusal_is_told_without_the_secret(
    wheel: Product, tmp_path: Path, context: Context, answer: tuple[int, str], remedy: str
) -> None:
    with accept(tmp_path / "index") as index:
        index.answer = (answer[0], f"{answer[1]}" + ("" if answer[0] == 301 else " s3cret"))
        with pytest.raises(NetworkError) as raised:
            publishing.publish(wheel, publishing.place(index.url, "/"), ANN, context)
    assert str(answer[0]) in raised.value.message
    assert remedy in raised.value.remedy
    assert "s3cret" not in str(raised.value)


def test_an_index_that_does_not_answer_is_named(wheel: Product, context: Context) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        where = publishing.place(f"http://127.0.0.1:{held.getsockname()[1]}/", "/")
        with pytest.raises(NetworkError, match="does not answer"):
            publishing.publish(wheel, where, Login(), context)


def test_a_password_goes_nowhere_in_clear(wheel: Product, context: Context) -> None:
    where = publishing.place("http://index.example/legacy/", "/")
    with pytest.raises(UsageError, match="in clear"):
        publishing.publish(wheel, where, ANN, context)


def test_offline_nothing_is_sent(wheel: Product, context: Context) -> None:
    offline = make_context(context.home, offline=True)
    where = publishing.place("https://index.example/legacy/", "/")
    with pytest.raises(NetworkError, match="not to be used"):
        publishing.publish(wheel, where, Login(), offline)


# -- logins


def login(context: Context, to: str = "https://index.example/", **values: object) -> Login:
    values = {"user": "", "reference": "", "token": False, **values}
    where = publishing.place(to, "/")
    return logins.login_of(
        where, values.pop("user"), values.pop("reference"), "/", context, **values
    )


def test_the_login_is_found_where_it_may_be(context: Context) -> None:
    def world(**environ: str) -> Context:
        return make_context(context.home, environ={**context.environ, **environ})

    token = logins.TOKEN_USER
    assert login(world(STEAD_PUBLISH_TOKEN="t")) == Login(token, Secret("t"))
    assert login(world(UV_PUBLISH_TOKEN="t")) == Login(token, Secret("t"))
    twine = world(TWINE_USERNAME="ann", TWINE_PASSWORD="p")
    assert login(twine) == Login("ann", Secret("p"))
    assert login(twine, user="bob") == Login("bob", Secret("p"))
    assert login(world(X="v"), reference="env:X", token=True) == Login(token, Secret("v"))
    assert login(world(X="v"), reference="env:X", user="ann") == Login("ann", Secret("v"))
    assert login(twine, to="https://eve:p%40ss@index.example/") == Login("eve", Secret("p@ss"))
    assert login(twine, to="some/directory") == Login()


class Keyring(keyring.backend.KeyringBackend):
    """A person's keyring, unlocked."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        kept = {("https://index.example/legacy/", "ann"): "kept"}
        return kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


def test_the_keyring_is_asked_by_the_address(context: Context) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        kept = login(context, to="https://index.example/legacy/", user="ann")
        assert kept == Login("ann", Secret("kept"))
        assert login(context, to="https://other.example/", user="ann") == Login("ann")
    finally:
        keyring.set_keyring(before)


def test_a_login_in_an_address_is_not_shown() -> None:
    where = publishing.place("https://eve:p%40ss@index.example/legacy/", "/")
    assert (where.shown, where.address) == ("https://index.example/legacy/",) * 2
    assert "p@ss" not in repr(where)


def test_a_secret_itself_is_refused_on_the_command_line(context: Context) -> None:
    with pytest.raises(UsageError, match="no reference") as raised:
        login(context, reference="pypi-AgEI", token=True)
    assert "AgEI" not in str(raised.value)
    with pytest.raises(SecretError):
        login(context, reference="env:NOT_SET", token=True)


@pytest.mark.parametrize("address", ["ftp://index.example/", "https:///nowhere"])
def test_an_address_that_takes_nothing_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        publishing.place(address, "/")


# -- directories and channels


def test_a_directory_gets_files_side_by_side(
    wheel: Product, tmp_path: Path, context: Context
) -> None:
    where = publishing.place("out", str(tmp_path))
    assert publishing.publish(wheel, where, Login(), context) == "published"
    assert publishing.publish(wheel, where, Login(), context) == "there already"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["Spam_Eggs-1.2-py3-none-any.whl"]
    other = Wheel("Spam-Eggs", "1.2")
    changed = given(tmp_path / "other" / other.filename, other.content(), context)
    with pytest.raises(StoreError, match="it is another one"):
        publishing.publish(changed, where, Login(), context)


def test_a_channel_is_indexed_with_every_package(
    project: Path, tmp_path: Path, context: Context
) -> None:
    where = publishing.place((tmp_path / "channel").as_uri(), "/")
    first = made("conda", project, context)
    assert publishing.publish(first, where, Login(), context) == "published"
    for file in (project / "pyproject.toml", project / "backend.py"):
        file.write_text(file.read_text().replace("1.5", "1.6"))
    second = made("conda", project, context)
    assert publishing.publish(second, where, Login(), context) == "published"
    index = json.loads((tmp_path / "channel" / "noarch" / "repodata.json").read_bytes())
    found = {record["version"]: record for record in index["packages.conda"].values()}
    assert found.keys() == {"1.5", "1.6"}
    assert found["1.6"]["depends"] == list(second.requires)


def test_conda_packages_go_to_directories_only(
    project: Path, tmp_path: Path, context: Context
) -> None:
    product = made("conda", project, context)
    with pytest.raises(UsageError, match="a channel that is a directory"):
        publishing.publish(
            product, publishing.place("https://index.example/", "/"), Login(), context
        )


def test_metadata_alone_is_nothing_to_publish(
    project: Path, tmp_path: Path, context: Context
) -> None:
    product = made("metadata", project, context)
    with pytest.raises(UsageError, match="nothing that can be published"):
        publishing.publish(product, publishing.place("out", str(tmp_path)), Login(), context)


# -- another server


@contextmanager
def pypiserver(directory: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    directory.mkdir()
    log = open(directory.parent / "server.log", "wb")  # noqa: SIM115
    server = subprocess.Popen(
        [sys.executable, "-m", "pypiserver", "run", "-i", "127.0.0.1", "-p", str(port),
         "-P", ".", "-a", ".", "--disable-fallback", str(directory)],
        stdout=log, stderr=log,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(900):
            try:
                with urllib.request.urlopen(url, timeout=5):
                    break
            except OSError:
                assert server.poll() is None, (directory.parent / "server.log").read_text()
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()
        log.close()


@pytest.mark.slow
def test_a_server_of_others_takes_it_and_pip_installs_it(
    project: Path, tmp_path: Path, context: Context
) -> None:
    with pypiserver(tmp_path / "served") as url:
        where = publishing.place(url, "/")
        for builder in ("wheel", "sdist"):
            product = made(builder, project, context)
            assert publishing.publish(product, where, Login(), context) == "published"
        with pytest.raises(SteadError, match="is there already"):
            publishing.publish(product, where, Login(), context)
        target = tmp_path / "target"
        subprocess.run(
            [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check",
             "--cache-dir", tmp_path / "pip", "install", "--no-deps", "--target", target,
             "--index-url", f"{url}simple/", "spam"],
            check=True, capture_output=True, env=dict(context.environ),
        )  # fmt: skip
    assert (target / "spam" / "__init__.py").exists()
