"""The solver's reasons and rattler's errors, in words a user understands."""

from __future__ import annotations

import pytest

from stead.ecosystems.conda.engine import translated
from stead.ecosystems.conda.explain import plain_words
from stead.values.errors import ArtifactError, NetworkError, SteadError, StoreError


def test_the_tree_of_reasons_is_reworded() -> None:
    text = (
        "Cannot solve the request because of: The following packages are incompatible\n"
        "└─ a * cannot be installed because there are no viable options:\n"
        "   └─ a 1.0 would require\n"
        "      ├─ b >=2, which can be installed with any of the following options:\n"
        "      │  └─ b 2.0\n"
        "      └─ c *, for which no candidates were found.\n"
    )
    assert plain_words(text) == [
        "└─ a cannot be had, because none of these fits:",
        "   └─ a 1.0 needs",
        "      ├─ b >=2, which any of these gives:",
        "      │  └─ b 2.0",
        "      └─ c, which no channel has as asked.",
    ]


@pytest.mark.parametrize(
    ("text", "kind", "remedy"),
    [
        ("failed\nCaused by: No space left on device (os error 28)", StoreError, "gc"),
        ("failed\nCaused by: Permission denied (os error 13)", StoreError, "STEAD_HOME"),
        ("error sending request for url (http://h/x)", NetworkError, "--offline"),
        ("no usable repodata cache for http://h/x", NetworkError, "network"),
        ("HTTP status client error (403 Forbidden) for url (http://h/x)", NetworkError, "netrc"),
        (
            "HTTP status server error (503 Service Unavailable) for url (http://h/x)",
            NetworkError,
            "",
        ),
        ("could not find subdir 'noarch' in channel 'http://h/x'", ArtifactError, "name"),
        ("trying to unpack outside of destination path: /x", ArtifactError, "harm"),
        ("error sending request for url (http://127.0.0.1:40463/x)", NetworkError, "try again"),
        ("error sending request for url (http://127.0.0.1:14012/x)", NetworkError, "try again"),
        ("error sending request for url (http://h/x), /t/run-401/e403a", NetworkError, "try again"),
        ("HTTP status client error (404 Not Found) for url (http://h/x)", ArtifactError, "name"),
        ("something else", ArtifactError, ""),
    ],
)
def test_errors_are_translated(text: str, kind: type[SteadError], remedy: str) -> None:
    error = translated(OSError(text), "it could not be done")
    assert type(error) is kind
    assert error.message.startswith("it could not be done")
    assert remedy in error.remedy


def test_credentials_are_kept_out_of_reasons() -> None:
    error = translated(OSError("error sending request for url (https://me:pw@h/t/tok/x)"), "no")
    assert "pw" not in str(error)
    assert "tok" not in str(error)
