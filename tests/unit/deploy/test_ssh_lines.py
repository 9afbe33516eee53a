"""The client's command lines and words, without a client: the same on every system."""

from __future__ import annotations

import itertools

import pytest

from stead.deploy.targets._openssh import (
    command_line,
    configuration_line,
    explained,
    forwarding_line,
    limits,
    options,
    shares,
)
from stead.values.errors import UnreachableError


def chosen(line):
    return dict(word.split("=", 1) for option, word in itertools.pairwise(line) if option == "-o")


def test_nothing_is_asked_and_silence_is_noticed():
    found = chosen(options(60))
    assert found["BatchMode"] == "yes"
    silence = int(found["ServerAliveInterval"]) * int(found["ServerAliveCountMax"])
    assert silence <= 30
    assert int(chosen(options(2))["ServerAliveInterval"]) == 1


@pytest.mark.parametrize(
    ("configured", "found"),
    [
        ("user u\nforwardx11timeout 1200\nconnecttimeout none\n", False),
        ("connecttimeout 0\n", False),
        ("", False),
        ("user u\nconnecttimeout 2\n", True),
        ("ConnectTimeout 1m\n", True),
    ],
)
def test_how_long_connecting_takes_is_ours_to_say_only_where_nobody_else_does(configured, found):
    assert limits(configured) is found
    for line in (
        command_line("h", "true", patience=8, first=True, limited=not found),
        command_line("h", "true", patience=8, limited=not found),
        forwarding_line("h", "::1", 80, patience=8, limited=not found),
    ):
        assert ("ConnectTimeout" in chosen(line)) is not found
    assert configuration_line("-v") == ["ssh", "-G", "--", "-v"]


def test_an_address_is_never_an_option():
    line = command_line("-oProxyCommand=touch x", "true", patience=8)
    assert line[line.index("--") + 1] == "-oProxyCommand=touch x"
    assert line[-1] == "true"
    assert forwarding_line("-v", "::1", 80, patience=8)[-2:] == ["--", "-v"]


def test_a_port_belongs_to_an_address():
    assert command_line("u@h:22", "true", patience=8)[-2] == "ssh://u@h:22"
    assert command_line("h", "true", patience=8)[-2] == "h"
    assert command_line("ssh://h:22", "true", patience=8)[-2] == "ssh://h:22"
    assert command_line("fe80::1", "true", patience=8)[-2] == "fe80::1"
    assert forwarding_line("h:2222", "::1", 80, patience=8)[-1] == "ssh://h:2222"


def test_commands_share_a_connection_where_the_client_can():
    first = chosen(command_line("h", "true", patience=8, control="/tmp/s/c", first=True))
    more = chosen(command_line("h", "true", patience=8, control="/tmp/s/c"))
    assert (first["ControlMaster"], more["ControlMaster"]) == ("yes", "no")
    assert first["ControlPath"] == more["ControlPath"] == "/tmp/s/c"
    assert [shares(system) for system in ("linux", "darwin", "win32")] == [True, True, False]


def test_where_it_cannot_the_users_own_sharing_is_left_out_as_well():
    alone = chosen(command_line("h", "true", patience=8))
    assert (alone["ControlMaster"], alone["ControlPath"]) == ("no", "none")


def test_ports_are_named_with_brackets_where_needed():
    assert "127.0.0.1:80" in forwarding_line("h", "127.0.0.1", 80, patience=8)
    assert "[::1]:80" in forwarding_line("h", "::1", 80, patience=8)


@pytest.mark.parametrize(
    ("said", "message", "remedy"),
    [
        ("No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.", "not known", "ssh h"),
        ("@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending ED25519 key in /k:3\nHost key verification failed.", "another host key", "ssh-keygen -R h"),
        ("h: Permission denied (publickey).", "does not let us in", "ssh-agent"),
        ("ssh: Could not resolve hostname h: Name or service not known", "nobody knows the name h", "hosts"),
        ("ssh: connect to host h port 22: Connection refused", "refuses", "sshd"),
        ("ssh: connect to host h port 22: Connection timed out", "cannot be reached", "ssh h true"),
        ("", "cannot be reached", "ssh h true"),
    ],
)  # fmt: skip
def test_each_failure_has_words_and_a_remedy(said, message, remedy):
    error = explained("h", said)
    assert message in error.message
    assert remedy in error.remedy


def test_of_an_address_the_host_is_named():
    error = explained("ssh://user@h:2222", "Could not resolve hostname h")
    assert error.message == "nobody knows the name h"


@pytest.mark.parametrize(
    ("said", "silent"),
    [
        ("ssh: Could not resolve hostname h: Name or service not known", True),
        ("ssh: connect to host h port 22: Connection refused", True),
        ("ssh: connect to host h port 22: Connection timed out", True),
        ("ssh: connect to host h port 22: No route to host", True),
        ("Host key verification failed.", False),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", False),
        ("u@h: Permission denied (publickey).", False),
        ("kex_exchange_identification: Connection closed by remote host", False),
        ("Bad owner or permissions on /home/u/.ssh/config", False),
    ],
)
def test_only_who_does_not_answer_is_unreachable(said, silent):
    assert isinstance(explained("h", said), UnreachableError) is silent
