"""The browser that tests of pages tell what to do: it does so when a person could, and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stead.testing.browser import browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.testing.browser import Browser

pytestmark = pytest.mark.needs("chromium")

PRESSED = "document.body.dataset.pressed"
BUTTON = '<button onclick="document.body.dataset.pressed = JSON.stringify(state)">go</button>'
STATES = {
    "moves": """
        let frames = 0;
        const move = () => {
          button.style.marginLeft = `${frames}px`;
          state.moves = ++frames < 60;
          if (state.moves) requestAnimationFrame(move);
        };
        state.moves = true;
        move();""",
    "is covered": """
        const over = document.createElement('div');
        over.style = 'position: fixed; inset: 0';
        document.body.append(over);
        state.covered = true;
        setTimeout(() => { state.covered = false; over.remove() }, 500);""",
    "is disabled": """
        button.disabled = state.disabled = true;
        setTimeout(() => button.disabled = state.disabled = false, 500);""",
    "is not there": """
        button.remove();
        state.gone = true;
        setTimeout(() => { state.gone = false; document.body.append(button) }, 500);""",
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


def show(page, path, html):
    path.write_text(f"<!doctype html><meta charset='utf-8'><body>{html}</body>")
    page.open(path.as_uri())
    page.wait("document.readyState == 'complete'")


@pytest.mark.parametrize("state", STATES)
def test_what_is_pressed_is_pressed_once_it_can_be(page, tmp_path, state):
    script = f"const state = {{}}, button = document.querySelector('button');{STATES[state]}"
    show(page, tmp_path / "page.html", f"{BUTTON}<script>{script}</script>")
    page.press("document.querySelector('button')")
    pressed = page.evaluate(f"JSON.parse({PRESSED})")
    assert list(pressed.values()) == [False]


def test_what_lies_below_the_window_is_brought_into_sight(page, tmp_path):
    show(
        page,
        tmp_path / "page.html",
        f"<script>const state = {{}}</script><p style='height: 5000px'>{BUTTON}",
    )
    page.press("document.querySelector('button')")
    assert page.evaluate(PRESSED) == "{}"


@pytest.mark.parametrize("field", ["<input value='old'>", "<textarea>old</textarea>"])
def test_a_field_is_filled_as_if_it_had_been_typed(page, tmp_path, field):
    script = "document.body.oninput = e => document.body.dataset.typed = e.target.value"
    show(page, tmp_path / "page.html", f"{field}<script>{script}</script>")
    page.fill("document.querySelector('input, textarea')", 'new "ü"')
    assert page.evaluate("document.body.dataset.typed") == 'new "ü"'
    assert page.evaluate("document.activeElement.value") == 'new "ü"'


def test_a_link_is_followed_to_its_own_tab_and_left_again(page, tmp_path):
    other = tmp_path / "other.html"
    other.write_text("<p>elsewhere</p>")
    show(
        page,
        tmp_path / "page.html",
        f"<p>here</p><a target='_blank' href='{other.as_uri()}'>go</a>",
    )
    with page.following("document.querySelector('a')"):
        page.wait("document.body?.innerText == 'elsewhere'")
    assert page.evaluate("document.querySelector('p').innerText") == "here"
    assert page.evaluate("document.visibilityState") == "visible"
