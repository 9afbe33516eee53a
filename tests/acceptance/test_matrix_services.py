"""What `stead test` tells GitHub of a run."""

from __future__ import annotations


def test_a_failure_is_an_annotation_and_the_summary_names_it(machine, project, tmp_path):
    root = project({"stead.toml": '[layer.broken]\ncommands = [["sh", "-c", "exit 3"]]\n'})
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = machine.run("test", cwd=root, env=env)
    assert done.returncode == 1
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("::error ")]
    assert "broken" in said
    assert "sh ended with 3" in said
    text = summary.read_text(encoding="utf-8")
    assert "broken" in text
    assert "sh ended with 3" in text
