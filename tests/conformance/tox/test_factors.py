"""Factor expressions mean what they mean to the installed tox, whatever is written."""

from __future__ import annotations

import os
import sys
import sysconfig

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tox.config.loader.ini import factor as theirs

from stead.values import factors as ours
from stead.values.errors import ManifestError

MACHINE = sysconfig.get_platform().rsplit("-", 1)[-1]

names = st.sampled_from(["a", "b", "py310", "py311", "3.12", "x_1", "linux", "x86_64", "django42"])
numbers = st.integers(0, 14).map(str)
ranges = st.one_of(
    st.tuples(numbers, numbers).map("-".join), numbers.map("{}-".format), numbers.map("-{}".format)
)
space = st.sampled_from(["", "", "", " "])
item = st.builds(
    "{}{}{}{}".format, space, st.sampled_from(["", "", "!"]), names | numbers | ranges, space
)
braces = st.lists(item | space, min_size=1, max_size=4).map(lambda each: "{" + ",".join(each) + "}")
part = st.lists(names | braces | st.sampled_from(["py", "!py", ""]), min_size=1, max_size=3)
alternative = st.lists(part.map("".join), min_size=1, max_size=3).map("-".join)
expression = st.lists(st.builds("{}{}".format, space, alternative), min_size=1, max_size=3).map(
    ",".join
)
noise = st.text(alphabet="ab!-{},: 13\\\n.*[]#", max_size=14)
content = st.sampled_from(["pytest", "x ==1", "", "a\\", "see http://x: y", "\\"])
line = st.one_of(
    st.builds("{}:{}{}".format, expression, st.sampled_from([" ", "", "\t"]), content),
    content,
    noise,
)
MANY = int(os.environ.get("STEAD_SOAK") or 50)
environments = st.lists(names, min_size=1, max_size=3).map("-".join)


def nested(text: str) -> bool:
    """Braces in braces are tox's error and our extension."""
    depth = 0
    for char in text:
        depth += (char == "{") - (char == "}")
        if depth > 1:
            return True
    return False


@settings(max_examples=3 * MANY, deadline=None)
@given(st.lists(expression | noise, min_size=1, max_size=3).map("\n".join))
def test_a_list_of_environments(text):
    if any(nested(one) for one in text.split("\n")):
        return
    try:
        expected = list(
            dict.fromkeys(e for one in text.split("\n") for e in theirs.extend_factors(one))
        )
    except ValueError:
        with pytest.raises(ManifestError):
            ours.expand(text)
    else:
        assert list(ours.expand(text)) == expected


@settings(max_examples=4 * MANY, deadline=None)
@given(st.lists(line, min_size=1, max_size=6).map("\n".join), environments)
def test_lines_for_an_environment(text, environment):
    if any(nested(one) for one in text.split("\n")):
        return
    held = ours.factors_of(environment, sys.platform, MACHINE)
    assert ours.Conditional(text).narrow(held) == theirs.filter_for_env(text, environment)


@settings(max_examples=2 * MANY, deadline=None)
@given(st.lists(line, min_size=1, max_size=4).map("\n".join))
def test_environments_that_conditions_mention(text):
    if any(nested(one) for one in text.split("\n")):
        return
    assert list(dict.fromkeys(ours.mentioned(text))) == list(theirs.find_envs(text))


@settings(max_examples=2 * MANY, deadline=None)
@given(environments)
def test_what_holds_for_an_environment(environment):
    assert ours.factors_of(environment, sys.platform, MACHINE) == theirs.active_factors(environment)
