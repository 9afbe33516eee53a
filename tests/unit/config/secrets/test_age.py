"""Files that age encrypted: keys, damage, and what is said then."""

from __future__ import annotations

import pyrage
import pytest

from stead.config.secrets import Identities, resolve
from stead.config.secrets.age import encrypt
from stead.values.errors import ManifestError, SecretError

CONTENT = '# of the lab\npg_pass = "s3cret ü"\ntoken = """\nline 1\nline 2"""\n'


def test_a_key_of_a_file(person):
    person.has_key()
    person.encrypt("lab.age", CONTENT)
    assert person.get("age:lab.age#pg_pass") == "s3cret ü"
    assert person.get("age:lab.age#token") == "line 1\nline 2"


def test_without_a_key_it_is_the_whole_less_one_line_end(person):
    person.has_key()
    person.encrypt("cert.age", "-----BEGIN-----\nabc\n\n")
    assert person.get("age:cert.age") == "-----BEGIN-----\nabc\n"


def test_a_binary_file_opens_like_one_in_armor(person):
    person.has_key()
    sealed = pyrage.encrypt(b'a = "1"\n', [person.identity.to_public()])
    (person.place / "bin.age").write_bytes(sealed)
    assert person.get("age:bin.age#a") == "1"


@pytest.mark.parametrize(
    "where", [".config/stead/identity.txt", ".config/sops/age/keys.txt", "elsewhere/k.txt"]
)
def test_keys_are_found_where_they_are_kept(person, where):
    path = person.has_key(where)
    if where.startswith("elsewhere"):
        person.environ["SOPS_AGE_KEY_FILE"] = str(path)
    person.encrypt("lab.age", CONTENT)
    assert person.get("age:lab.age#pg_pass") == "s3cret ü"


def test_a_key_in_a_variable(person):
    person.environ["SOPS_AGE_KEY"] = f"# comment\n{person.identity}\n"
    person.encrypt("lab.age", CONTENT)
    assert person.get("age:lab.age#pg_pass") == "s3cret ü"


def test_xdg_config_home_counts(person):
    person.has_key("xdg/stead/identity.txt")
    person.environ["XDG_CONFIG_HOME"] = str(person.home / "xdg")
    person.encrypt("lab.age", CONTENT)
    assert person.get("age:lab.age#pg_pass") == "s3cret ü"


@pytest.mark.needs("ssh-keygen")
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_an_ssh_key(person, ssh_key, kind):
    path = ssh_key(kind)
    public = path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").strip()
    (person.place / "lab.age").write_bytes(encrypt(CONTENT, [public]))
    assert person.get("age:lab.age#pg_pass") == "s3cret ü"


@pytest.mark.needs("ssh-keygen")
@pytest.mark.parametrize(
    ("kind", "more"), [("ed25519", ()), ("rsa", ()), ("rsa", ("-m", "PEM"))], ids=str
)
def test_an_ssh_key_with_a_passphrase_is_asked_for_on_a_terminal(person, ssh_key, kind, more):
    path = ssh_key(kind, "open sesame", *more)
    public = path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").strip()
    (person.place / "lab.age").write_bytes(encrypt(CONTENT, [public]))
    (person.place / "two.age").write_bytes(encrypt('b = "2"\n', [public]))
    identities, prompts = person.asked(["wrong", "open sesame"])
    wanted = [person.reference("age:lab.age#pg_pass"), person.reference("age:two.age#b")]
    found = resolve(wanted, context=person.context, identities=identities)
    assert [found[r].reveal() for r in wanted] == ["s3cret ü", "2"]
    assert prompts == [f"passphrase of {path}: "] * 2  # a second try, and never again
    with pytest.raises(SecretError) as caught:
        person.get("age:lab.age#pg_pass")
    assert f"{path}: has a passphrase, which is only asked for on a terminal" in str(caught.value)


@pytest.mark.needs("ssh-keygen")
def test_no_passphrase_is_asked_for_where_the_key_cannot_fit(person, ssh_key):
    path = ssh_key("ed25519", "open sesame")
    other = pyrage.x25519.Identity.generate()
    (person.place / "lab.age").write_bytes(encrypt(CONTENT, [str(other.to_public())]))
    identities, prompts = person.asked(["open sesame"])
    with pytest.raises(SecretError) as caught:
        resolve([person.reference("age:lab.age#x")], context=person.context, identities=identities)
    assert prompts == []
    assert f"{path}: is not one of those it is encrypted for" in str(caught.value)


@pytest.mark.slow
def test_a_key_file_under_a_passphrase(person):
    path = person.has_key()
    path.write_bytes(pyrage.passphrase.encrypt(path.read_bytes(), "open sesame"))
    person.encrypt("lab.age", CONTENT)
    identities, prompts = person.asked(["open sesame"])
    assert person.get("age:lab.age#pg_pass", identities=identities) == "s3cret ü"
    assert prompts == [f"passphrase of {path}: "]


@pytest.mark.slow
def test_a_passphrase_that_stays_wrong_ends(person):
    path = person.has_key()
    path.write_bytes(pyrage.passphrase.encrypt(path.read_bytes(), "open sesame"))
    person.encrypt("lab.age", CONTENT)
    identities, prompts = person.asked(["a", "b", "c", "d", "e"])
    with pytest.raises(SecretError) as caught:
        person.get("age:lab.age#pg_pass", identities=identities)
    assert len(prompts) == 3
    assert f"{path}: its passphrase was not given, or not the right one" in str(caught.value)


@pytest.mark.slow
def test_a_file_under_a_passphrase(person):
    (person.place / "p.age").write_bytes(pyrage.passphrase.encrypt(b'a = "1"\n', "sesame"))
    identities, _ = person.asked(["no", "sesame"])
    assert person.get("age:p.age#a", identities=identities) == "1"
    with pytest.raises(SecretError, match="only asked for on a terminal"):
        person.get("age:p.age#a")


@pytest.mark.needs("ssh-keygen")
def test_a_wrong_key_says_which_were_tried(person, ssh_key):
    own = pyrage.x25519.Identity.generate()
    person.environ["SOPS_AGE_KEY"] = str(own)
    ssh = ssh_key("ed25519")
    person.encrypt("lab.age", CONTENT)
    with pytest.raises(SecretError) as caught:
        person.get("age:lab.age#pg_pass")
    said = str(caught.value)
    assert f"{person.place}/stead.toml:1: age:lab.age#pg_pass" in said
    assert "encrypted for 1 X25519 key" in said
    assert f"tried SOPS_AGE_KEY ({own.to_public()}): does not fit" in said
    assert f"tried {person.home}/.config/stead/identity.txt: no such file" in said
    assert f"tried {ssh}: is not one" not in said
    assert f"tried {ssh}: does not fit" in said
    assert "stead secret keygen" in said
    assert str(own) not in said


def test_a_private_key_in_place_of_a_public_one_is_not_repeated(person):
    with pytest.raises(ManifestError) as caught:
        encrypt("x", [str(person.identity)])
    assert str(person.identity)[:30] not in str(caught.value)
    assert "private key" in str(caught.value)


@pytest.mark.parametrize("text", ["age1xyz", "ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3M= x", ""])
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(ManifestError, match="is not a public key"):
        encrypt("x", [text])


def test_nobody_to_encrypt_for_is_refused():
    with pytest.raises(ManifestError, match="nobody is named"):
        encrypt("x", [])


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b[:-20] + b"\n-----END AGE ENCRYPTED FILE-----\n",
        lambda b: b.replace(b"\n", b"", 3),
        lambda b: b"",
        lambda b: b"\0" * 100,
        lambda b: b"age-encryption.org/v1\n-> X25519 abc\n",
    ],
    ids=["half", "tail", "joined", "empty", "zeros", "header"],
)
def test_a_damaged_file_says_so_and_shows_nothing(person, damage):
    person.has_key()
    path = person.encrypt("lab.age", CONTENT)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SecretError) as caught:
        person.get("age:lab.age#pg_pass")
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_each_changed_byte_is_found(person):
    person.has_key()
    sealed = bytes(pyrage.encrypt(b'a = "1"\n', [person.identity.to_public()]))
    path = person.place / "lab.age"
    head = sealed.index(b"\n---")
    for at in [*range(head, len(sealed), 7), len(sealed) - 1]:
        path.write_bytes(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        with pytest.raises(SecretError):
            person.get("age:lab.age#a")


def test_a_missing_key_names_the_nearest(person):
    person.has_key()
    person.encrypt("lab.age", CONTENT)
    with pytest.raises(SecretError, match="did you mean 'pg_pass'"):
        person.get("age:lab.age#pgpass")


@pytest.mark.parametrize(
    "text", ["a = hunter2", 'a = "hunter2', "hunter2", "[a\nhunter2 = 1", 'a = "x"\na = "hunter2"']
)
def test_what_is_not_toml_names_the_line_and_not_the_text(person, text):
    person.has_key()
    person.encrypt("lab.age", text)
    with pytest.raises(SecretError) as caught:
        person.get("age:lab.age#a")
    assert "not TOML of strings" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["a = 1", "[a]\nb = 'c'", "a = ['x']"])
def test_what_is_no_string_is_refused(person, text):
    person.has_key()
    person.encrypt("lab.age", text)
    with pytest.raises(SecretError, match=r"'a' in .* is no string"):
        person.get("age:lab.age#a")


def test_content_that_no_variable_can_hold_is_refused(person):
    person.has_key()
    person.encrypt("nul.age", "a\0b")
    with pytest.raises(SecretError, match="NUL"):
        person.get("age:nul.age")
    sealed = pyrage.encrypt(b"\xff\xfe", [person.identity.to_public()])
    (person.place / "bin.age").write_bytes(sealed)
    with pytest.raises(SecretError, match="not text in UTF-8"):
        person.get("age:bin.age")


def test_a_missing_file_and_a_directory(person):
    person.has_key()
    with pytest.raises(SecretError, match="there is no file"):
        person.get("age:none.age#a")
    (person.place / "d.age").mkdir()
    with pytest.raises(SecretError, match="is not a file"):
        person.get("age:d.age#a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AGE-PLUGIN-YUBIKEY-1ABC\n", "line 1: keys of plugins cannot be used here"),
        ("# c\nnonsense hunter2\n", "line 2: is not a private key of age"),
        ("# only a comment\n", "holds no key"),
    ],
)
def test_key_files_that_hold_none_say_so(person, text, said):
    path = person.has_key()
    path.write_text(text, encoding="utf-8")
    person.encrypt("lab.age", CONTENT)
    with pytest.raises(SecretError) as caught:
        person.get("age:lab.age#pg_pass")
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.needs("ssh-keygen")
def test_an_ssh_key_that_age_cannot_use_is_named(person, ssh_key):
    path = ssh_key("ecdsa", name="id_ed25519")
    person.encrypt("lab.age", CONTENT)
    with pytest.raises(SecretError) as caught:
        person.get("age:lab.age#pg_pass")
    assert f"{path}: is a key of the kind ecdsa-sha2-nistp256" in str(caught.value)


@pytest.mark.needs("ssh-keygen")
def test_whether_a_key_fits_is_said_without_asking(person, ssh_key):
    ssh = ssh_key("ed25519", "open sesame")
    public = ssh.with_name("id_ed25519.pub").read_text(encoding="utf-8").strip()
    assert Identities(person.context.environ).fits(encrypt("x", [public]))
    assert not Identities(person.context.environ).fits(encrypt("x", [person.public]))
    person.has_key()
    assert Identities(person.context.environ).fits(encrypt("x", [person.public]))
