from __future__ import annotations

import copy
import json

import pytest

from stead.server.specs import known
from stead.server.specs.addresses import is_private, is_private_ip
from stead.server.specs.checks import SpecError
from stead.server.specs.policy import ForbiddenError, Policy, applied, merged, names, policy_of
from stead.server.specs.reading import read
from stead.server.values import SettingLevel

DIGEST = "745ec8d8720a163cbf3aee858b2db6d4d7dd5b4f84afdead0962c0203c4e3a2f"


def spec(*dependencies, channels=("https://example.org/c",)):
    listed = "".join(f"  - {one}\n" for one in dependencies)
    places = "".join(f"  - {one}\n" for one in channels)
    return read(f"name: a\nchannels:\n{places}dependencies:\n{listed}")


def test_the_nearest_level_wins_and_nothing_is_changed():
    layers = {
        SettingLevel.ENVIRONMENT: {"a": 3},
        SettingLevel.GLOBAL: {"a": 1, "b": 1, "c": [1]},
        SettingLevel.NAMESPACE: {"a": 2, "b": 2},
    }
    before = copy.deepcopy(layers)
    found = merged(layers)
    assert found == {"a": 3, "b": 2, "c": [1]}
    assert layers == before


def test_defaults_and_what_is_included_are_added_to_a_copy():
    policy = Policy(
        conda_default_channels=("main",),
        conda_default_packages=("python",),
        conda_included_packages=("ipykernel",),
        pypi_included_packages=("black",),
    )
    given = read("name: a\n")
    before = copy.deepcopy(given)
    built = applied(given, policy)
    assert built.spec["channels"] == ["main"]
    assert built.spec["dependencies"] == ["python", "ipykernel", {"pip": ["black"]}]
    assert given == before
    assert built.sha256 != given.sha256
    # What is asked for already is not asked for twice.
    asked = spec("python", "IPyKernel >=6", "pip:\n      - Black==1")
    assert applied(asked, policy) == asked


def test_what_is_required_must_be_asked_for():
    policy = Policy(conda_required_packages=("ipykernel",), pypi_required_packages=("black",))
    with pytest.raises(ForbiddenError) as caught:
        applied(spec("tiny"), policy)
    assert "ipykernel is required" in caught.value.message
    assert "black is required" in caught.value.details[0]
    assert applied(spec("ipykernel=6", "pip:\n      - black"), policy)


def test_a_required_channel_must_be_named_where_conda_packages_are_asked_for():
    policy = Policy(required_channels=("https://example.org/ours/", "main"))
    with pytest.raises(ForbiddenError) as caught:
        applied(spec("tiny"), policy)
    assert caught.value.message.startswith("the channel https://example.org/ours/ is required here")
    assert caught.value.details == ("the channel main is required here, and not named",)
    assert applied(spec("tiny", channels=("https://EXAMPLE.org/ours", "main")), policy)
    only = '[packages.pypi]\ntiny = "*"\n'
    assert applied(read(only, "stead", name="a"), policy)
    aliased = Policy(
        conda_channel_alias="https://example.org",
        conda_default_channels=("ours",),
        required_channels=("ours",),
    )
    assert applied(read("name: a\ndependencies: [tiny]\n"), aliased)


def test_only_allowed_packages_may_be_asked_for_and_what_settings_add():
    policy = Policy(
        allowed_packages=("Tiny", "zope.interface", "pip"),
        conda_included_packages=("ipykernel",),
    )
    assert applied(spec("tiny >=2", "main::TINY", "pip:\n      - zope-interface==1"), policy)
    with pytest.raises(ForbiddenError) as caught:
        applied(spec("other", "tiny", "pip:\n      - black"), policy)
    allowed = "allowed are Tiny, zope.interface, pip"
    assert caught.value.message == f"the package other is not allowed here; {allowed}"
    assert caught.value.details == (f"the package black is not allowed here; {allowed}",)
    manifest = '[packages.pypi]\ntiny = "*"\nblack = "*"\n'
    with pytest.raises(ForbiddenError, match="the package black is not allowed here"):
        applied(read(manifest, "stead", name="a"), policy)


def test_settings_that_are_not_set_leave_what_is_asked_for_as_it_was():
    """The digest of no settings at all, from before the last of them were known."""
    assert Policy().digest == DIGEST
    several = [
        Policy(required_channels=("a",)),
        Policy(allowed_packages=("a",)),
        Policy(allow_private_addresses=False),
    ]
    assert len({one.digest for one in (*several, Policy())}) == 4


@pytest.mark.parametrize(
    "channels",
    [("other",), ("https://example.org/c", "other"), ("https://example.org/c/d",), ("/srv/c",)],
)
def test_only_allowed_channels_may_be_named(channels):
    policy = Policy(conda_allowed_channels=("https://example.org/c", "main"))
    with pytest.raises(ForbiddenError, match="is not allowed here; allowed are"):
        applied(spec("tiny", channels=channels), policy)


def test_a_channel_is_allowed_however_it_is_spelt():
    policy = Policy(conda_channel_alias="https://example.org/", conda_allowed_channels=("main",))
    for one in ("main", "https://example.org/main/", "https://EXAMPLE.org:443/main"):
        assert applied(spec("tiny", channels=(one,)), policy)
    with pytest.raises(ForbiddenError):
        applied(spec("tiny", channels=("https://example.org:444/main",)), policy)


def test_a_channel_that_has_a_name_alone_is_built_from_where_the_settings_say():
    policy = Policy(
        conda_channel_alias="https://mirror.example/all/",
        conda_default_channels=("main",),
        conda_allowed_channels=("main", "https://example.org/c"),
    )
    asked = spec("tiny", "main::wide >=2", channels=("main", "https://example.org/c", "nodefaults"))
    before = copy.deepcopy(asked)
    built = applied(asked, policy)
    assert built.spec["channels"] == [
        "https://mirror.example/all/main",
        "https://example.org/c",
        "nodefaults",
    ]
    assert built.spec["dependencies"] == ["tiny", "https://mirror.example/all/main::wide >=2"]
    assert asked == before
    assert applied(read("name: a\n"), policy).spec["channels"] == [
        "https://mirror.example/all/main"
    ]
    # A manifest is built as it is: there a name alone is another place than the one that is allowed.
    manifest = '[packages.conda]\nchannels = ["main"]\ntiny = "*"\n'
    with pytest.raises(ForbiddenError, match="the channel main is not allowed here"):
        applied(read(manifest, "stead", name="a"), policy)


def test_packages_that_the_settings_add_are_placed_as_those_that_are_asked_for():
    policy = Policy(
        conda_channel_alias="https://mirror.example/all/",
        conda_default_packages=("ours::tiny",),
        conda_included_packages=("ours::wide",),
    )
    added = ["https://mirror.example/all/ours::tiny", "https://mirror.example/all/ours::wide"]
    assert applied(read("name: a\n"), policy).spec["dependencies"] == added
    assert applied(spec("other"), policy).spec["dependencies"] == ["other", added[1]]


def test_the_channel_of_a_single_package_counts_too():
    policy = Policy(conda_allowed_channels=("https://example.org/c",))
    with pytest.raises(ForbiddenError, match="other"):
        applied(spec("other::tiny"), policy)
    lock = read(
        "version: 1\npackage:\n- {name: x, manager: conda, url: 'https://example.net/c/noarch/x.conda'}\n",
        "lock",
        name="a",
    )
    with pytest.raises(ForbiddenError, match=r"example\.net/c"):
        applied(lock, policy)
    # Whoever fetches it goes up by `..`, out of the channel.
    for up in ("..", ".", "%2e%2e"):
        lock = read(
            f"version: 1\npackage:\n- {{name: x, manager: conda, url: 'https://example.org/c/{up}/x.conda'}}\n",
            "lock",
            name="a",
        )
        with pytest.raises(ForbiddenError, match="is not allowed here"):
            applied(lock, policy)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:80/c",
        "http://localhost/c",
        "http://localhost./c",
        "http://10.1.2.3/c",
        "http://192.168.0.1/c",
        "http://169.254.169.254/c",
        "http://[::1]/c",
        "http://[::ffff:127.0.0.1]/c",
        "http://2130706433/c",
        "http://0x7f.1/c",
        "http://127.1/c",
        "http://store/c",
        "http://store.internal/c",
        "file:///srv/c",
        "/srv/c",
        "http://nas.corp/c",
        "http://224.0.0.1/c",
        "ftp://example.org/c",
        "oci://store/c",
        "oci://localhost:5000/c",
        "http://[64:ff9b::a00:1]/c",
    ],
)
def test_private_addresses_are_refused_where_forbidden(address):
    assert is_private(address)
    with pytest.raises(ForbiddenError, match="private address"):
        applied(spec("tiny", channels=(address,)), Policy(allow_private_addresses=False))
    assert applied(spec("tiny", channels=(address,)), Policy())


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://10.0.0.1/simple",
        "--extra-index-url=http://localhost:3141/",
        "x @ http://192.168.0.1/x-1.0.tar.gz",
        "x @ git+http://store.internal/x.git@main",
        "git+ssh://git@github.com/x/y",
        # What fetches them takes all of these for http://HOST/.
        "x @ http:/127.0.0.1/x-1.0.tar.gz",
        "x @ http:127.0.0.1/x-1.0.tar.gz",
        "x @ http:///127.0.0.1/x-1.0.tar.gz",
        "x @ https://10.0.0.1\\@example.org/x-1.0.tar.gz",
        "x @ https://①②⑦.⓪.⓪.①/x-1.0.tar.gz",
        "x @ https://127%2e0%2e0%2e1/x-1.0.tar.gz",
        "x @ https://[::1]/x-1.0.tar.gz",
    ],
)
def test_indexes_and_archives_on_private_addresses_are_refused_too(line):
    policy = Policy(allow_private_addresses=False)
    with pytest.raises(ForbiddenError, match="private address"):
        applied(spec("pip:\n      - '" + line + "'"), policy)
    fine = "x @ https://example.org/x-1.0.tar.gz"
    assert applied(spec("pip:\n      - '" + fine + "'"), policy)


@pytest.mark.parametrize(
    "channel",
    [
        "http://[",
        "http://[::1/c",
        "http:127.0.0.1/c",
        "http://10.0.0.1\\@example.org/c",
        "http://①②⑦.⓪.⓪.①/c",
        "http://example.org%00/c",
        "http://a b/c",
    ],
)
def test_what_not_everybody_reads_as_one_address_is_no_channel(channel):
    for asked in (
        read("name: a\nchannels: [" + json.dumps(channel) + "]\n"),
        read(
            "version: 1\nmetadata: {channels: [" + json.dumps(channel) + "]}\npackage: []\n",
            "lock",
            name="a",
        ),
    ):
        with pytest.raises(SpecError, match="no channel's name or address"):
            applied(asked, Policy())
    for value in ({"conda_allowed_channels": [channel]}, {"conda_channel_alias": channel}):
        with pytest.raises(known.SettingError, match="no channel's name or address"):
            known.check(value, SettingLevel.GLOBAL)


def test_a_value_that_was_taken_back_is_none():
    layers = {
        SettingLevel.GLOBAL: {"allow_private_addresses": False, "quota_builds": 3},
        SettingLevel.NAMESPACE: {"allow_private_addresses": None, "quota_builds": None},
    }
    assert merged(layers) == {"allow_private_addresses": False, "quota_builds": 3}
    assert not policy_of(merged(layers)).allow_private_addresses
    assert known.merged(layers)["quota_builds"] == 3


def test_public_addresses_are_none():
    for address in ("https://example.org/c", "http://9.9.9.9/c", "https://[2620:fe::fe]/c"):
        assert not is_private(address)


@pytest.mark.parametrize(
    ("ip", "private"),
    [
        ("9.9.9.9", False),
        ("2620:fe::fe", False),
        ("::ffff:9.9.9.9", False),
        ("64:ff9b::909:909", False),
        ("10.0.0.1", True),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("0.0.0.0", True),
        ("224.0.0.1", True),
        ("255.255.255.255", True),
        ("::1", True),
        ("::", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("fec0::1", True),
        ("::ffff:10.0.0.1", True),
        ("::10.0.0.1", True),
        ("::ffff:0:10.0.0.1", True),
        ("64:ff9b::a00:1", True),
        ("64:ff9b:1::1", True),
        ("2002:a00:1::", True),
        ("what", True),
    ],
)
def test_addresses_that_carry_others_are_seen_through(ip, private):
    assert is_private_ip(ip) is private


def test_the_names_of_a_specification_are_known_where_they_count():
    asked = spec(
        "https://b.example.org/c::x",
        "pip:\n      - --index-url https://I.example.org./simple",
        channels=("https://c.example.org:8080/c", "https://9.9.9.9/c", "s3://bucket.of/c", "main"),
    )
    forbidding = Policy(allow_private_addresses=False, conda_channel_alias="https://a.example.org")
    assert set(names(asked, forbidding)) == {f"{x}.example.org" for x in "abci"}
    assert names(asked, Policy(conda_channel_alias="https://a.example.org")) == ()
    answers = {"c.example.org": ("9.9.9.9", "10.0.0.1"), "i.example.org": ("fd00::1",)}
    with pytest.raises(ForbiddenError) as caught:
        applied(asked, forbidding, answers)
    assert "c.example.org is 10.0.0.1" in caught.value.message
    assert "i.example.org is fd00::1" in caught.value.details[0]
    # Names that nobody knows are left to whoever fetches.
    assert applied(asked, forbidding)
    assert applied(asked, Policy(conda_channel_alias="https://a.example.org"), answers)


def test_settings_are_checked():
    settings = {"conda_allowed_channels": ["a"], "allow_private_addresses": False, "other": 1}
    assert policy_of(settings) == Policy(
        conda_allowed_channels=("a",), allow_private_addresses=False
    )
    assert policy_of(settings).digest != policy_of({}).digest
    for bad in ({"conda_allowed_channels": "a"}, {"allow_private_addresses": 3}):
        with pytest.raises(SpecError):
            policy_of(bad)
