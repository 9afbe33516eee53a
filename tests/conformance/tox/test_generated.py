"""Generated configurations evaluate to what the installed tox makes of them."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

environments = ["a", "b", "a-x", "py310-x", "b-y"]
condition = st.sampled_from(
    ["a", "b", "!x", "a,b", "{a,b}-x", "!a-x", "linux", "darwin", "py{310,311}"]
)
reference = st.sampled_from(
    [
        *("{envname}", "{toxinidir}", "{posargs}", "{posargs:d e}", "{env:COLOUR}", "{env:NONE:z}"),
        *(
            "{env:BLANKS}",
            "{env:QUOTES}",
            "{env:REFERS}",
            "{env:EMPTY}",
            "{[base]text}",
            "{[base]list}",
        ),
        *(
            "{[testenv]description}",
            "{[testenv:a]description}",
            "{[base]none:dflt}",
            "{[base]none}",
        ),
        *("{description}", "{/}", "{:}", "[]", "{unknown}", "{a,b}", "{tty:1:2}", "{[tox]envlist}"),
        *("{posargs:{envname} {env:NONE:q}}", "{env:NONE:{env:COLOUR}}", "\\{x\\}", "{glob:*.txt}"),
        *("{env:A}", "{env:B}", "{[base]refers}", "{deps}", "{commands_pre}", "{pass_env}"),
    ]
)
word = st.sampled_from(
    ["pytest", "-q", "x=1", "'a b'", '"c d"', "it", "a\\ b", "-", "\\#", "a#b", '"', "'"]
)
token = st.one_of(
    word, reference, st.builds("'{}'".format, reference), st.builds('"p{}s"'.format, reference)
)
text = st.lists(token, min_size=1, max_size=4).map(" ".join)
glued = st.lists(token, min_size=1, max_size=3).map("".join)


def lines(one: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    conditional = st.builds("{}: {}".format, condition, one)
    whole = one | conditional | st.builds("{} \\".format, one)
    return st.lists(whole, min_size=1, max_size=4).map(lambda each: "\n    " + "\n    ".join(each))


name = st.sampled_from(["A", "B", "C", "COLOUR"])
value = st.one_of(
    glued.filter(lambda v: "\\" not in v and "[]" not in v),
    st.sampled_from(
        [
            "{env:A}",
            "{env:C:c}",
            "{env:COLOUR}!",
            "v ; sys_platform == 'linux'",
            "v;sys_platform=='win32'",
        ]
    ),
)
variables = lines(st.builds("{} = {}".format, name, value) | st.just("{[base]vars}"))
requirement = st.sampled_from(
    [
        "six",
        "pkg>=1 ; python_version > '3'",
        "-rreq.txt",
        "-c con.txt",
        "{[base]list}",
        "x-{envname}",
        "{env:NONE:dflt}",
    ]
)
keys = {
    "description": glued | text,
    "commands": lines(text | glued),
    "commands_pre": lines(text),
    "setenv": variables,
    "deps": lines(requirement).filter(lambda each: not each.endswith("\\")),
    "passenv": lines(st.sampled_from(["CI", "GITHUB_*", "{env:LISTED}", "{env:NONE:X}"])),
    "allowlist_externals": lines(st.sampled_from(["echo", "/bin/*", "{envname}"])),
    "changedir": st.sampled_from(["sub", "{toxinidir}/x", "{envtmpdir}", "."]),
    "depends": lines(st.sampled_from(["a", "{a,b}-x", "py*"])),
    "extras": st.sampled_from(["a_B, c", "x"]),
    "skip_install": st.sampled_from(["true", "0", "a: true", "YES"]),
    "labels": lines(st.sampled_from(["one", "two"])),
}


@st.composite
def section(draw, head):
    chosen = draw(st.lists(st.sampled_from(sorted(keys)), min_size=1, max_size=5, unique=True))
    return "\n".join([head, *(f"{key} = {draw(keys[key])}" for key in chosen)])


@st.composite
def configuration(draw):
    parts = [f"[tox]\nskipsdist = true\nenvlist = {', '.join(draw(st.permutations(environments)))}"]
    parts.append(draw(section("[testenv]")))
    parts += [
        draw(section(f"[testenv:{n}]"))
        for n in draw(st.sets(st.sampled_from(["a", "b-y", "{a,b}-x"])))
    ]
    parts.append(
        "[base]\ntext = base text\nlist =\n    one\n    a: two\n    three\n"
        f"refers = {draw(glued)}\nvars =\n    FROM = base\n    A = from base {{envname}}"
    )
    return "\n".join(parts) + "\n"


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("STEAD_SOAK") or 20),
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(configuration(), st.sampled_from([None, (), ("-k", "a b", "it's")]))
def test_a_generated_configuration(project, agree, text, posargs):
    agree(project({"tox.ini": text, "req.txt": "", "con.txt": "", "x.txt": ""}), posargs)
