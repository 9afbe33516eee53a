"""The calls that the published JupyterLab extension makes, as a browser sends them.

``jupyterlab-conda-store`` shows ``@conda-store/conda-store-ui``; the calls are those that the
sources of its version 2024.11.1 make: paths, parameters in their order, bodies. It sends
cookies along (``credentials: include``) from the page of another origin.
"""

from __future__ import annotations

import json

import pytest
from tests.server.api.conftest import admit

from stead.server.database import builds
from stead.server.values import NewPackage

LAB = "http://127.0.0.1:8888"
CHANNEL = "https://channel.example/main"
CODE = f"channels:\n  - {CHANNEL}\ndependencies:\n  - tiny=1.0\nvariables: {{}}\n"


@pytest.fixture
def client(make_client):
    return make_client(cors=(LAB,))


class Page:
    """A page of JupyterLab in a browser: sends its origin, and the cookies it was given."""

    def __init__(self, client, origin: str = LAB) -> None:
        self.client = client
        self.origin = origin
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, body: object = None, **headers: str):
        headers |= {"Origin": self.origin}
        if method not in ("GET", "POST") or body is not None:
            asked = {
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "content-type",
            }
            before = self.client.ask("OPTIONS", path, token="", headers=headers | asked)
            assert before.status_code == 200, before.text
            assert method in before.headers["access-control-allow-methods"]
            assert "content-type" in before.headers["access-control-allow-headers"]
            assert before.headers["access-control-allow-credentials"] == "true"
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        options = {} if body is None else {"json": body}
        answer = self.client.ask(method, path, token="", headers=headers, **options)
        # Without these a browser hands the answer to no page.
        assert answer.headers["access-control-allow-origin"] == self.origin, answer.text
        assert answer.headers["access-control-allow-credentials"] == "true"
        for cookie in answer.headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            assert "HttpOnly" in cookie
        return answer

    def get(self, path: str):
        answer = self.ask("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()


@pytest.fixture
def page(client):
    """A page whose reader has logged in, through the form that the extension leads to."""
    made = Page(client)
    assert made.get("/api/v1/permission/")["data"]["authenticated"] is False
    # The button asks for the page once, then leads there.
    here = f"/login?next={LAB}/lab"
    assert made.ask("GET", here).status_code == 200
    form = client.ask("GET", here, token="")
    assert 'name="token"' in form.text
    action = form.text.partition('action="')[2].partition('"')[0]
    # What a browser says of where a form is from depends on the page's policy.
    known = form.headers["referrer-policy"] != "no-referrer"
    own = {"Origin": "http://stead.example" if known else "null"}
    sent = client.ask("POST", action, token="", headers=own, data={"token": client.admin})
    assert (sent.status_code, sent.headers["location"]) == (303, f"{LAB}/lab")
    cookie = sent.headers["set-cookie"]
    assert "HttpOnly" in cookie
    made.cookies["conda-store-auth"] = cookie.partition(";")[0].partition("=")[2].strip('"')
    client.http.cookies.clear()
    assert made.get("/api/v1/permission/")["data"]["authenticated"] is True
    return made


def test_the_lists_that_it_begins_with(page):
    page.client.submit()
    assert page.get("/api/v1/namespace/?page=1&size=100")["count"] == 2
    found = page.get("/api/v1/environment/?page=1&size=100&search=")
    assert [each["name"] for each in found["data"]] == ["tiny"]
    assert page.get("/api/v1/environment/?page=1&size=100&search=nothing")["count"] == 0


def test_an_environment_from_its_making_to_its_end(page):
    text = f"{CODE}\ndescription: 'mine'\nname: lab\nprefix: null"
    body = {"namespace": "team", "specification": text}
    made = page.ask("POST", "/api/v1/specification/", body)
    assert made.status_code == 200, made.text
    build = made.json()["data"]["build_id"]
    shown = page.get(f"/api/v1/build/{build}/")["data"]
    assert (shown["status"], shown["build_artifacts"]) == ("QUEUED", [])
    assert shown["specification"]["spec"]["dependencies"] == ["tiny=1.0"]
    page.client.complete(build)
    environment = page.get("/api/v1/environment/team/lab/")["data"]
    assert (environment["current_build_id"], environment["description"]) == (build, "mine")
    changed = {"namespace": "team", "specification": text.replace("tiny=1.0", "tiny")}
    second = page.ask("POST", "/api/v1/specification/", changed).json()["data"]["build_id"]
    page.client.complete(second)
    listed = page.get("/api/v1/build/?namespace=team&name=lab&order=desc&sort_by=scheduled_on")
    assert [each["id"] for each in listed["data"]] == [second, build]
    assert page.get("/api/v1/build/")["count"] == 2
    packages = page.get(f"/api/v1/build/{second}/packages/?page=1&size=100")
    assert [each["name"] for each in packages["data"]] == ["tiny"]
    for route in ("lockfile", "yaml", "logs"):
        assert page.ask("GET", f"/api/v1/build/{second}/{route}/").status_code == 200
    back = page.ask("PUT", "/api/v1/environment/team/lab/", {"build_id": build})
    assert back.status_code == 200
    assert page.get("/api/v1/environment/team/lab/")["data"]["current_build_id"] == build
    assert page.ask("DELETE", "/api/v1/environment/team/lab/").status_code == 200
    assert page.get("/api/v1/environment/?page=1&size=100&search=")["count"] == 0


def test_an_environment_is_shown_by_its_first_build_until_one_is_completed(page):
    path = "/api/v1/environment/team/lab/"
    lists = ("/api/v1/environment/?page=1&size=100&search=", "/api/v2/environment/?limit=10")

    def submit(version: str) -> int:
        text = f"{CODE}\nname: lab".replace("1.0", version)
        body = {"namespace": "team", "specification": text}
        return page.ask("POST", "/api/v1/specification/", body).json()["data"]["build_id"]

    def shown() -> int | None:
        found = {page.get(path)["data"]["current_build_id"]}
        found |= {page.get(each)["data"][0]["current_build_id"] for each in lists}
        (build,) = found
        return build

    # The page asks for the list at once, and never again: with no build in it, it would show none.
    first, second = submit("1.0"), submit("2.0")
    assert shown() == first
    own = page.client.get("/api/stead/v1/environment/team/lab/").json()["data"]
    assert own["current_build_id"] is None
    database = page.client.services.database
    with database.begin() as connection:
        admit(connection, page.client.services, database.now())
        attempt = builds.get(connection, first).attempt
        builds.fail(connection, first, attempt, database.now(), reason="there is no such package")
    assert shown() == first
    found = page.get("/api/v1/environment/?status=FAILED")["data"]
    assert [each["name"] for each in found] == ["lab"]
    assert page.get("/api/v1/environment/?status=COMPLETED")["count"] == 0
    page.client.complete(second)
    assert shown() == second
    assert page.get("/api/v1/environment/?status=FAILED")["count"] == 0
    # One whose current build is gone has none, though it has others.
    assert page.client.ask("DELETE", f"/api/v1/build/{second}/").status_code == 200
    assert shown() is None


def test_an_environment_from_a_lock(page):
    body = {
        "namespace": "team",
        "specification": "version: 1\nmetadata: {channels: [], platforms: []}\npackage: []\n",
        "environment_name": "locked",
        "environment_description": "of a lock",
        "is_lockfile": True,
    }
    made = page.ask("POST", "/api/v1/specification/", body)
    assert made.status_code == 200, made.text
    shown = page.get(f"/api/v1/build/{made.json()['data']['build_id']}/")["data"]
    assert shown["specification"]["spec"]["lockfile"]["package"] == []
    refused = page.ask("POST", "/api/v1/specification/", body | {"specification": "no lock"})
    assert refused.status_code == 400
    # What it shows to its reader.
    assert "lock" in refused.json()["message"]


def test_packages_and_their_versions_are_suggested_once_each(page):
    client = page.client
    build = client.submit()
    client.complete(build)
    held = [
        NewPackage(channel, name, version, "0")
        for channel in (CHANNEL, "https://other.example")
        for name, version in (("numpy", "1.0"), ("numpy", "2.0"), ("numpydoc", "2.0"))
    ]
    with client.services.database.begin() as connection:
        from stead.server.database import packages

        packages.put_packages(connection, builds.get(connection, build).id, held)
    names = page.get("/api/v1/package/?search=nump&page=1&size=100&distinct_on=name")
    assert ([p["name"] for p in names["data"]], names["count"]) == (["numpy", "numpydoc"], 2)
    versions = page.get(
        "/api/v1/package/?search=numpy&exact=true&distinct_on=version&page=1&order=desc"
        "&sort_by=version"
    )
    assert ([p["version"] for p in versions["data"]], versions["count"]) == (["2.0", "1.0"], 2)
    assert {p["name"] for p in versions["data"]} == {"numpy"}
    both = page.get("/api/v1/package/?search=numpy&distinct_on=name&distinct_on=version")
    assert both["count"] == 3
    assert page.ask("GET", "/api/v1/package/?distinct_on=colour").status_code == 422


def test_it_logs_out(page):
    assert page.ask("POST", "/logout?next=/").headers["location"] == "/"
    assert page.cookies == {"conda-store-auth": ""}
    assert page.get("/api/v1/permission/")["data"]["authenticated"] is False


def test_pages_of_others_do_nothing_with_the_cookie(page):
    cookie = {"Cookie": f"conda-store-auth={page.cookies['conda-store-auth']}"}
    evil = cookie | {"Origin": "https://evil.example"}
    for method, path in (
        ("POST", "/api/v1/namespace/theirs/"),
        ("DELETE", "/api/v1/namespace/default/"),
        ("POST", "/logout/"),
        ("POST", "/login/"),
    ):
        answer = page.client.ask(method, path, token="", headers=evil)
        assert answer.status_code == 403, f"{method} {path}"
    quiet = cookie | {"Sec-Fetch-Site": "cross-site"}
    made = ("POST", "/api/v1/namespace/theirs/")
    assert page.client.ask(*made, token="", headers=quiet).status_code == 403
    assert page.client.ask(*made, token="", headers=cookie).status_code == 200


def test_a_cookie_that_means_nothing_any_more_is_nobodys(client):
    answer = client.get("/api/v1/permission/", token="", headers={"Cookie": "conda-store-auth=old"})
    assert (answer.status_code, answer.json()["data"]["authenticated"]) == (200, False)
    # The list that is answered sooner than others too.
    client.submit()
    own = {"Cookie": f"conda-store-auth={client.admin}"}
    assert client.get("/api/v1/environment/", token="", headers=own).json()["count"] == 1
    assert client.get("/api/v1/environment/", token="").json()["count"] == 0


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil",
    ],
)
def test_logging_in_leads_nowhere_else(client, where):
    form = client.get("/login/", token="", params={"next": where}).text
    assert "evil" not in form
    assert "alert" not in form
    sent = client.ask(
        "POST", "/login/", token="", params={"next": where}, data={"token": client.admin}
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/")


def test_a_program_logs_in_with_its_token_for_a_password(client):
    body = {"username": "ann", "password": client.admin}
    answer = client.ask("POST", "/login/", token="", json=body)
    assert answer.json()["status"] == "ok"
    assert client.admin in answer.headers["set-cookie"]
    assert client.get("/api/v1/permission/", token="").json()["data"]["authenticated"] is True
    assert "You are <b>admin</b>" in client.get("/", token="").text
    client.http.cookies.clear()
    for body, status in (({"password": "x"}, 401), ({}, 422), ([], 422), ({"token": 1}, 422)):
        wrong = client.ask("POST", "/login/", token="", json=body)
        assert (wrong.status_code, wrong.json()["status"]) == (status, "error")
        assert "set-cookie" not in wrong.headers
    form = client.ask("POST", "/login/", token="", data={"token": "<b>"})
    assert form.status_code == 401
    assert "not valid" in form.text
    assert json.dumps("<b>") not in form.text


def test_with_https_the_cookie_is_for_https_alone(client):
    client.http.base_url = "https://stead.example"
    body = {"token": client.admin}
    cookie = client.ask("POST", "/login/", token="", json=body).headers["set-cookie"]
    assert "Secure" in cookie
    assert "SameSite=none" in cookie
