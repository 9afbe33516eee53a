"""Commands that only look change nothing and fetch nothing."""

from __future__ import annotations

LOCK = """\
version = 1

[environment."."."default"."{platform}"]
python = "3.99"
requests = [
  "python ==3.99.*",
]
artifacts = [
]
"""


def test_status_of_a_place_whose_interpreter_is_missing_fetches_none(machine, project):
    root = project({"stead.toml": "[workspace]\n[packages]\npython = '3.99'\n"})
    platform = machine.json("status", cwd=root)["platform"]
    (root / "stead.lock").write_text(LOCK.format(platform=platform), encoding="utf-8")
    found = machine.json("status", cwd=root)
    assert found["lock"]["answers"]
    assert [p["what"] for p in found["problems"]] == [
        "no Python interpreter fits '==3.99.*,==3.99.*'"
    ]
    assert found["problems"][0]["mend"] == "`stead build` fetches one"
    assert not (machine.stead_home / "interpreters").exists()
