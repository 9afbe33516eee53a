"""Files that sops encrypted: every store, every rule, and every way to tamper with them."""

from __future__ import annotations

import json
import re

import pyrage
import pytest

from stead.config.secrets._sops_stores import scalar
from stead.config.secrets.sops import as_bytes
from stead.testing.sops import sops_file
from stead.values.errors import SecretError

TREE = {
    "db": {"pass": "hunter2 ü", "port": 5432, "ratio": 0.5, "tls": True, "old": False},
    "hosts": ["alpha", {"name": "beta"}, "gamma"],
    "empty": "",
    "none": None,
    "note_unencrypted": "in clear",
    "limits_unencrypted": {"most": 7, "huge": 1e21, "tiny": 2.0**-20, "on": True},
    "a.b": "dotted",
}


@pytest.fixture(params=["yaml", "json"])
def form(request):
    return request.param


def write(person, form, tree=TREE, **rules):
    text = sops_file(tree, [person.public], form, **rules)
    name = "s.env" if form == "dotenv" else f"s.{form}"
    path = person.place / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("db.pass", "hunter2 ü"),
        ("db.port", "5432"),
        ("db.ratio", "0.5"),
        ("db.tls", "true"),
        ("db.old", "false"),
        ("hosts.0", "alpha"),
        ("hosts.1.name", "beta"),
        ("empty", ""),
        ("note_unencrypted", "in clear"),
        ("limits_unencrypted.most", "7"),
        ("limits_unencrypted.huge", "1000000000000000000000"),
        ("limits_unencrypted.tiny", "0.00000095367431640625"),
        ("a.b", "dotted"),
    ],
)
def test_values_of_every_type(person, form, key, value):
    person.has_key()
    path = write(person, form)
    assert person.get(f"sops:{path.name}#{key}") == value


def test_dotenv(person):
    person.has_key()
    tree = {
        "PASS": "hunter2",
        "LINES": "a\nb",
        "QUOTED": '"x"',
        "E": "",
        "P_unencrypted": "in # clear",
    }
    write(person, "dotenv", tree)
    for name, value in tree.items():
        assert person.get(f"sops:s.env#{name}") == value


def test_line_ends_that_git_made_do_not_count(person):
    person.has_key()
    for form in ("dotenv", "yaml", "json"):
        path = write(person, form, {"PASS": "hunter2", "P_unencrypted": "clear"})
        path.write_bytes(
            b"\xef\xbb\xbf"[: 3 * (form != "dotenv")] + path.read_bytes().replace(b"\n", b"\r\n")
        )
        assert person.get(f"sops:{path.name}#PASS") == "hunter2"


def test_the_form_is_seen_without_a_telling_name(person):
    person.has_key()
    for form, name in (("json", "a.enc"), ("dotenv", "b.enc")):
        text = sops_file({"K": "v"}, [person.public], form)
        (person.place / name).write_text(text, encoding="utf-8")
        assert person.get(f"sops:{name}#K") == "v"


@pytest.mark.parametrize(
    "rules",
    [
        {"unencrypted_suffix": "_clear"},
        {"encrypted_suffix": "_secret"},
        {"unencrypted_regex": "^(kind|name)$"},
        {"encrypted_regex": "^(data|pass)"},
        {"mac_only_encrypted": True},
        {"mac_only_encrypted": True, "encrypted_regex": "pass"},
    ],
    ids=str,
)
def test_the_rules_for_what_is_encrypted(person, form, rules):
    person.has_key()
    tree = {
        "kind": "a_clear",
        "x_clear": "1",
        "y_secret": "2",
        "data": {"name": "n", "password": "p"},
    }
    path = write(person, form, tree, **rules)
    assert "ENC[" in path.read_text(encoding="utf-8")
    assert person.get(f"sops:{path.name}#data.password") == "p"
    assert person.get(f"sops:{path.name}#kind") == "a_clear"
    assert person.get(f"sops:{path.name}#y_secret") == "2"


def test_what_only_encrypted_values_authenticate_may_change_in_clear(person):
    person.has_key()
    tree = {"clear": "1", "password": "p"}
    path = write(person, "yaml", tree, mac_only_encrypted=True, encrypted_regex="pass")
    path.write_text(path.read_text(encoding="utf-8").replace("clear: '1'", "clear: '2'"))
    assert person.get("sops:s.yaml#clear") == "2"


def fails(person, text):
    with pytest.raises(SecretError) as caught:
        person.get(text)
    said = str(caught.value)
    assert "hunter2" not in said
    return said


def tamper(path, change):
    if path.suffix == ".json":
        document = json.loads(path.read_text(encoding="utf-8"))
        change(document)
        path.write_text(json.dumps(document), encoding="utf-8")
    else:
        import yaml

        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(document)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def swap(document):
    db = document["db"]
    db["pass"], db["port"] = db["port"], db["pass"]


def swap_items(document):
    # Items of a list are bound to the list alone: only the whole tells their order.
    document["hosts"].reverse()


def rename(document):
    document["db"]["password"] = document["db"].pop("pass")


def drop(document):
    del document["db"]["port"]


def clear(document):
    document["note_unencrypted"] = "other"


def plain(document):
    document["db"]["pass"] = "mine"


def number(document):
    document["db"]["port"] = 1


def extra(document):
    document["more_unencrypted"] = "put in"


def digest(document):
    document["sops"]["mac"] = document["db"]["pass"]


def no_digest(document):
    del document["sops"]["mac"]


def time(document):
    document["sops"]["lastmodified"] = "2030-01-01T00:00:00Z"


def rule(document):
    document["sops"]["mac_only_encrypted"] = True


def other_type(document):
    document["db"]["port"] = document["db"]["port"].replace("type:int", "type:str")


def bit(document):
    document["db"]["pass"] = document["db"]["pass"].replace("data:", "data:AAAA", 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (swap, "was changed, or moved from another place"),
        (swap_items, "was changed without sops"),
        (rename, "was changed, or moved"),
        (drop, "was changed without sops"),
        (clear, "was changed without sops"),
        (plain, "is not encrypted, though by the file's rules it should be"),
        (number, "is not encrypted, though"),
        (extra, "was changed without sops"),
        (digest, "the authentication (`mac`)"),
        (no_digest, "holds no authentication"),
        (time, "the authentication (`mac`)"),
        (rule, "was changed without sops"),
        (bit, "was changed, or moved"),
    ],
    ids=lambda v: v.__name__ if callable(v) else "",
)
def test_every_way_to_tamper_is_found(person, form, change, said):
    person.has_key()
    path = write(person, form)
    tamper(path, change)
    assert said in fails(person, f"sops:{path.name}#db.pass")


def test_a_type_that_was_changed_does_not_change_what_is_read(person, form):
    # sops authenticates no types; the text of a value is the same under another one.
    person.has_key()
    path = write(person, form)
    tamper(path, other_type)
    assert person.get(f"sops:{path.name}#db.port") == "5432"


def test_a_dotenv_line_that_was_put_in_is_found(person):
    person.has_key()
    path = write(person, "dotenv", {"A": "hunter2"})
    path.write_text(f"B_unencrypted=x\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    assert "was changed without sops" in fails(person, "sops:s.env#A")


def test_no_key_that_fits_names_whom_it_is_for(person, form):
    path = write(person, form)
    other = pyrage.x25519.Identity.generate()
    person.environ["SOPS_AGE_KEY"] = str(other)
    said = fails(person, f"sops:{path.name}#db.pass")
    assert f"is encrypted for {person.public}, and no key here fits" in said
    assert f"tried SOPS_AGE_KEY ({other.to_public()}): does not fit" in said


@pytest.mark.needs("ssh-keygen")
def test_one_of_several_keys_is_enough(person, form, ssh_key):
    ssh = ssh_key()
    public = ssh.with_name("id_ed25519.pub").read_text(encoding="utf-8").strip()
    text = sops_file(TREE, [person.public, public], form)
    (person.place / f"s.{form}").write_text(text, encoding="utf-8")
    assert person.get(f"sops:s.{form}#db.port") == "5432"


def test_other_keys_than_age_are_named(person):
    path = write(person, "json")
    tamper(path, lambda d: d["sops"].update(age=None, pgp=[{"fp": "AB"}], kms=[{"arn": "x"}]))
    said = fails(person, "sops:s.json#db.pass")
    assert "is not encrypted for any age key, only for PGP and AWS KMS" in said


def test_groups_of_keys(person):
    person.has_key()
    path = write(person, "json")

    def group(document):
        document["sops"]["key_groups"] = [{"age": document["sops"].pop("age")}]

    tamper(path, group)
    assert person.get("sops:s.json#db.port") == "5432"
    tamper(path, lambda d: d["sops"]["key_groups"].append({"age": []}))
    assert "keys of 2 groups together" in fails(person, "sops:s.json#db.port")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("db.pas", "did you mean 'db.pass'"),
        ("db", "is not one value but several"),
        ("hosts", "is not one value but several"),
        ("hosts.9", "holds no 'hosts.9'"),
        ("none", "has no value"),
        ("db.pass.x", "holds no"),
    ],
)
def test_a_path_that_leads_to_no_value(person, form, key, said):
    person.has_key()
    path = write(person, form)
    assert said in fails(person, f"sops:{path.name}#{key}")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.yaml", "a: [1\n", "is not YAML, line 2"),
        ("s.yaml", "- a\n", "is no mapping"),
        ("s.yaml", "a: 1\n", "was not encrypted by sops"),
        ("s.yaml", "a: 1\na: 2\nsops: {}\n", "one key twice"),
        ("s.yaml", "a: &x [*x]\n", "within itself"),
        ("s.json", "{", "is not JSON, line 1"),
        ("s.json", "[1]", "is not a JSON object"),
        ("s.json", '{"a": 1, "a": 2}', "one key twice"),
        ("s.json", '{"a": 1}', "was not encrypted by sops"),
        ("s.json", "[" * 100_000, "nested too deeply"),
        ("s.env", "A=1\n", "was not encrypted by sops"),
        ("s.env", "hunter2\n", "line 1, is no NAME=VALUE"),
        ("s.ini", "[a]\nb=1\n", "INI"),
        ("s.json", '{"sops": {"age": "hunter2", "mac": []}}', "not encrypted for any age key"),
        ("s.json", '{"sops": {"age": [{"enc": "x"}]}}', "no key here fits"),
    ],
)
def test_what_is_no_such_file_says_so(person, name, text, said):
    person.has_key()
    (person.place / name).write_text(text, encoding="utf-8")
    assert said in fails(person, f"sops:{name}#a")


def test_aliases_cannot_stand_for_more_than_a_file_may_hold(person):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (person.place / "s.yaml").write_text("\n".join(lines), encoding="utf-8")
    assert "more than" in fails(person, "sops:s.yaml#a0")


def test_two_rules_at_once_are_refused(person):
    person.has_key()
    path = write(person, "json", encrypted_regex=".")
    tamper(path, lambda d: d["sops"].update(unencrypted_suffix="_x"))
    assert "two rules" in fails(person, "sops:s.json#db.pass")
    tamper(path, lambda d: d["sops"].update(unencrypted_suffix="", encrypted_regex="("))
    assert "no regular expression" in fails(person, "sops:s.json#db.pass")


def test_rules_by_comments_are_seen_from_the_values(person):
    person.has_key()
    path = write(person, "yaml")
    tamper(path, lambda d: d["sops"].update(encrypted_comment_regex="secret"))
    assert person.get("sops:s.yaml#db.pass") == "hunter2 ü"
    tamper(path, plain)
    assert "was changed without sops" in fails(person, "sops:s.yaml#db.pass")


def test_comments_and_order_of_metadata_do_not_count(person):
    person.has_key()
    path = write(person, "yaml")
    text = path.read_text(encoding="utf-8")
    path.write_text("# hello\n" + re.sub(r"(?m)^db:$", "db:  # the database", text))
    assert person.get("sops:s.yaml#db.pass") == "hunter2 ü"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("yes", "yes"),
        ("on", "on"),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 15),
        ("1_000", 1000),
        ("-0", 0),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("12:30:45", "12:30:45"),
        ("1.2.3", "1.2.3"),
        ("99999999999999999999", 1e20),
        ("2001-1-2", "2001-01-02T00:00:00Z"),
        ("2001-01-02T03:04:05.600Z", "2001-01-02T03:04:05.6Z"),
        ("2001-01-02 3:04:05 +02:00", "2001-01-02T03:04:05+02:00"),
        ("0x", "0x"),
        ("_", "_"),
    ],
)
def test_plain_scalars_mean_what_they_mean_to_sops(text, value):
    found = scalar(text)
    assert found == value
    assert isinstance(found, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, b"True"),
        (7, b"7"),
        (7.0, b"7"),
        (0.1, b"0.1"),
        (1e21, b"1000000000000000000000"),
        (-0.0, b"-0"),
        (100.0, b"100"),
        ("ü", "ü".encode()),
    ],
)
def test_values_are_hashed_as_go_writes_them(value, text):
    assert as_bytes(value) == text
