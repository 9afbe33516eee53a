"""What runs before the switch sees what comes: files, variables and secrets of the new generation."""

from __future__ import annotations

import stat

import pytest

WEB = """\
[app.web]
run = ["python3", "serve.py"]
vars = { TITLE = "first", PASS = { type = "secret", value = "env:PASS" } }
listen = { PORT = "host.ports.web" }
health.up = { url = "http://127.0.0.1:${PORT}/" }
files = { "p.ini" = "p.tmpl", "conf/q.ini" = "q.tmpl" }
commands = { migrate = ["sh", "migrate.sh"] }
release = ["migrate"]

[paths]
state = "state"

[host.box.ports]
web = "@ports"

[target.here]
host = "box"
directory = "@node"
services = "supervise"
"""

MIGRATE = """\
echo "$TITLE $PASS $(cat p.ini) $(cat conf/q.ini)" >> "$STEAD_PATH_STATE/seen"
ls -lL p.ini | cut -c 1-10 >> "$STEAD_PATH_STATE/modes"
[ "$TITLE" != bad ]
"""


@pytest.mark.slow
def test_commands_before_the_switch_see_what_comes(site):
    def all_of(*, title, secret):
        site.manifest(WEB.replace("first", title))
        site.machine.environ["PASS"] = secret

    (site.root / "p.tmpl").write_text("pass={{ PASS }}")
    (site.root / "q.tmpl").write_text("title={{ TITLE }}")
    (site.root / "migrate.sh").write_text(MIGRATE)
    all_of(title="first", secret="hunter1")
    site.ok("deploy", "web")
    state = site.node / "recipes/web/data/state"
    assert (state / "seen").read_text() == "first hunter1 pass=hunter1 title=first\n"

    # Only the secret is another one; the tree of the code is made of the same parts.
    all_of(title="first", secret="hunter2")
    answer = site.json("deploy", "web")["nodes"][0]
    assert (answer["state"], answer["send"]) == ("done", [])
    assert (state / "seen").read_text().endswith("\nfirst hunter2 pass=hunter2 title=first\n")
    assert site.asked(site.low)["files"]["p.ini"] == "pass=hunter2"

    all_of(title="bad", secret="hunter3")
    said = site.fails("deploy", "web")
    assert "web.migrate, which runs before the switch, ended with 1" in said
    assert (state / "seen").read_text().endswith("\nbad hunter3 pass=hunter3 title=bad\n")
    # Nothing of it is left, and what ran runs with what it had.
    kept = site.everything()
    kept = {name: held for name, held in kept.items() if not name.startswith("recipes/web/data/")}
    assert not [name for name, held in kept.items() if b"hunter3" in held]
    assert not (site.node / "recipes/web/generations/3").exists()
    assert site.asked(site.low)["files"]["p.ini"] == "pass=hunter2"
    assert site.asked(site.low)["vars"]["PASS"] == "hunter2"
    holding = [name for name, held in kept.items() if b"hunter" in held]
    assert holding
    for name in holding:
        assert stat.S_IMODE((site.node / name).stat().st_mode) == 0o600, name
    assert set((state / "modes").read_text().split()) == {"-rw-------"}

    # The generation before reads its own again.
    site.ok("deploy", "rollback", "web")
    assert site.asked(site.low)["files"]["p.ini"] == "pass=hunter1"
