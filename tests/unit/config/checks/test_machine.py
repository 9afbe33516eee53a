"""Paths, space, the C library and the processor of this very machine."""

from __future__ import annotations

import os
import platform as machine

import pytest

from stead.config.checks import mistakes
from stead.values.platform import Platform


class TestPath:
    def test_what_is_there(self, see, tmp_path):
        (tmp_path / "raw").mkdir()
        assert see("path", "raw", base=str(tmp_path)).ok
        assert see("path", "raw", base=str(tmp_path), expect="directory").ok

    def test_what_is_not_is_named_with_who_needs_it(self, see, tmp_path):
        result = see("path", "raw", base=str(tmp_path), by="lib scans")
        assert not result.ok
        assert str(tmp_path / "raw") in result.message
        assert "needed by lib scans" in result.message
        assert str(result).startswith("stead.toml:7: ")

    def test_of_another_kind(self, see, tmp_path):
        (tmp_path / "raw").write_text("")
        result = see("path", "raw", base=str(tmp_path), expect="directory")
        assert "is a file, not a directory" in result.message

    def test_a_link_that_leads_nowhere(self, see, tmp_path):
        (tmp_path / "raw").symlink_to("gone")
        assert "leads nowhere" in see("path", "raw", base=str(tmp_path)).message

    def test_the_author_says_what_to_do(self, see):
        assert see("path", "/no/such/path", message="run fetch.sh").remedy == "run fetch.sh"


class TestSpace:
    def test_a_little_is_free(self, see, tmp_path):
        assert see("space", str(tmp_path / "not/yet/there"), expect="1 KiB").ok

    def test_too_much_is_not(self, see, tmp_path):
        result = see("space", str(tmp_path), expect="4000000 TiB")
        assert not result.ok
        assert "are needed" in result.message
        assert str(tmp_path) in result.message


class TestGlibc:
    def test_is_compared(self, see):
        version = machine.libc_ver()[1]
        assert see("glibc", expect=f">={version}").ok
        result = see("glibc", expect=">=99")
        assert not result.ok
        assert f"glibc is {version}, and >=99 is needed" in result.message

    def test_nothing_needs_it_on_other_systems(self, see):
        assert see("glibc", expect=">=99", platform=Platform("osx-arm64")).ok


class TestCpu:
    def test_cores_that_may_be_used_are_counted(self, see):
        number = len(os.sched_getaffinity(0))
        assert see("cpu", expect=str(number)).ok
        assert see("cpu", expect=f">={number}").ok
        result = see("cpu", expect=str(number + 1))
        assert not result.ok
        assert f"{number + 1} are needed" in result.message

    def test_flags_are_those_of_the_system(self, see, tmp_path):
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/cpuinfo").write_text("flags\t\t: fpu sse2 avx2\n")
        root = str(tmp_path)
        assert see("cpu", arguments=("AVX2", "sse2"), root=root, platform=Platform("linux-64")).ok
        result = see(
            "cpu", arguments=("avx2", "amx_tile"), root=root, platform=Platform("linux-64")
        )
        assert "no amx_tile" in result.message

    def test_this_machine_has_flags(self, see):
        flag = {"x86_64": "sse2", "aarch64": "neon"}[machine.machine()]
        assert see("cpu", arguments=(flag,)).ok


@pytest.mark.parametrize(
    ("kind", "subject", "rest", "said"),
    [
        ("path", "", {}, "of what"),
        ("path", "a\0b", {}, "NUL"),
        ("path", "x", {"expect": "socket"}, "socket"),
        ("space", "/", {"expect": "many"}, "'many'"),
        ("space", "/", {"expect": "5G"}, "'5G'"),
        ("space", "/", {}, "no size"),
        ("glibc", "", {"expect": "new"}, "'new'"),
        ("cpu", "", {"expect": "four"}, "'four'"),
        ("gpu", "voodoo", {}, "'voodoo'"),
        ("path", "/", {"timeout": "5"}, "'5'"),
        ("path", "/", {"timeout": "0s"}, "'0s'"),
        ("path", "/", {"timeout": "9h"}, "'9h'"),
        ("port", "localhost", {}, "host:port"),
        ("port", "::1:80", {}, "IPv6"),
        ("port", "localhost:99999", {}, "65535"),
        ("url", "http://", {}, "no host"),
        ("url", "ssh+git://host/x y", {}, "space"),
        ("url", "gopher://host/", {}, "port"),
        ("url", "http://host:99999/", {}, "no URL"),
        ("url", "http://host/", {"expect": "fine"}, "'fine'"),
        ("command", "", {}, "no command"),
        ("run", "", {"arguments": ("a\0b",)}, "NUL"),
        ("command", "", {"arguments": ("sh",), "expect": "new"}, "'new'"),
    ],
)
def test_a_check_that_cannot_be_made_says_why(see, kind, subject, rest, said):
    result = see(kind, subject, **rest)
    assert not result.ok
    assert said in result.message
    (finding,) = mistakes([result.check])
    assert said in finding.message
    assert finding.where.line == 7
