"""A secret that an address needs stays out of what is shared."""

from __future__ import annotations

from stead.testing.server import serve


def test_a_token_is_named_by_a_variable_and_kept_nowhere(machine, project, index):
    wheel = next(index.rglob("leaf-1.0-*.whl"))
    with serve(wheel.parent) as served:
        address = f"{served.url}/{wheel.name}?token="
        root = project({"requirements.txt": f"leaf @ {address}s3cret\n"})
        said = machine.fails("run", "true", cwd=root)
        assert "requirements.txt:1" in said
        assert "token=${TOKEN}" in said
        assert "s3cret" not in said
        (root / "requirements.txt").write_text(f"leaf @ {address}${{TOKEN}}\n", encoding="utf-8")
        check = "import importlib.metadata as m; print(m.version('leaf'))"
        env = {"TOKEN": "s3cret"}
        assert machine.ok("run", "python", "-c", check, cwd=root, env=env) == "1.0\n"
    (found,) = machine.stead_home.rglob("stead.lock")
    lock = found.read_text(encoding="utf-8")
    assert "s3cret" not in lock
    assert "token=${TOKEN}" in lock
    builds = machine.stead_home / "store"
    kept = [p for p in builds.rglob("direct_url.json") if "s3cret" in p.read_text(encoding="utf-8")]
    assert not kept
