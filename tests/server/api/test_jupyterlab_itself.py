"""The published JupyterLab extension, from the package index, in a browser, against a server."""

from __future__ import annotations

import json

import pytest
from tests.server.api.jupyterlab import (
    Extension,
    Store,
    free_port,
    install,
    laboratory,
    serving,
    working,
)

from stead.testing.browser import browser
from stead.testing.channel import Package, make_channel, text

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.needs("chromium")]

LAB = "environment/default/lab/"
BUILDS = "build/?namespace=default&name=lab&order=desc&sort_by=id"
UNTOLD = "Enter here the description of your environment"


def test_an_environment_is_made_changed_switched_and_deleted_in_its_page(here, tmp_path):
    install(tmp_path / "venv")
    each = (("tiny", "1.0"), ("tiny", "2.0"), ("other", "3.0"))
    made = [Package(n, v, entries=(text(f"share/{n}.txt", v),)) for n, v in each]
    channel = f"file://{make_channel(tmp_path / 'channel', made, here.name)}"
    port = free_port()
    with (
        serving(tmp_path, f"http://127.0.0.1:{port}") as store,
        laboratory(tmp_path / "venv", tmp_path, port, store.url) as lab,
        browser(tmp_path) as page,
    ):
        page.listen("Network", "Runtime")
        extension = Extension(page, lab, store.url)
        with working(tmp_path):
            store.build(f"name: seen\nchannels: ['{channel}']\ndependencies: [tiny=2.0, other]\n")
            log_in(extension, store)
            look(extension)
            fail(extension, store, channel)
        create(extension, store, channel)
        with working(tmp_path):
            extension.see("Status: Completed", "tiny\t\n\n1.0", "Show lockfile")
            read_files(extension, store, channel)
            edit(extension, store)
        switch(extension, store)
        assert refused(extension) == []
        gone = tuple(f"/api/v1/build/{build['id']}/" for build in store.get(BUILDS))
        delete(extension, store)
        log_out(extension)
        # It looks after a build every five seconds, until it is told that the environment is deleted.
        late = [call for call in refused(extension) if call[1].startswith(gone) and call[2] == 404]
        assert set(refused(extension)) - set(late) == {("POST", "/logout?next=/", 303)}
        thrown = [told for kind, told in page.events if kind == "Runtime.exceptionThrown"]
    assert thrown == []


def refused(extension: Extension) -> list[tuple[str, str, object]]:
    """Give the calls that were answered otherwise than with 200, or went wrong."""
    return [call for call in extension.calls() if call[2] not in (200, None)]


def log_in(extension: Extension, store: Store) -> None:
    """By the form that the page leads to, with the administrator's token."""
    extension.open()
    extension.see("Log in", "default")
    assert not may(extension)
    extension.press("Log in")
    extension.page.fill("document.querySelector('input[name=token]')", store.token)
    extension.page.press("document.querySelector('button')")
    extension.page.wait(f"location.href.startsWith({json.dumps(extension.lab)})")
    extension.find_menu()
    # Whose environments are their own stand apart from those that are shared.
    extension.see("Log out", "admin", "Shared Environments")
    assert may(extension)


def look(extension: Extension) -> None:
    """At an environment that somebody else had made."""
    extension.unfold()
    extension.press("seen")
    extension.see("Status: Completed", "- Active", "=2.0", "tiny\t\n\n2.0", "Show lockfile")


def ask_for(extension: Extension, name: str, channel: str, package: str) -> None:
    """Ask for a new environment: its name, a description, and a pasted text."""
    extension.press("New")
    extension.write("Environment name", name)
    extension.write(UNTOLD, "made here")
    extension.holds(f"form.environmentCreate.name == '{name}'")
    extension.holds("form.environmentCreate.description == 'made here'")
    extension.switch_editor()
    extension.paste(f"channels:\n  - {channel}\ndependencies:\n  - {package}")
    extension.switch_editor()
    extension.see("+ Add Package", package.partition("=")[0], channel)
    with extension.asking("POST", "/api/v1/specification/"):
        extension.press("Create")


def fail(extension: Extension, store: Store, channel: str) -> None:
    """Ask for what nobody has: the page says why it failed, and leads to the log."""
    ask_for(extension, "broken", channel, "nowhere")
    extension.see("Status: Failed", "nowhere")
    (build,) = store.get("build/?namespace=default&name=broken")
    assert build["status"] == "FAILED"
    extension.see(build["status_info"])
    with extension.following("Log"):
        extension.page.wait("document.body?.innerText.includes('nowhere')")


def create(extension: Extension, store: Store, channel: str) -> None:
    """Ask for an environment that nobody builds yet."""
    ask_for(extension, "lab", channel, "tiny=1.0")
    extension.see("made here", "- Active - Queued", "Status: Queued")
    assert store.get(LAB)["description"] == "made here"
    (build,) = store.get(BUILDS)
    assert build["status"] == "QUEUED"
    shown = store.get(f"build/{build['id']}/")["specification"]["spec"]
    assert (shown["channels"], shown["dependencies"]) == ([channel], ["tiny=1.0"])


def read_files(extension: Extension, store: Store, channel: str) -> None:
    """Each link that the page shows leads to what the server has."""
    (build,) = store.get(BUILDS)
    assert (build["status"], store.get(LAB)["current_build_id"]) == ("COMPLETED", build["id"])
    log = f"Show Conda environment {build['id']} log"
    links = {"Show yml file": "tiny=1.0", "Show lockfile": f"{channel}/", log: "+ conda:tiny 1.0"}
    for name, words in links.items():
        with extension.following(name):
            extension.page.wait(f"document.body?.innerText.includes({json.dumps(words)})")


def edit(extension: Extension, store: Store) -> None:
    """A package that is suggested when its name is begun, and what is said of the environment."""
    extension.press("Edit")
    extension.press("+ Add Package")
    with extension.asking("GET", "/api/v1/package/?search=oth&page=1&size=100&distinct_on=name"):
        extension.write("Enter package", "oth")
    extension.choose("other")
    extension.holds(
        'JSON.stringify(form.requestedPackages.requestedPackages) == \'["tiny=1.0","other"]\''
    )
    extension.write(UNTOLD, "made better")
    with extension.asking("POST", "/api/v1/specification/"):
        extension.press("Save")
    extension.see("Status: Completed", "tiny\t\n\n1.0", "other\t\n\n3.0")
    second, first = store.get(BUILDS)
    assert (second["status"], first["status"]) == ("COMPLETED", "COMPLETED")
    assert store.get(f"build/{second['id']}/")["specification"]["spec"]["dependencies"] == [
        "tiny=1.0",
        "other",
    ]
    found = store.get(LAB)
    assert (found["current_build_id"], found["description"]) == (second["id"], "made better")


def switch(extension: Extension, store: Store) -> None:
    """Back to the first build. Which one is current the page knows of the list that it asked for at its begin."""
    second, first = (build["id"] for build in store.get(BUILDS))
    extension.open()
    extension.unfold()
    extension.press("lab")
    extension.see("made better", "- Active", "Status: Completed", "other\t\n\n3.0")
    extension.press("Edit")
    extension.open_choice("- Active")
    extension.choose("- Available")
    extension.holds(f"form.enviroments.newCurrentBuild == {first}")
    with extension.asking("PUT", f"/api/v1/{LAB}"):
        extension.press("Change environment version")
    extension.lack("Change environment version", "- Available")
    extension.holds(f"form.tabs.selectedEnvironment.current_build_id == {first}")
    assert store.get(LAB)["current_build_id"] == first
    packages = store.get(f"build/{first}/packages/")
    assert [package["name"] for package in packages] == ["tiny"]
    assert [build["id"] for build in store.get(BUILDS)] == [second, first]


def delete(extension: Extension, store: Store) -> None:
    extension.press("Delete environment")
    with extension.asking("DELETE", f"/api/v1/{LAB}"):
        extension.press("Delete", "[role=dialog] button")
    extension.see("Select an environment to show details")
    extension.lack("lab\n")
    assert store.missing(LAB)
    assert store.get(BUILDS) == []
    assert [each["name"] for each in store.get("environment/")] == ["broken", "seen"]


def log_out(extension: Extension) -> None:
    extension.page.evaluate("window.left = true")
    with extension.asking("POST", "/logout?next=/", 303):
        extension.press("Log out")
    extension.page.wait("!window.left")
    extension.find_menu()
    extension.see("Log in", "default")
    assert not may(extension)


def may(extension: Extension) -> bool:
    """Whether the page, with what the browser keeps, is somebody to the server."""
    asked = f"fetch('{extension.url}/api/v1/permission/', {{credentials: 'include'}})"
    found: bool = extension.page.evaluate(
        f"{asked}.then(a => a.json()).then(a => a.data.authenticated)"
    )
    return found
