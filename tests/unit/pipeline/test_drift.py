"""What was changed behind Stead's back: the comparison, from facts alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stead.pipeline.drift import of_files, of_packages, of_variables
from stead.shells.hook_record import hook_record
from stead.shells.state import APPLIED, RECORD, switch
from stead.values.activation import Activation, Change, apply
from stead.values.drift import Installed

NAMES = st.sampled_from(["alpha", "beta", "gamma"])
VERSIONS = st.sampled_from(["1.0", "2.0", "3.0"])
TREES = st.dictionaries(st.tuples(st.sampled_from(["conda", "pypi"]), NAMES), VERSIONS)


def records(tree):
    """The packages of a tree, by their records' paths."""
    made = {}
    for (ecosystem, name), version in tree.items():
        path = f"{ecosystem}/{name}-{version}"
        made[path] = Installed(ecosystem, name, version, path)
    return made


def compared(before, now):
    old, new = records(before), records(now)
    gone = [old[p] for p in old if p not in new]
    return of_packages("/copy", gone, [new[p] for p in new if p not in old])


@given(TREES, TREES)
def test_what_is_told_is_the_way_from_one_to_the_other(before, now):
    tree = dict(before)
    for drift in compared(before, now):
        key = (drift.ecosystem, drift.name)
        assert tree.get(key, "") == drift.declared
        assert (drift.what == "added") == (key not in tree)
        if drift.what == "removed":
            del tree[key]
        else:
            assert drift.installed is not None
            tree[key] = drift.found
    assert tree == now


@given(TREES)
def test_nothing_is_told_of_what_is_as_it_was(tree):
    assert compared(tree, tree) == ()


@given(TREES, TREES, st.randoms(use_true_random=False))
def test_the_order_of_records_is_of_no_account(before, now, random):
    gone, came = list(records(before).values()), list(records(now).values())
    first = of_packages("/copy", gone, came)
    random.shuffle(gone)
    random.shuffle(came)
    assert of_packages("/copy", gone, came) == first


def test_what_conda_brings_is_told_once():
    brought = Installed("pypi", "numpy", "2", "site/numpy-2.dist-info")
    package = Installed("conda", "numpy", "2", "conda-meta/numpy-2-0.json", brings=(brought.path,))
    (found,) = of_packages("/copy", [], [brought, package])
    assert (found.ecosystem, found.name) == ("conda", "numpy")


VALUES = st.dictionaries(st.sampled_from(["A", "B", "C"]), st.sampled_from(["", "1", "x y"]))


def applied(values, before):
    """Give an activation, and what a shell has once the hook applied it."""
    changes = [Change("set", n, v) for n, v in sorted(values.items())]
    changes.append(Change("prepend", "PATH", "/build/bin"))
    activation = Activation("/place", "/place", "default", tuple(changes))
    caller = apply(switch(activation.changes, before), before)
    return activation, {**caller, RECORD: hook_record(activation, "").key}


@given(VALUES, VALUES, VALUES, st.sets(st.sampled_from(["A", "B", "C"])))
def test_variables_changed_by_hand_are_told(values, before, by_hand, unset):
    activation, caller = applied(values, {"PATH": "/bin", **before})
    assert of_variables(activation, caller) == ()
    now = {n: v for n, v in {**caller, **by_hand}.items() if n not in unset}
    found = {d.name: d.what for d in of_variables(activation, now)}
    for name in ("A", "B", "C"):
        if name not in values or now.get(name) == values[name]:
            assert name not in found
        else:
            assert found[name] == ("removed" if name not in now else "changed")
    assert set(found) <= set(values)


def test_a_shell_that_has_another_environment_has_no_drift():
    activation, caller = applied({"A": "1"}, {"PATH": "/bin"})
    for other in ({**caller, RECORD: "other"}, {n: v for n, v in caller.items() if n != APPLIED}):
        assert of_variables(activation, {**other, "A": "by hand"}) == ()


def test_what_is_added_to_a_list_is_the_callers():
    activation, caller = applied({}, {"PATH": "/bin"})
    assert of_variables(activation, {**caller, "PATH": f"/mine:{caller['PATH']}:/more"}) == ()
    (found,) = of_variables(activation, {**caller, "PATH": "/mine:/bin"})
    assert (found.name, found.what) == ("PATH", "changed")


def test_files_are_told_by_name():
    found = of_files([("b", "/p/b", "changed"), ("a", "/p/a", "removed")])
    assert [str(d) for d in found] == ["a was removed", "b was edited by hand"]
