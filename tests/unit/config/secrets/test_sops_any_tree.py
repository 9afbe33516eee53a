"""Whatever tree sops encrypts is read back as it was, in every form."""

from __future__ import annotations

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stead.config.secrets import Identities
from stead.config.secrets._sops_stores import Table
from stead.config.secrets.failure import UnopenedError
from stead.config.secrets.sops import open_file
from stead.testing.sops import sops_file

IDENTITY = pyrage.x25519.Identity.generate()
KEYS = Identities({"SOPS_AGE_KEY": str(IDENTITY)})

PLAIN = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\x85\u2028\u2029")
NAMES = st.text(PLAIN, min_size=1, max_size=8).filter(lambda name: name != "sops")
LEAVES = st.one_of(
    st.text(PLAIN, max_size=20),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15).map(
        lambda value: round(value, 3)
    ),
    st.booleans(),
    st.none(),
)
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=5,
)
RULES = st.sampled_from(
    [{}, {"mac_only_encrypted": True}, {"encrypted_regex": "[a-m]"}, {"unencrypted_suffix": "a"}]
)


def plain(value):
    if isinstance(value, Table):
        return {key: plain(item) for key, item in value.pairs}
    return [plain(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, RULES, st.sampled_from(["json", "yaml"]))
def test_it_is_read_as_it_was(tmp_path, tree, rules, form):
    path = tmp_path / f"s.{form}"
    path.write_text(sops_file(tree, [str(IDENTITY.to_public())], form, **rules), encoding="utf-8")
    (document,) = open_file(str(path), KEYS)._documents
    assert plain(document) == tree


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    st.sampled_from(["json", "yaml", "env"]),
)
def test_any_bytes_are_refused_in_order(tmp_path, data, form):
    path = tmp_path / f"s.{form}"
    path.write_bytes(data)
    with pytest.raises(UnopenedError):
        open_file(str(path), KEYS)
