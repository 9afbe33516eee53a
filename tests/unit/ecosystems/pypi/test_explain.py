"""uv's complaints, as uv 0.13 words them, and what becomes of them."""

from __future__ import annotations

import pytest

from stead.ecosystems.pypi.explain import translate
from stead.values.errors import (
    ArtifactError,
    HashMismatchError,
    NetworkError,
    StoreError,
    UnsatisfiableError,
)

UNSATISFIABLE = """\
DEBUG Searching for a compatible version of aa (*)
error: No solution found when resolving dependencies
  cause: Because aa>=2.0 depends on bb{python_full_version < '3.14'}>=2 and stead-environment depends on aa==2, we can conclude that stead-environment depends on bb>=2.
         And because stead-environment depends on bb<2, we can conclude that your requirements are unsatisfiable.

hint: `aa` was requested with a pre-release marker, but pre-releases weren't enabled (try: `--prerelease=allow`)
"""


def test_an_explanation_loses_uvs_own_terms():
    error = translate(UNSATISFIABLE)
    assert isinstance(error, UnsatisfiableError)
    assert error.details == (
        "Because aa>=2.0 depends on bb>=2 and the manifests ask for aa==2, the manifests ask for bb>=2.",
        "And because the manifests ask for bb<2, the requests cannot all be met.",
    )


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (
            (
                "error: Failed to download `six==1.17.0`\n"
                "  cause: Hash mismatch for `six==1.17.0`\n\n"
                "Expected:\n  sha256:aaaa\n\nComputed:\n  sha256:bbbb\n"
            ),
            HashMismatchError,
            "six==1.17.0 from the shop is not the file that was locked",
        ),
        (
            (
                "error: Request failed after 3 retries in 9.9s\n"
                "  cause: Failed to fetch: https://me:hush@nohost.example/simple/x/\n"
                "  cause: dns error\n  cause: failed to lookup address information\n"
            ),
            NetworkError,
            "https://nohost.example/simple/x/ cannot be reached",
        ),
        (
            (
                "error: Failed to fetch: https://x.example/a.whl\n"
                "  cause: HTTP status client error (404 Not Found) for url (https://x.example/a.whl)\n"
            ),
            ArtifactError,
            "there is nothing at https://x.example/a.whl (404)",
        ),
        (
            (
                "error: Failed to fetch: https://x.example/simple/a/\n"
                "  cause: HTTP status client error (403 Forbidden) for url (https://x.example/simple/a/)\n"
            ),
            NetworkError,
            "asks for credentials (403)",
        ),
        (
            (
                "error: Failed to write to the cache\n"
                "  cause: failed to write: No space left on device (os error 28)\n"
            ),
            StoreError,
            "the disk is full",
        ),
        (
            "error: failed to create directory `/h/packages/uv`: Permission denied (os error 13)\n",
            StoreError,
            "the store may not be written",
        ),
        (
            (
                "error: Failed to download and build `g @ git+https://h.example/g`\n"
                "  cause: Git operation failed\n  cause: failed to clone\n"
                "         fatal: unable to access 'https://h.example/g/': Could not resolve host: h.example\n"
            ),
            NetworkError,
            "g @ git+https://h.example/g cannot be reached",
        ),
        ("", ArtifactError, "without a word"),
        ("error: something else\n  cause: deeper\n", ArtifactError, "something else"),
    ],
)
def test_each_complaint_becomes_its_kind(text, kind, said):
    error = translate(text, origin=lambda name: "the shop")
    assert type(error) is kind
    assert said in str(error)
    assert "hush" not in str(error)


def test_a_certificate_that_is_not_trusted_is_told_how_it_can_be():
    error = translate(
        "error: Request failed after 3 retries in 9.9s\n"
        "  cause: Failed to fetch: https://h.example/simple/x/\n"
        "  cause: invalid peer certificate: UnknownIssuer\n"
    )
    assert type(error) is NetworkError
    assert "SSL_CERT_FILE" in error.remedy


def test_only_where_building_is_refused_trust_is_to_blame():
    text = (
        "error: Failed to build `cruft==1.0`\n  cause: No solution for the build backend\n"
        "  cause: Building source distributions for `hatch` is disabled\n"
        "hint: see `--no-build-isolation`\n"
    )
    assert "stead trust" in str(translate(text, build_sources=False))
    said = str(translate(text, build_sources=True))
    assert "trust" not in said
    assert "No solution for the build backend" in said


def test_a_build_keeps_the_end_of_its_log():
    log = "\n".join(f"         line {n}" for n in range(100))
    text = (
        "error: Failed to build `cruft==1.0`\n"
        "  cause: The build backend returned an error\n"
        f"  cause: Call to `backend.build_wheel` failed (exit status: 1)\n\n         [stderr]\n{log}\n"
    )
    error = translate(text)
    assert type(error) is ArtifactError
    assert "cruft==1.0 cannot be built from source" in error.message
    assert error.details[-1].strip() == "line 99"
    assert len(error.details) == 30


def test_a_build_whose_log_speaks_of_the_network_is_still_a_build():
    text = (
        "error: Failed to build `cruft==1.0`\n  cause: The build backend returned an error\n"
        "         [stderr]\n         urllib.error.URLError: Connection refused\n"
    )
    assert "cannot be built" in translate(text).message


def test_a_directory_that_is_gone_is_named_with_what_to_do():
    error = translate("error: Distribution not found at: file:///home/me/my%20shop/modules/old\n")
    assert error.message == "/home/me/my shop/modules/old is not there, and is asked for"
    assert "take out the requests" in error.remedy
