"""What `stead kernel` writes, and where; pure parts."""

from __future__ import annotations

import pytest

from stead.cli.kernel import data_directory, default_name, kernelspec
from stead.values.errors import UsageError


@pytest.mark.parametrize(
    ("place", "environment", "name"),
    [
        ("wine", "default", "wine"),
        ("wine", "py312-test", "wine-py312-test"),
        ("My Project (β)", "default", "my-project"),
        ("../x", "default", "..-x"),
        ("日本", "default", "stead"),
    ],
)
def test_a_kernel_is_named_after_place_and_environment(place, environment, name):
    assert default_name(place, environment) == name


def test_the_kernel_is_started_through_run_where_the_notebook_lies():
    launcher = ["/b/stead", "-C", "/p", "run", "-e", "test", "--"]
    document = kernelspec(launcher, "P (test)", {"debugger": True}, {})
    assert document["argv"] == [
        *("/b/stead", "-C", "/p", "run", "-e", "test", "--here", "--"),
        *("python", "-m", "ipykernel_launcher", "-f", "{connection_file}"),
    ]
    assert (document["display_name"], document["language"]) == ("P (test)", "python")
    assert "env" not in document


def test_a_store_elsewhere_is_found_again():
    document = kernelspec(["stead", "--"], "x", {}, {"STEAD_HOME": "/s"})
    assert document["env"] == {"STEAD_HOME": "/s"}


@pytest.mark.parametrize(
    ("environ", "system", "directory"),
    [
        ({"HOME": "/h"}, "linux", "/h/.local/share/jupyter"),
        ({"HOME": "/h", "XDG_DATA_HOME": "/d"}, "linux", "/d/jupyter"),
        ({"HOME": "/h", "JUPYTER_DATA_DIR": "/j"}, "linux", "/j"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Jupyter"),
        ({"APPDATA": "/a"}, "win32", "/a/jupyter"),
    ],
)
def test_jupyters_directories(environ, system, directory):
    assert data_directory(environ, system) == directory


def test_without_a_home_it_must_be_said_where():
    with pytest.raises(UsageError) as caught:
        data_directory({}, "linux")
    assert "--prefix" in caught.value.remedy
