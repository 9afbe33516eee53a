"""Artifacts and rattler's records, there and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from stead.ecosystems.conda.channels import Located
from stead.ecosystems.conda.records import (
    artifact_to_record,
    file_address,
    record_to_artifact,
    records_to_artifacts,
)
from stead.values.lock import Artifact, File

CHANNEL = Located("./channel", "file:///srv/channel/")


def record(name: str = "numpy", **changes):
    from rattler import PackageRecord, RepoDataRecord
    from rattler.package.build_string import BuildString

    fields = {
        "version": "1!2.0+local",
        "build": BuildString("py312_3"),
        "build_number": 3,
        "subdir": "linux-64",
        "depends": ["python >=3.12,<3.13.0a0", "libblas"],
        "constrains": ["numpy-base <0a0"],
        "sha256": b"\1" * 32,
        "md5": b"\2" * 16,
        "size": 77,
        "license": "BSD-3-Clause",
        "license_family": "BSD",
        "python_site_packages_path": "lib/python3.12/site-packages",
        **changes,
    }
    package = PackageRecord(name, **fields)
    package.timestamp = datetime(2026, 1, 2, tzinfo=UTC)
    package.track_features = ["slow"]
    file = f"{name}-{fields['version']}-py312_3.conda"
    url = file_address(CHANNEL.url, fields["subdir"], file)
    return RepoDataRecord(package, file, url, CHANNEL.url)


def test_nothing_is_lost_on_the_way_there_and_back() -> None:
    there = record()
    artifact = record_to_artifact(there, {CHANNEL.url: CHANNEL.written})
    back = artifact_to_record(artifact, (CHANNEL,), "/root")
    assert json.loads(back.to_json()) == json.loads(there.to_json())
    assert back.url == there.url


def test_an_artifact_says_what_the_protocol_asks() -> None:
    artifact = record_to_artifact(record(), {CHANNEL.url: CHANNEL.written})
    assert artifact.index == "./channel"
    assert artifact.files == (File("numpy-1!2.0+local-py312_3.conda", "01" * 32, 77),)
    assert artifact.depends == ("python >=3.12,<3.13.0a0", "libblas")
    assert artifact.extra == tuple(sorted(artifact.extra))
    assert artifact.get("build") == "py312_3"
    assert "srv" not in json.dumps(artifact.extra)


def test_artifacts_are_sorted_by_name() -> None:
    artifacts = records_to_artifacts([record("b"), record("a"), record("c")], (CHANNEL,))
    assert [a.name for a in artifacts] == ["a", "b", "c"]


def test_a_file_that_the_channel_keeps_elsewhere_keeps_its_address() -> None:
    there = record()
    there.url = "https://elsewhere/numpy.conda"
    artifact = record_to_artifact(there, {CHANNEL.url: CHANNEL.written})
    assert artifact_to_record(artifact, (CHANNEL,)).url == "https://elsewhere/numpy.conda"


def test_a_lock_of_another_tool_needs_no_more_than_it_has() -> None:
    taken = Artifact(
        "conda", "numpy", "2.0", index="https://host/channel/",
        files=(File("numpy-2.0-py312_0.tar.bz2", ""),),
        extra=(("build", "py312_0"), ("md5", "02" * 16), ("subdir", "linux-64")),
    )  # fmt: skip
    got = artifact_to_record(taken)
    assert got.url == "https://host/channel/linux-64/numpy-2.0-py312_0.tar.bz2"
    assert got.md5 == b"\2" * 16
    assert got.sha256 is None
