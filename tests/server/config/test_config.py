"""The server's configuration: what wins, where each value is from, and what is refused."""

from __future__ import annotations

import pytest

from stead.server.config import NAMES, load, shown, without_password
from stead.values.errors import ManifestError, SteadError, UsageError


def loaded(environ=None, flags=None, file=""):
    return load(home="/home/ann/stead", environ=environ or {}, flags=flags or {}, file=str(file))


def test_defaults_are_one_directory_and_this_machine_alone():
    config = loaded()
    assert (config.host, config.port) == ("127.0.0.1", 8787)
    assert config.database == "sqlite:////home/ann/stead/server/stead.sqlite"
    assert config.blobs == "file:///home/ann/stead/server/blobs"
    assert set(config.origins.values()) == {"default"}


def test_a_flag_wins_over_a_variable_and_that_over_the_file(tmp_path):
    file = tmp_path / "server.toml"
    file.write_text('# ours\nport = 1\nworkers = 3\ncors = ["https://lab.example"]\nlog = "text"\n')
    config = loaded(
        {"STEAD_SERVER_PORT": "2", "STEAD_SERVER_WORKERS": "4", "HOME": "/"}, {"port": "5"}, file
    )
    assert (config.port, config.workers, config.log) == (5, 4, "text")
    assert config.cors == ("https://lab.example",)
    origins = {name: told["origin"] for name, told in shown(config).items()}
    assert origins["port"] == "--port"
    assert origins["workers"] == "STEAD_SERVER_WORKERS"
    assert origins["cors"] == f"{file}:4"
    assert origins["host"] == "default"
    assert len(origins) == len(NAMES)


def test_the_file_may_be_named_by_a_variable(tmp_path):
    file = tmp_path / "server.toml"
    file.write_text("[blob-options]\nendpoint = 'http://127.0.0.1:1'\nkey = 'env:KEY'\n")
    config = loaded({"STEAD_SERVER_CONFIG": str(file)})
    assert config.blob_options["endpoint"] == "http://127.0.0.1:1"
    assert {name: str(ref) for name, ref in config.secrets().items()} == {
        "blob_options.key": "env:KEY"
    }
    assert config.origins["blob_options"] == f"{file}:1"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("prot = 1", 1, "did you mean 'port'"),
        ("\nport = 'x'", 2, "whole number"),
        ("port = true", 1, "whole number"),
        ("cors = 'x'", 1, "list of texts"),
        ("host = 1", 1, "must be a text"),
        ("port = ", 0, "not TOML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line(tmp_path, text, line, says):
    file = tmp_path / "server.toml"
    file.write_text(text)
    with pytest.raises(ManifestError, match=says) as caught:
        loaded(file=file)
    assert str(caught.value.where) == (f"{file}:{line}" if line else str(file))


@pytest.mark.parametrize(
    ("environ", "flags", "says"),
    [
        ({"STEAD_SERVER_PROT": "1"}, {}, "STEAD_SERVER_PORT"),
        ({}, {"port": "65536"}, "0 to 65535"),
        ({}, {"port": "٣"}, "whole number"),
        ({}, {"log": "xml"}, "json or text"),
        ({}, {"database": "stead.sqlite"}, "URL"),
        ({}, {"database": "postgresql://ann:pw@db/x"}, "password does not belong"),
        ({"STEAD_SERVER_DATABASE_PASSWORD": "pw"}, {}, "not what it is"),
        ({"STEAD_SERVER_GIT_CREDENTIALS": "git.example=pw"}, {}, "not what it is"),
        ({}, {"database": "postgresql://db/x?password=pw"}, "password does not belong"),
        ({}, {"blobs": "s3://b?secret_access_key=pw"}, "password does not belong"),
        ({}, {"cors": "https://lab.example/"}, "no origin"),
        ({}, {"cors": "lab.example"}, "no origin"),
        ({"STEAD_SERVER_PUBLIC": "default"}, {}, "NAMESPACE/NAME"),
        ({"STEAD_SERVER_BLOB_OPTIONS": "endpoint"}, {}, "NAME=VALUE"),
    ],
)
def test_what_is_wrong_elsewhere_is_refused(environ, flags, says):
    with pytest.raises(UsageError, match=says):
        loaded(environ, flags)


def test_a_secret_of_the_artifact_store_stands_in_no_file(tmp_path):
    file = tmp_path / "server.toml"
    for name in ("secret_access_key", "aws_secret_access_key", "account_key", "token", "sas_key"):
        file.write_text(f"[blob-options]\n{name} = 'hunter2'\n")
        with pytest.raises(UsageError, match=name) as caught:
            loaded(file=file)
        assert str(caught.value.where) == f"{file}:1"
        assert "hunter2" not in str(caught.value)
        file.write_text(f"[blob-options]\n{name} = 'env:KEY'\naccess_key_id = 'AK'\n")
        assert shown(loaded(file=file))["blob-options"]["value"] == {
            name: "env:KEY",
            "access_key_id": "AK",
        }


def test_a_missing_file_is_told():
    with pytest.raises(SteadError, match="cannot be read"):
        loaded(file="/nowhere/server.toml")


def test_passwords_are_not_shown():
    config = loaded(
        {
            "STEAD_SERVER_DATABASE": "postgresql://ann:hunter2@db:5/x?a=b",
            "STEAD_SERVER_BLOB_OPTIONS": "secret=hunter2,key=env:KEY",
        }
    )
    assert "hunter2" not in str(shown(config))
    assert shown(config)["blob-options"]["value"] == {"secret": "…", "key": "env:KEY"}
    assert without_password(config.database) == "postgresql://ann:…@db:5/x?a=b"
    assert without_password("postgresql://db/x") == "postgresql://db/x"
    assert (
        without_password("postgresql://db/x?password=a&b=c") == "postgresql://db/x?password=…&b=c"
    )
    assert without_password("s3://b?aws_secret_access_key=a") == "s3://b?aws_secret_access_key=…"
