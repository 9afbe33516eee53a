"""Two projects on one machine, with a recipe of one name each; and two targets of one recipe."""

from __future__ import annotations

import shutil

import pytest

WEB = """\
[app.web]
run = ["sleep", "1000"]

[target.here]
directory = "@node"
services = "supervise"
"""


@pytest.mark.slow
@pytest.mark.parametrize("workspace", ["", '[workspace]\nname = "shop"\n'])
def test_projects_are_told_apart_whatever_they_are_called(site, tmp_path, workspace):
    site.manifest(workspace + WEB)
    known = site.root / "stead.id"
    for words in (("deploy", "web", "--plan"), ("deploy", "status", "web")):
        site.run(*words)
        assert not known.exists()
    assert f"machines know this project by {known}" in site.run("deploy", "web").stderr
    project = known.read_text().splitlines()[-1]
    assert project.startswith("shop-" if workspace else "project-")
    before = site.everything()
    assert not [name for name in before if name.endswith("stead.id")]
    assert "nothing changes" in site.ok("deploy", "web")

    # A clone goes on with it, another project of the same files does not.
    clone, other = tmp_path / "clone", tmp_path / "other"
    shutil.copytree(site.root, clone, ignore=shutil.ignore_patterns(".stead"))
    shutil.copytree(site.root, other, ignore=shutil.ignore_patterns(".stead", "stead.id"))
    assert "generation 1" in site.machine.ok("deploy", "status", "web", cwd=clone)
    for words in (
        ("deploy", "web"),
        ("deploy", "status", "web"),
        ("deploy", "logs", "web"),
        ("deploy", "rollback", "web"),
        ("node", "down", "web", "here"),
    ):
        done = site.machine.run(*words, cwd=other)
        assert done.returncode == 1, words
        assert f"belongs to the project {project}" in done.stdout + done.stderr
    assert not (other / "stead.id").exists()
    assert site.everything() == before


@pytest.mark.slow
def test_targets_of_one_recipe_go_side_by_side(site):
    # Each release command waits for the other's: one after the other they would wait in vain.
    site.manifest(
        WEB.replace('"@node"', '"@node/a"')
        + WEB[WEB.index("[target") :].replace("here", "there").replace("@node", "@node/b")
        + '[recipe.r]\napp = "web"\n[app.web.commands]\nmeet = ["sh", "meet.sh"]\n'
    )
    path = site.root / "stead.toml"
    path.write_text(
        path.read_text().replace("[target.here]", 'release = ["meet"]\n\n[target.here]', 1)
    )
    (site.root / "meet.sh").write_text(
        f"cd {site.root.parent}; touch met-$$; n=0\n"
        'while [ "$(ls met-* | wc -l)" -lt 2 ]; do n=$((n+1)); [ $n -lt 300 ] || exit 1; sleep 0.1; done\n'
    )
    try:
        done = site.run("deploy", "r", "here", "there")
        assert done.returncode == 0, done.stderr
        told = {line.partition(": ")[0] for line in done.stderr.splitlines() if ": release" in line}
        assert told == {"here", "there"}
        assert sum(": done, generation 1" in line for line in done.stderr.splitlines()) == 2
    finally:
        for target in ("here", "there"):
            site.run("node", "down", "r", target)
