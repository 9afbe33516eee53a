"""What is wrong in a configuration is said all at once, with file and line, and changes nothing.

Each case is a tree, and what ``stead check`` and ``stead run`` must both say of it: pairs of
a place (``FILE:LINE``) and a part of the message. In texts, ``→`` begins what to do about it.
"""

from __future__ import annotations

import os

import pytest

TYPES = """\
[vars]
PORT = { type = "port", value = "eighty" }
N = { type = "int", value = "x1" }
SMALL = { type = "int", min = 5, value = 3 }
B = { type = "bool", value = "maybe" }
E = { type = "enum", choices = ["a", "b"], value = "c" }
U = { type = "url", scheme = "postgres", value = "http://x" }
D = { type = "duration", value = "5 parsecs" }
Y = { type = "bytes", max = "1 MiB", value = "2 GiB" }
F = { type = "float", value = "1,5" }
H = { type = "host", value = "a b" }
J = { type = "json", value = "{x" }
S = { type = "secret", value = "hunter2" }
"""

LIMITS = """\
[lib.pg.accepts]
POOL = { type = "int", min = 1, default = 5 }
[host.lab]
limits = { "pg.POOL" = { max = 40 } }
[client.store]
uses = "pg"
POOL = 50
[app.v]
clients = ["store"]
run = ["true"]
"""

NAMES = """\
[lib.pg.accepts]
POOL = { type = "int", default = 5 }
[client.store]
uses = "pgg"
[client.two]
uses = "pg"
POLL = 3
[app.v]
clients = ["stor", "two"]
libs = ["nolib"]
listen = { WEB = "host.ports.wob" }
run = ["true"]
[host.lab]
ports = { web = 80 }
[net.office]
own = { app = "v", listener = "WEBB" }
[target.far]
host = "lob"
[recipe.prod]
app = "vv"
net = "offce"
host = "laab"
targets = ["fra"]
"""

TWO_HOSTS = """\
[host.a]
ports = { web = 80 }
[host.b]
ports = { web = 90 }
[app.v]
listen = { WEB = "host.ports.web" }
run = ["true"]
"""

SPLIT = """\
[host.a]
ports = { web = 80 }
[host.b]
secrets = { word = "env:X" }
[lib.l.accepts]
WORD = { type = "secret" }
[client.c]
uses = "l"
WORD = "{host.secrets.word}"
[app.v]
clients = ["c"]
listen = { WEB = "host.ports.web" }
run = ["true"]
"""

UNKNOWN_KEYS = """\
[hots.lab]
ports = { web = 1 }
[vras]
X = "1"
[app.v]
runn = ["true"]
[client.c]
use = "x"
[module]
kind = "hosst"
"""

CHECKS = """\
[vars]
S = { type = "secret", value = "env:HOME" }
[net.n]
server = { host = "h", port = 1 }
[checks]
undefined = { path = "${NOPE}" }
endpoint = { port = "{net.sever}" }
shown = { url = "http://${S}/" }
"""

SHAPES = """\
[checks]
nothing = {}
both = { path = "x", port = 4 }
empty = { command = [] }
key = { pth = "x" }
line = { run = "ls" }
name = { variable = "PG URL" }
table = "x"
"""

FILES = """\
[files]
"a.ini" = "missing.tmpl"
"b.ini" = "directory"
"c.ini" = "link.tmpl"
"d.ini" = "latin.tmpl"
"""

TEMPLATES = """\
[vars]
PORT = "1"
[files]
"a.ini" = "a.tmpl"
"b.ini" = "b.tmpl"
"c.ini" = "c.tmpl"
"""

OUTSIDE = """\
[files]
"a.ini" = "../out.tmpl"
"b.ini" = "/etc/hostname"
"../c.ini" = "ok.tmpl"
"/tmp/d.ini" = "ok.tmpl"
"e.ini" = {}
"f.ini" = { template = "ok.tmpl", format = "json" }
"""

CASES = {
    "types": (
        {"stead.toml": TYPES},
        [
            ("stead.toml:2", "PORT is 'eighty': expected a port, 1 to 65535"),
            ("stead.toml:3", "N is 'x1': expected a whole number"),
            ("stead.toml:4", "SMALL is '3': expected at least 5"),
            ("stead.toml:5", "B is 'maybe': expected true or false"),
            ("stead.toml:6", "E is 'c': expected one of a, b"),
            ("stead.toml:7", "expected an address that begins with postgres://"),
            ("stead.toml:8", "D is '5 parsecs': expected a duration"),
            ("stead.toml:9", "Y is '2 GiB': expected at most 1 MiB"),
            ("stead.toml:10", "F is '1,5': expected a number"),
            ("stead.toml:11", "H is 'a b': expected a host's name or address"),
            ("stead.toml:12", "J is '{x': expected JSON"),
            ("stead.toml:13", "S is a secret, and stands in a tracked file → change that secret"),
        ],
    ),
    "an unknown type": (
        {"stead.toml": '[vars]\nX = { type = "integer" }\nY = { typ = "int" }\n'},
        [("stead.toml:2", 'not the string "integer"'), ("stead.toml:3", "did you mean type?")],
    ),
    "a private value": (
        {
            "stead.toml": '[vars]\nN = { type = "int" }\n'
            'S = { type = "secret", pattern = "[a-z]+" }\n'
            'PG_HOST = { type = "host", default = "x" }\n',
            ".env": "N=many\nPG_HOTS=y\n",
        },
        [
            (".env:1", "N is 'many': expected a whole number"),
            (".env:2", "did you mean PG_HOST?"),
        ],
    ),
    "a host's limits": (
        {"stead.toml": LIMITS},
        [
            ("stead.toml:7", "POOL is '50', and host lab allows at most 40"),
            ("stead.toml:7", "'50' (client store, stead.toml:7)"),
            ("stead.toml:4", "at most 40 (host lab, stead.toml:4)"),
        ],
    ),
    "names that are not there": (
        {"stead.toml": NAMES},
        [
            ("stead.toml:3", "names lib pgg, which is not here → did you mean pg?"),
            ("stead.toml:7", "sets POLL, which lib pg does not accept → did you mean POOL?"),
            ("stead.toml:8", "names client stor, which is not here → did you mean store?"),
            ("stead.toml:8", "names lib nolib, which is not here → declare it"),
            ("stead.toml:11", "offers no ports.wob"),
            ("stead.toml:16", "listener WEBB of app v, which has WEB → did you mean WEB?"),
            ("stead.toml:17", "names host lob, which is not here → did you mean lab?"),
            ("stead.toml:19", "names app vv, which is not here → did you mean v?"),
            ("stead.toml:19", "names net offce, which is not here → did you mean office?"),
            ("stead.toml:19", "names host laab, which is not here → did you mean lab?"),
            ("stead.toml:19", "names target fra, which is not here → did you mean far?"),
        ],
    ),
    "two hosts": (
        {"stead.toml": TWO_HOSTS},
        [
            ("stead.toml:6", "two hosts fit: a and b (ports.web is needed by app v, stead.toml:6)"),
            ("stead.toml:1", "a (stead.toml:1)"),
            ("stead.toml:3", "b (stead.toml:3)"),
            ("stead.toml:6", 'choose one: host = "a" under [choose], a target, or --host a'),
        ],
    ),
    "none that fits": (
        {"stead.toml": SPLIT},
        [
            ("stead.toml:9", "no host here offers all that is needed"),
            ("stead.toml:9", "a lacks secrets.word"),
            ("stead.toml:9", "b lacks ports.web"),
        ],
    ),
    "none at all": (
        {"stead.toml": '[app.v]\nlisten = { WEB = "host.ports.web" }\nrun = ["true"]\n'},
        [
            ("stead.toml:2", "no host here offers ports.web"),
            ("stead.toml:2", "ports = { web = … }"),
        ],
    ),
    "a choice of what is not there": (
        {
            "stead.toml": TWO_HOSTS
            + '[choose]\nhost = "c"\nnet = "n"\n[layer.x.choose]\napp = "w"\n'
        },
        [
            ("stead.toml:8", "there is no host c, which [choose] asks for"),
            ("stead.toml:8", "there is no net n, which [choose] asks for"),
        ],
    ),
    "circles": (
        {"stead.toml": '[vars]\nA = "${B}"\nB = "x${A}"\nD = "${D}"\n'},
        [
            ("stead.toml:2", "in a circle: A → B → A"),
            ("stead.toml:3", "B = 'x${A}' (stead.toml:3)"),
            ("stead.toml:4", "D refers to itself"),
        ],
    ),
    "unknown keys and kinds": (
        {"stead.toml": UNKNOWN_KEYS},
        [
            ("stead.toml:1", "unknown key hots → did you mean host?"),
            ("stead.toml:3", "unknown key vras → did you mean vars?"),
            ("stead.toml:6", "unknown key runn in [app.v] → did you mean run?"),
            ("stead.toml:7", "client.c lacks the key uses"),
            ("stead.toml:10", 'not the string "hosst" → did you mean "host"?'),
        ],
    ),
    "a module without a kind": (
        {"stead.toml": '[module]\nname = "x"\n'},
        [("stead.toml:1", "module lacks the key kind")],
    ),
    "two modules of one name": (
        {
            "stead.toml": '[uses]\na = { path = "m" }\nb = { path = "n" }\n',
            "m/stead.toml": '[module]\nkind = "host"\nname = "z"\nports = { web = 80 }\n',
            "n/stead.toml": '[module]\nkind = "host"\nname = "z"\nports = { web = 81 }\n',
        },
        [("m/stead.toml:1", "host z is described twice"), ("n/stead.toml:1", "another name")],
    ),
    "a check's references": (
        {"stead.toml": CHECKS},
        [
            ("stead.toml:6", "the check undefined refers to ${NOPE}, which is not defined"),
            ("stead.toml:7", "net n offers no sever (needed by the check endpoint, stead.toml:7)"),
            ("stead.toml:7", "did you mean server?"),
            ("stead.toml:8", "the check shown would hold a secret"),
        ],
    ),
    "a check's shape": (
        {"stead.toml": SHAPES},
        [
            ("stead.toml:2", "check nothing does not say what must hold"),
            ("stead.toml:3", "check both must say one thing, not path and port"),
            ("stead.toml:4", "check empty does not say what must hold, or that is empty"),
            ("stead.toml:5", "did you mean path?"),
            ("stead.toml:6", 'a command is a list of arguments: run = ["ls"]'),
            ("stead.toml:7", "must be a name of a variable"),
            ("stead.toml:8", "must be a table"),
        ],
    ),
    "templates that cannot be read": (
        {
            "stead.toml": FILES,
            "directory/x": "",
            "latin.tmpl": b"\xe9\n",
            "link.tmpl": "->/etc/hostname",
        },
        [
            ("stead.toml:2", "the template of a.ini is not there: missing.tmpl"),
            ("stead.toml:3", "the template of b.ini is a directory: directory"),
            ("stead.toml:4", "leads out of the manifest's directory: link.tmpl is at"),
            ("latin.tmpl:1", "the file is not UTF-8 text"),
        ],
    ),
    "templates that are wrong": (
        {
            "stead.toml": TEMPLATES,
            "a.tmpl": "{{ PROT }}\n\n{{ paths.nope }}\n",
            "b.tmpl": "\n{% if PORT %}\n",
            "c.tmpl": "\n\n{{ PORT | nofilter }}\n",
        },
        [
            ("a.tmpl:1", "PROT is not known (did you mean PORT?)"),
            ("a.tmpl:3", "paths.nope is not known"),
            ("b.tmpl:2", "Unexpected end of template"),
            ("c.tmpl:3", "nofilter"),
        ],
    ),
    "files outside": (
        {"stead.toml": OUTSIDE, "ok.tmpl": ""},
        [
            ("stead.toml:2", 'a template must lie in this directory, not at "../out.tmpl"'),
            ("stead.toml:3", 'not at "/etc/hostname"'),
            ("stead.toml:4", 'a rendered file must lie in this directory; "../c.ini" does not'),
            ("stead.toml:5", '"/tmp/d.ini" does not'),
            ("stead.toml:6", "e.ini needs either a template or a format"),
            ("stead.toml:7", "f.ini needs either a template or a format"),
        ],
    ),
    "places that are taken": (
        {
            "stead.toml": '[files]\n"mine.txt" = "ok.tmpl"\n"directory" = "ok.tmpl"\n'
            '"mine.txt/x" = "ok.tmpl"\n"out/x" = "ok.tmpl"\n"link" = "ok.tmpl"\n'
            '".env" = "ok.tmpl"\n".git/config" = "ok.tmpl"\n',
            "ok.tmpl": "x",
            "mine.txt": "mine",
            "directory/x": "",
            "out": "->/tmp",
            "link": "->mine.txt",
        },
        [
            ("stead.toml:2", "mine.txt is a file that Stead did not make"),
            ("stead.toml:3", "directory is a directory"),
            ("stead.toml:4", "mine.txt/x needs a directory mine.txt, and that is a file"),
            ("stead.toml:5", "that leads out of"),
            ("stead.toml:6", "link is a link that Stead did not make (it leads to mine.txt)"),
            ("stead.toml:7", "Stead reads private values there"),
            ("stead.toml:8", "that belongs to git"),
        ],
    ),
    "characters of manifests": (
        {"stead.toml": b'[vars]\nX = "a\x00b"\n'},
        [("stead.toml:2", "not valid TOML"), ("stead.toml:2", "take the character out")],
    ),
    "an escaped NUL": (
        {"stead.toml": '[vars]\nX = "a\\u0000b"\n'},
        [("stead.toml:2", "holds a NUL character"), ("stead.toml:2", "take it out")],
    ),
    "an unterminated text": (
        {"stead.toml": '[vars]\nX = "abc\nY = "d"\n'},
        [("stead.toml:2", "not valid TOML"), ("stead.toml:2", "close the quote")],
    ),
    "a very long line of a manifest": (
        {"stead.toml": b'[vars]\nX = "' + b"a" * 10_000_000 + b'"\n'},
        [("stead.toml:2", "X is longer than 128 KiB"), ("stead.toml:2", "put it into a file")],
    ),
}


def plant(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        elif text.startswith("->"):
            path.symlink_to(text[2:])
        else:
            path.write_text(text, encoding="utf-8")


def seen(root):
    """Everything in a tree with its content and times."""
    found = {}
    for parent, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = os.path.join(parent, name)
            state = os.lstat(path)
            content = b""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = file.read()
            found[path] = (state.st_mode, state.st_mtime_ns, content)
    return found


def said_by(machine, root, *words, code=1):
    done = machine.run(*words, cwd=root)
    said = (done.stdout + done.stderr).replace(f"{root}/", "")
    assert done.returncode == code, f"{words}: {done.returncode}\n{said}"
    assert "Traceback" not in said
    assert "a fault in Stead" not in said
    # On the command line the remedy has a line of its own, in lists it follows.
    return said.replace("\n  → ", " → ")


@pytest.mark.parametrize("words", [("check",), ("run", "--", "touch", "started")])
@pytest.mark.parametrize("case", CASES)
def test_all_of_it_is_said_and_nothing_is_changed(machine, tmp_path, case, words):
    files, expected = CASES[case]
    root = tmp_path / "project"
    root.mkdir()
    plant(root, files)
    before = seen(root)
    said = said_by(machine, root, *words)
    assert seen(root) == before
    missing = [(at, part) for at, part in expected if at not in said or part not in said]
    assert not missing, said
    assert "hunter2" not in said
    assert len(said) < 20_000
    for where, part in expected:  # each place and its message together, up to the details
        lines = said.splitlines()
        near = [i for i, line in enumerate(lines) if part in line]
        assert any(where in "\n".join(lines[max(0, i - 3) : i + 3]) for i in near), (where, said)


def test_each_command_that_would_use_it_refuses(machine, project):
    root = project({"stead.toml": '[vars]\nN = { type = "int", value = "x1" }\n'})
    machine.environ["EDITOR"] = "false"
    for words in (
        ("build",),
        ("run", "--", "true"),
        ("launcher", "sh"),
        ("check",),
    ):
        said = said_by(machine, root, *words)
        assert "stead.toml:2" in said, words
        assert "N is 'x1': expected a whole number" in said, words
    assert os.listdir(root) == ["stead.toml"]


class TestDotenv:
    DECLARED = '[vars]\nPG_HOST = { type = "host" }\nTOKEN = { type = "secret" }\n'

    def refused(self, machine, root, content):
        (root / "stead.toml").write_text(self.DECLARED, encoding="utf-8")
        (root / ".env").write_bytes(content)
        before = seen(root)
        said = said_by(machine, root, "run", "--", "true")
        # The same words; only the remedy stands elsewhere.
        assert sorted(said_by(machine, root, "check").split()) == sorted(said.split())
        assert seen(root) == before
        return said

    @pytest.fixture
    def root(self, project):
        return project({})

    def test_each_ambiguous_line_with_what_each_dialect_reads(self, machine, root):
        lines = {
            b'TOKEN="hunter2': "a quote that nothing closes",
            b"B=$hunter2": "replaces `$…`",
            b"C=hunter2#b": "drops everything from the first `#`",
            b"D=hunter2 b": "runs what follows as a command",
            b"E='hunter2'y": "takes the quotes away",
            b"G": "keeps the name without a value",
            b"=hunter2": "no name",
            b"I: hunter2": "ignores the line",
            b"J=`hunter2`": "runs the text between backticks as a command",
        }
        said = self.refused(machine, root, b"\n".join([b"PG_HOST=a", *lines]) + b"\n")
        assert f"({len(lines)} faults)" in said
        for number, part in enumerate(lines.values(), 2):
            (line,) = [x for x in said.splitlines() if x.strip().startswith(f".env:{number}:")]
            assert part in line
            for dialect in ("python", "node", "compose", "sh"):
                assert dialect in line
        assert "hunter2" not in said
        assert "stead import --portable --dialect" in said

    @pytest.mark.parametrize(
        ("content", "line", "part"),
        [
            (b"\xef\xbb\xbfPG_HOST=a\n", 1, "a byte order mark"),
            (b"PG_HOST=a\r\nB=c\r\n", 1, "2 lines end in CRLF"),
            (b"PG_HOST=a\nB=x\0y\n", 2, "a NUL byte"),
            ("PG_HOST=ä\n".encode("utf-16"), 1, "not UTF-8"),
            (b"PG_HOST=a\nB=\xe9\n", 2, "not UTF-8"),
            (b"PG_HOST=a\nB=" + b"a" * 10_000_000 + b"\n", 2, "131,071"),
            (b'PG_HOST=a\nB="' + b"$x" * 5_000_000 + b'"\n', 2, "131,071"),
            (b"PG_HOST=a\nPG_HOST=b\n", 2, "line 1 gives it another value"),
        ],
        ids=["bom", "crlf", "nul", "utf-16", "latin-1", "long", "long and hard", "twice"],
    )
    def test_bytes_that_are_not_text_alike_to_all(self, machine, root, content, line, part):
        said = self.refused(machine, root, content)
        assert f".env:{line}" in said
        assert part in said
        assert "→" in said
        assert len(said) < 2000

    def test_a_secret_of_the_wrong_form_is_not_shown(self, machine, root):
        declared = '[vars]\nTOKEN = { type = "secret", pattern = "[a-z]+" }\n'
        (root / "stead.toml").write_text(declared, encoding="utf-8")
        (root / ".env").write_text("TOKEN=HUNTER2\n", encoding="utf-8")
        for words in (("check",), ("run", "--", "true"), ("env", "vars"), ("explain", "TOKEN")):
            done = machine.run(*words, cwd=root)
            assert "HUNTER2" not in done.stdout + done.stderr


class TestRecipes:
    MANIFEST = LIMITS.replace("POOL = 50\n", "") + (
        '[recipe.prod]\napp = "v"\nhost = "lab"\n'
        'set = { "store.POOL" = 60, "store.POLL" = 3, "stor.POOL" = 3, POL = 3 }\n'
    )

    def test_what_it_sets_is_checked(self, machine, project):
        root = project({"stead.toml": self.MANIFEST})
        said = said_by(machine, root, "check", "--recipe", "prod")
        for line, part in (
            (13, "POOL is '60', and host lab allows at most 40"),
            (13, "sets stor.POOL, but no client, app or lib is named stor → did you mean store?"),
            (13, "sets store.POLL, which lib pg does not accept → did you mean POOL?"),
        ):
            assert f"stead.toml:{line}" in said
            assert part in said

    @pytest.mark.parametrize(
        ("words", "part"),
        [
            (("--recipe", "prd"), "there is no recipe prd → did you mean prod?"),
            (("--target", "x"), "there is no target x → declare it under [target.x]"),
            (("--host", "lba"), "there is no host lba → did you mean lab?"),
            (("--net", "x"), "there is no net x → declare it under [net.x]"),
            (("--app", "x"), "there is no app x → declare it under [app.x]"),
        ],
    )
    def test_options_that_name_what_is_not_there(self, machine, project, words, part):
        root = project({"stead.toml": LIMITS.replace("50", "5")})
        if "--recipe" in words:
            (root / "stead.toml").write_text(self.MANIFEST, encoding="utf-8")
        assert part in said_by(machine, root, "check", *words)


class TestSecrets:
    MANIFEST = """\
[vars]
A = { type = "secret", value = "age:s.age#k" }
B = { type = "secret", value = "sops:s.yaml#k" }
C = { type = "secret", value = "env:NOT_SET_HERE" }
D = { type = "secret", value = "command:sh -c 'printf hun; echo ter2; echo no >&2; exit 3'" }
E = { type = "secret", value = "command:nonesuch-program" }
"""

    def test_all_that_cannot_be_had(self, machine, project):
        root = project({"stead.toml": self.MANIFEST})
        said = said_by(machine, root, "run", "--", "touch", "started")
        assert "5 secrets could not be had" in said
        for line, part in (
            (2, "there is no file s.age"),
            (3, "there is no file s.yaml"),
            (4, "the variable NOT_SET_HERE is not set"),
            (5, "the command ended with code 3"),
            (6, "the program 'nonesuch-program' was not found"),
        ):
            assert any(f"stead.toml:{line}:" in row and part in row for row in said.splitlines()), (
                said
            )
        assert "hunter2" not in said
        assert os.listdir(root) == ["stead.toml"]

    def test_a_file_that_is_not_there_is_known_before(self, machine, project):
        root = project({"stead.toml": self.MANIFEST})
        said = said_by(machine, root, "check")
        assert "stead.toml:2: age:s.age#k cannot be had here: there is no file s.age" in said
        assert "stead.toml:3: sops:s.yaml#k cannot be had here: there is no file s.yaml" in said

    def test_which_keys_were_tried(self, machine, project, tmp_path):
        from stead.testing.sops import sops_file

        root = project({"stead.toml": self.MANIFEST})
        theirs = "age10us3lwmr9zxtwruy6ruv8lhqx5r79npsnyevrlmehqvkhkehxqfqyddfqa"
        (root / "s.yaml").write_text(sops_file({"k": "v"}, [theirs]), encoding="utf-8")
        import pyrage

        sealed = pyrage.encrypt(b'k = "v"\n', [pyrage.x25519.Recipient.from_str(theirs)])
        (root / "s.age").write_bytes(sealed)
        mine = said_by(machine, root, "run", "--", "true")
        for name in (".config/stead/identity.txt", ".config/sops/age/keys.txt", ".ssh/id_ed25519"):
            assert mine.count(f"tried {machine.home}/{name}") >= 1, mine
        public = machine.ok("secret", "keygen", cwd=root).strip()
        again = said_by(machine, root, "run", "--", "true")
        assert public in again
        private = (machine.home / ".config/stead/identity.txt").read_text(encoding="utf-8")
        (key,) = [row for row in private.splitlines() if row.startswith("AGE-SECRET-KEY")]
        assert key not in again

    @pytest.mark.parametrize("harm", ["flip", "cut", "text"])
    def test_a_file_that_was_tampered_with(self, machine, project, harm):
        root = project({"stead.toml": "[workspace]\n"})
        public = machine.ok("secret", "keygen", cwd=root).strip()
        (root / "stead.toml").write_text(
            f'[secrets]\nrecipients = ["{public}"]\n'
            '[vars]\nA = { type = "secret", value = "age:secrets.age#k" }\n',
            encoding="utf-8",
        )
        machine.run("secret", "set", "k", cwd=root, stdin="hunter2")
        assert machine.ok("run", "--", "sh", "-c", "echo $A", cwd=root) == "hunter2\n"
        whole = (root / "secrets.age").read_bytes()
        harmed = {
            "flip": whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:],
            "cut": whole[:-20],
            "text": b"k = 'hunter2'\n",
        }[harm]
        (root / "secrets.age").write_bytes(harmed)
        said = said_by(machine, root, "run", "--", "true")
        assert "stead.toml:4" in said
        assert "secrets.age" in said
        assert "hunter2" not in said
        assert said_by(machine, root, "secret", "list")
        assert machine.run("secret", "set", "j", cwd=root, stdin="x").returncode == 1
        assert (root / "secrets.age").read_bytes() == harmed


def test_what_a_check_looks_at_may_be_named(machine, project):
    root = project(
        {
            "stead.toml": '[vars]\nKIND = "raw"\n[paths]\ndata = "data"\n'
            '[net.n]\ndb = { host = "127.0.0.1", port = 1 }\n[checks]\n'
            'a = { path = "${paths.data}/${KIND}" }\nb = { port = "{net.db}" }\n'
            'c = { path = "lit$${eral}" }\n'
        }
    )
    said = said_by(machine, root, "run", "--", "true")
    assert "data/raw is not there" in said
    assert "nothing listens at 127.0.0.1:1" in said
    assert "lit${eral} is not there" in said
    (root / "data/raw").mkdir(parents=True)
    (root / "lit${eral}").mkdir()
    assert "is not there" not in said_by(machine, root, "run", "--", "true")
