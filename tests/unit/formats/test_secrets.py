"""Secrets in the query of an address."""

from __future__ import annotations

import pytest

from stead.formats._secrets import secret_parameter


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/x.whl?token=s3", "token"),
        ("https://h/x.whl?a=1&Access_Token=s3#sha256=00", "Access_Token"),
        ("https://h/x.whl?a=1;sig=s3", "sig"),
        ("https://h/x.whl?X-Amz-Date=20260101&X-Amz-Signature=s3", "X-Amz-Signature"),
        ("https://h/x.whl?api-key=s3", "api-key"),
        ("https://h/x.whl?token=${TOKEN}", ""),
        ("https://h/x.whl?token=", ""),
        ("https://h/token/x.whl?version=2&monkey=1&design=a", ""),
        ("https://h/x.whl#token=s3", ""),
        ("https://h/x.whl", ""),
    ],
)
def test_a_secret_is_known_by_its_name(url: str, name: str) -> None:
    assert secret_parameter(url) == name
