"""Generated TOML configurations evaluate to what the installed tox makes of them."""

from __future__ import annotations

import os

import pytest
import tomli_w
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

references = st.sampled_from(
    [
        *(
            "{env_name}",
            "{tox_root}",
            "{posargs:d e}",
            "{env:COLOUR}",
            "{env:NONE:z}",
            "{env:REFERS}",
        ),
        *(
            "{[env.a]description}",
            "{[env_run_base]labels:none}",
            "{[env.none]x:y}",
            "{description}",
        ),
        *(
            "{unknown}",
            "{un:known}",
            "{/}{:}",
            "{factor:db:none}",
            "{factor:0}",
            "\\{x\\}",
            "{env:A}",
        ),
        *(
            "{env:BLANKS}",
            "{tty:1:2}",
            "{not json}",
            "plain",
            "-q",
            "a b",
            "it's",
            '"',
            "",
            "{a,b}",
        ),
    ]
)
text = st.lists(references, min_size=1, max_size=3).map("".join)
condition = st.sampled_from(
    [
        *("factor.a", "factor['x'] and not factor.b", "env.COLOUR == 'green'", "env['NONE']"),
        *("env_name == 'a-x'", "not (factor.a or factor.linux)", "env.NONE != ''"),
    ]
)


def tables(one):
    """Give values in place of which a table can stand that says what to put there."""
    return st.one_of(
        st.fixed_dictionaries(
            {
                "replace": st.just("env"),
                "name": st.sampled_from(["COLOUR", "NONE", "A"]),
                "default": text,
            }
        ),
        st.fixed_dictionaries(
            {"replace": st.just("if"), "condition": condition, "then": one, "else": one}
        ),
        st.fixed_dictionaries(
            {
                "replace": st.just("glob"),
                "pattern": st.sampled_from(["*.txt", "no*"]),
                "default": text,
            }
        ),
    )


spread = st.one_of(
    st.fixed_dictionaries(
        {
            "replace": st.just("posargs"),
            "default": st.lists(text, max_size=2),
            "extend": st.just(True),
        }
    ),
    st.fixed_dictionaries(
        {
            "replace": st.just("ref"),
            "of": st.just(["env_run_base", "labels"]),
            "extend": st.just(True),
        }
    ),
    st.fixed_dictionaries(
        {
            "replace": st.just("if"),
            "condition": condition,
            "then": st.lists(text, max_size=2),
            "else": st.lists(text, max_size=2),
            "extend": st.just(True),
        }
    ),
)
argument = text | tables(text) | spread
command = st.builds(
    lambda sign, rest: [*sign, "run", *rest],
    st.sampled_from([[], ["-"], ["!"]]),
    st.lists(argument, max_size=3),
)
requirement = st.sampled_from(["six", "pkg>=1; python_version > '3'", "-rreq.txt", "x-{env_name}"])
variables = st.dictionaries(
    st.sampled_from(["A", "B", "C"]),
    st.one_of(
        st.sampled_from(["1", "{env:A}", "{env:B:b}x", "{env:COLOUR}", "{env_name}"]),
        st.fixed_dictionaries(
            {
                "value": text,
                "marker": st.sampled_from(["sys_platform == 'linux'", "python_version < '3'"]),
            }
        ),
    ),
    max_size=3,
)
KEYS = {
    "description": text,
    "commands": st.lists(command, max_size=3),
    "commands_pre": st.lists(command, max_size=1),
    "deps": st.lists(requirement, max_size=3) | st.just("six\n-c con.txt"),
    "set_env": variables | st.lists(variables, max_size=2),
    "pass_env": st.lists(st.sampled_from(["CI", "{env:COLOUR}"]), max_size=2),
    "labels": st.lists(st.sampled_from(["one", "two"]), max_size=2),
    "extras": st.lists(st.sampled_from(["a_B", "c"]), max_size=2),
    "depends": st.lists(st.sampled_from(["a", "py*"]), max_size=2),
    "change_dir": st.sampled_from(["sub", "{tox_root}/x", "{env_tmp_dir}"]),
    "skip_install": st.booleans(),
    "commands_retry": st.integers(0, 3),
    "ignore_errors": st.booleans(),
}


def table(**more):
    return st.fixed_dictionaries(more, optional={k: v for k, v in KEYS.items() if k not in more})


configuration = st.fixed_dictionaries(
    {
        "no_package": st.just(True),
        "env_list": st.lists(
            st.sampled_from(
                [
                    "a",
                    "b",
                    "py310-x",
                    {"product": [["a", "b"], {"db": ["x", "y"]}], "exclude": ["a-y"]},
                ]
            ),
            min_size=1,
            max_size=4,
        ),
        "env_run_base": table(labels=st.just(["base", "label"])),
        "env": st.fixed_dictionaries(
            {"a": table()}, optional={"b": table(), "a-x": table(), "extra": table()}
        ),
        "env_base": st.fixed_dictionaries(
            {},
            optional={
                "made": table(
                    factors=st.sampled_from([["one", "two"], [["p", "q"], {"db": ["x", "z"]}]])
                )
            },
        ),
    }
)


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("STEAD_SOAK") or 20),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(configuration, st.sampled_from([None, (), ("-k", "a b", "it's")]))
def test_a_generated_configuration(project, agree, tables, posargs):
    files = {"tox.toml": tomli_w.dumps(tables), "req.txt": "", "con.txt": "", "x.txt": ""}
    agree(project(files), posargs)
