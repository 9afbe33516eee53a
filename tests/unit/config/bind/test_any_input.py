"""Whatever is written down, a table comes of it, and the same whatever the order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stead.config.everywhere import check_paths
from stead.config.outcome import drift_findings, references, render, to_changes
from stead.values.digest import canonical
from stead.values.errors import SecretError
from stead.values.kinds import TYPES
from stead.values.platform import Platform
from stead.values.secret import Secret

names = st.sampled_from(["A", "B", "PG_URL", "PG_POOL", "PG_POOLS", "PORT", "PATH", "HOME"])
modules = st.sampled_from(["a", "b", "store", "lab"])
fragments = st.sampled_from(
    [
        "${A}", "${B}", "${PG_URL}", "${PORT}", "${PATH}", "${HOME}", "${nope}", "$$", "{", "}", "${",
        "{host.ports.a}", "${host.paths.a}", "{host.data.b}", "${host.secrets.a}", "{host.x}",
        "{net.a}", "{net.b.host}", "{net.a.port}", "{data.a}", "{paths.a}", "{{net.a}}", ":", "/",
        "postgres://", "x://", "host.ports.a", "age:f#k", "env:X", "age:", "1", "8000-8002", "5s",
        "10 GiB", "true", "a", "~", "C:\\", "?sslmode=require", "@", "%", "{}", "\0", "\udc80", "é",
    ]
)  # fmt: skip
texts = st.lists(fragments, max_size=4).map("".join)
raws = st.one_of(texts, st.lists(texts, max_size=3).map(tuple), st.none())
values = st.dictionaries(names, raws, max_size=3)
limits = st.sampled_from(["", "1", "5", "x", "5s"])
types = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional={
        "min": limits, "max": limits, "pattern": st.sampled_from(["a+", "("]),
        "choices": st.sampled_from([(), ("1",), ("a", "true")]),
        "scheme": st.sampled_from([(), ("postgres",)]), "required": st.booleans(), "default": raws,
    },
)  # fmt: skip
accepts = st.dictionaries(names, types, max_size=3)
offers = st.dictionaries(modules, texts, max_size=2)
endpoints = st.dictionaries(
    modules,
    st.fixed_dictionaries(
        {},
        optional={
            "host": texts, "port": texts, "sources": st.sampled_from([(), ("a",), ("lab", "b")]),
            "tls": st.sampled_from([None, True, False]), "scheme": st.sampled_from(["", "postgres"]),
            "connections": st.sampled_from([None, 0, 3]), "app": modules, "listener": names,
        },
    ),
    max_size=3,
)  # fmt: skip
some = st.lists(modules, max_size=3, unique=True).map(tuple)


@st.composite
def compositions(draw, make):
    c = make()
    for _ in range(draw(st.integers(0, 2))):
        c.lib(
            draw(modules), draw(accepts), prefix=draw(st.booleans()),
            connections=draw(st.sampled_from(["", "PG_POOL"])),
        )  # fmt: skip
        c.client(
            draw(modules), draw(modules), draw(values), prefix=draw(st.sampled_from(["", "X_"])),
            tls=draw(st.sampled_from([None, True, False])),
        )  # fmt: skip
        c.host(
            draw(modules), ports=draw(offers), paths=draw(offers), data=draw(offers),
            secrets=draw(offers), limits=draw(st.dictionaries(names, types, max_size=1)),
        )  # fmt: skip
        c.net(draw(modules), **draw(endpoints))
        c.app(
            draw(modules), draw(some), listen=draw(values), data=draw(values), values=draw(values),
            libs=draw(some),
        )  # fmt: skip
    for _ in range(draw(st.integers(0, 2))):
        c.data(draw(modules))
        c.target(draw(modules), draw(modules))
        c.path(draw(modules), draw(st.sampled_from(["x", "aux", "", None])))
        settings = {
            f"{draw(modules)}.{draw(names)}" if draw(st.booleans()) else draw(names): draw(raws)
        }
        c.recipe(draw(modules), *draw(some), settings=settings, targets=draw(some))
        c.declare(**draw(accepts))
    for rank in draw(st.lists(st.sampled_from(["module", "vars", "layer", ".env"]), max_size=4)):
        c.define(rank, draw(values), depth=draw(st.integers(0, 1)))
    c.more["adopt"] = draw(st.lists(names, max_size=2).map(tuple))
    return c


@settings(max_examples=100)
@given(st.data())
def test_a_table_comes_of_anything(new_composition, data):
    c = data.draw(compositions(new_composition))
    chosen = data.draw(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(("app", "recipe", "target", "host", "net"), modules),
        )
    )
    platform = data.draw(st.sampled_from(["linux-64", "osx-64", "win-64"]))
    ambient = data.draw(st.dictionaries(names, texts, max_size=3))
    options = {
        "platform": platform, "ambient": ambient, "given": data.draw(values), **chosen
    }  # fmt: skip
    table = c.resolve(**options)
    assert repr(table) == repr(c.resolve(**options, shuffle=data.draw(st.integers(0, 99))))
    assert [e.name for e in table.entries] == sorted({e.name for e in table.entries})
    canonical(table)
    to_changes(table)
    drift_findings(table, ambient)
    check_paths(table, [Platform("linux-64"), Platform("win-64"), Platform("osx-64")], place="/p")
    for entry in table.entries:
        assert not (entry.secret and entry.value is not None)
        if entry.value is not None or entry.parts:
            assert entry.definitions[0].value is not None
        if entry.parts:
            try:
                render(
                    entry, {r: Secret("s") for r in references(entry)}, platform=Platform(platform)
                )
            except SecretError:
                pass
    for finding in table.findings:
        assert finding.message
        assert finding.kind in ("error", "warning", "drift")
