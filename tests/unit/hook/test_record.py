from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.pipeline import prompt
from stead.pipeline.prompt import Evaluation, answer
from stead.shells.hook_record import Watch, hook_record, reduce
from stead.values.activation import Activation, Change, apply
from stead.values.errors import SteadError

KINDS = st.sampled_from(["set", "unset", "default", "prepend", "append"])
CHANGES = st.lists(
    st.builds(Change, KINDS, st.sampled_from("AB"), st.sampled_from(["", "x", "y"])), max_size=6
)
ENVIRON = st.dictionaries(st.sampled_from("AB"), st.sampled_from(["", "x", "y:x", "z"]))


@given(CHANGES, ENVIRON)
def test_reduced_changes_do_what_the_changes_do(changes, environ):
    sets, unsets, relative = reduce(changes)
    reduced = [
        *(Change("set", n, v) for n, v in sets),
        *(Change("unset", n) for n in unsets),
        *relative,
    ]
    assert apply(reduced, environ) == apply(changes, environ)
    assert not dict(sets).keys() & {c.name for c in relative}


def test_the_key_follows_what_is_applied_and_not_where_it_is_kept():
    one = Activation("/p", "/p", "default", (Change("set", "A", "1"),), inputs=("/p/stead.toml",))
    two = Activation("/p", "/p", "default", (Change("set", "A", "2"),), inputs=("/p/stead.toml",))
    assert hook_record(one, "/x/1").key == hook_record(one, "/x/2").key
    assert hook_record(one, "/x/1").key != hook_record(two, "/x/1").key


def test_a_shell_that_cannot_set_a_name_gets_no_file_and_the_others_do():
    activation = Activation("/p", "/p", "default", (Change("set", "status", "1"),))
    files = prompt.hook_files(activation)
    assert set(files) == {"hook.bash", "hook.values", "hook.ps1"}
    said = answer(Evaluation(activation, "ready"), "fish")
    assert "status is a variable of the shell" in said
    assert "set -gx status" not in said


@pytest.mark.parametrize("shell", list(prompt.SHELLS))
def test_every_file_names_its_references_and_refuses_another_format(shell):
    activation = Activation(
        "/p q", "/p q", "dev", (Change("set", "A", "it's"),), inputs=("/p q/stead.toml",)
    )
    module = prompt.template(shell)
    text = prompt.hook_files(activation)[module.FILE]("/home/record/7")
    assert "'/home/record/7/0'" in text
    assert "'/p q/stead.toml'" in text
    assert "ormat" in text.split("begin")[0]


@pytest.mark.parametrize("shell", list(prompt.SHELLS))
def test_what_is_not_ready_gives_its_line_and_applies_nothing(shell):
    said = answer(
        Evaluation(None, "untrusted", "it's not trusted"), shell, place="/p", watch=Watch()
    )
    assert "_stead_pend" in said
    assert "not trusted" in said
    assert "_stead_begin" not in said


@pytest.mark.parametrize("shell", list(prompt.SHELLS))
def test_two_states_with_one_message_have_two_keys(shell):
    one = answer(Evaluation(None, "broken", "no", "d1"), shell, place="/p")
    two = answer(Evaluation(None, "broken", "no", "d2"), shell, place="/p")
    assert one != two


@pytest.mark.parametrize("shell", list(prompt.SHELLS))
def test_a_separator_of_two_characters_is_refused(shell):
    activation = Activation("/p", "/p", "default", (Change("prepend", "A", "x", "::"),))
    with pytest.raises(SteadError, match="separate"):
        prompt.template(shell).render(hook_record(activation, ""), "")


def test_powershell_quotes_what_it_would_take_for_the_end_of_a_string():
    activation = Activation("/p", "/p", "default", (Change("set", "A", "a\u2019; rm 'x'"),))
    text = prompt.hook_files(activation)["hook.ps1"]("/d")
    assert "_stead_put 'A' 'a\u2019\u2019; rm ''x'''" in text


def test_powershell_functions_are_all_defined():
    import re

    activation = Activation(
        "/p",
        "/p",
        "default",
        (
            Change("set", "A", "1"),
            Change("unset", "B"),
            Change("default", "C", "1"),
            Change("prepend", "PATH", "/x"),
        ),
        inputs=("/p/stead.toml",),
        absent=("/p/x",),
        requires=("/y",),
    )
    module = prompt.template("pwsh")
    code = module.code("C:\\stead", "stead.exe", ["stead.toml"])
    texts = [
        code,
        answer(Evaluation(activation, "ready"), "pwsh"),
        answer(Evaluation(None, "broken", "x"), "pwsh"),
        answer(Evaluation(None, "none"), "pwsh"),
    ]
    defined = set(re.findall(r"function global:(_stead_\w+)", code)) | {"_stead_prompt_before"}
    for text in texts:
        assert set(re.findall(r"_stead_\w+", text)) <= defined
        assert text.count("{") == text.count("}")
