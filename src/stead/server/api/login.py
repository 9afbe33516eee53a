"""Logging in with a browser: a form that takes a token, and the cookie that keeps it.

There are no passwords: a token says who asks. Programs that send a user's name with a
password send the token as the password. The cookie is no one's to read but the server's, and
pages of other origins act with it only where ``cors`` names them.
"""

from __future__ import annotations

import html
from typing import Annotated
from urllib.parse import parse_qs, quote, urlsplit

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stead.server.api.errors import BadRequest
from stead.server.api.requests import COOKIE, Caller, is_own, json_answer
from stead.server.api.v1 import models
from stead.server.auth import Credentials, Who, who_asks
from stead.server.values import instant

router = APIRouter(tags=["login"])

Next = Annotated[str | None, Query(max_length=2000)]

FORM = "application/x-www-form-urlencoded"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stead</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem }}
input, button {{ font: inherit; padding: .4rem .6rem; width: 100%; box-sizing: border-box; margin: .4rem 0 }}
.wrong {{ color: #a00 }}
</style>
<h1>Stead</h1>
{body}
</html>
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action *; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # With `no-referrer` a browser sends the form from an origin that it calls `null`.
    "Referrer-Policy": "same-origin",
}
_HTML: dict[int | str, dict[str, object]] = {200: {"content": {"text/html": {}}}}
_LOGGED_IN: dict[int | str, dict[str, object]] = {
    200: {"model": models.Done},
    303: {"description": "Logged in or out by a form; goes on to `next`."},
    401: {
        "model": models.Problem,
        "content": {"text/html": {}},
        "description": "The token means nothing; the form again where it came from the form.",
    },
}
_BODY = {
    "requestBody": {
        "content": {
            "application/json": {"schema": models.Login.model_json_schema()},
            FORM: {"schema": {"type": "object", "properties": {"token": {"type": "string"}}}},
        }
    }
}


@router.get("/", response_class=Response, responses=_HTML)
def home(asked: Caller) -> Response:
    """Tell a person what this is, and who they are here."""
    who = asked.who()
    if who.authenticated:
        name = html.escape(who.name)
        act = '<form method="post" action="/logout/?next=/"><button>Log out</button></form>'
        body = f"<p>This is a store of environments. You are <b>{name}</b>.</p>{act}"
    else:
        body = '<p>This is a store of environments.</p><p><a href="/login/?next=/">Log in</a></p>'
    return _page(f'{body}<p><a href="/openapi.json">The API</a></p>')


@router.get("/login", include_in_schema=False, response_class=Response)
@router.get("/login/", response_class=Response, responses=_HTML)
async def form(request: Request, next: Next = None) -> Response:  # noqa: A002 - the clients' word
    """Give a form that takes a token; ``next`` is where it leads to then."""
    return _form(request, next)


@router.post("/login", include_in_schema=False)
@router.post("/login/", responses=_LOGGED_IN, openapi_extra=_BODY)
async def login(request: Request, next: Next = None) -> Response:  # noqa: A002
    """Check a token, from the form or as JSON, and give it to the browser to keep."""
    _refuse_others(request)
    by_form = _is_form(request)
    token = _token(await request.body(), by_form=by_form)
    services = request.app.state.services
    who = await run_in_threadpool(who_asks, services, Credentials(token, kept=True))
    if not who.authenticated:
        if by_form:
            return _form(request, next, "The token is not valid: unknown, expired or revoked.")
        raise BadRequest("the token is not valid: unknown, expired or revoked", status=401)
    answer: Response = json_answer({"status": "ok", "message": None})
    if by_form:
        answer = RedirectResponse(_safe(request, next) or "/", 303)
    _keep(request, answer, token, who)
    return answer


@router.post("/logout", include_in_schema=False)
@router.post("/logout/", responses=_LOGGED_IN)
async def logout(request: Request, next: Next = None) -> Response:  # noqa: A002
    """Have the browser forget the token; the token itself stays valid."""
    _refuse_others(request)
    answer: Response = json_answer({"status": "ok", "message": None})
    where = _safe(request, next)
    if where is not None:
        answer = RedirectResponse(where, 303)
    _keep(request, answer, "", None)
    return answer


def _refuse_others(request: Request) -> None:
    """Raise BadRequest where a page of another origin would log its reader in or out."""
    if not is_own(request):
        raise BadRequest("a page of another origin may not do this here", status=403)


def _form(request: Request, where: str | None, wrong: str = "") -> Response:
    safe = _safe(request, where)
    hidden = f"?next={html.escape(quote(safe, safe=''))}" if safe else ""
    told = f'<p class="wrong">{html.escape(wrong)}</p>' if wrong else ""
    body = (
        f'{told}<form method="post" action="/login/{hidden}"><label>Token'
        '<input name="token" type="password" autocomplete="current-password" required autofocus>'
        "</label><button>Log in</button></form>"
    )
    return _page(body, 401 if wrong else 200)


def _page(body: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(body=body), status, _HEADERS)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def _token(body: bytes, *, by_form: bool) -> str:
    found: object
    if by_form:
        try:
            found = parse_qs(body.decode(), max_num_fields=20).get("token", [""])[0]
        except ValueError as exc:
            raise BadRequest("the form cannot be read") from exc
    else:
        try:
            given = orjson.loads(body)
        except ValueError as exc:
            raise BadRequest("the body must be JSON", status=422) from exc
        fields = given if isinstance(given, dict) else {}
        found = fields.get("token") or fields.get("password")
    if not isinstance(found, str) or not found.strip():
        raise BadRequest("a token is needed: `token`, or `password`", status=422)
    return found.strip()


def _safe(request: Request, where: str | None) -> str | None:
    """Give where to go on, if that is a page of this server or of one that it trusts."""
    if not where or any(ord(c) < 0x21 or c == "\\" for c in where):
        return None
    try:
        parts = urlsplit(where)
    except ValueError:
        return None
    if not parts.scheme and not parts.netloc:
        return where if where.startswith("/") and not where.startswith("//") else None
    origin = f"{parts.scheme}://{parts.netloc}"
    own = f"{request.url.scheme}://{request.url.netloc}"
    if parts.scheme not in ("http", "https"):
        return None
    return where if origin == own or origin in request.app.state.services.config.cors else None


def _keep(request: Request, answer: Response, token: str, who: Who | None) -> None:
    secure = request.url.scheme == "https"
    # Pages of trusted origins on other sites need it too, which browsers allow with https only.
    elsewhere = secure and bool(request.app.state.services.config.cors)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=0 if who is None else None,
        expires=instant(who.expires_on) if who is not None and who.expires_on else None,
        httponly=True,
        secure=secure,
        samesite="none" if elsewhere else "lax",
    )
