"""Whose home it is decides what runs."""

from __future__ import annotations

import os

import pytest

from stead.store.layout import check_home
from stead.values.errors import StoreError


def test_own_and_absent_homes_are_fine(tmp_path):
    check_home(str(tmp_path))
    check_home(str(tmp_path / "not yet"))


def test_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError) as caught:
            check_home(str(path))
        assert caught.value.remedy


def test_home_that_everybody_may_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(StoreError, match="everybody"):
        check_home(str(tmp_path))
    tmp_path.chmod(0o1777)
    check_home(str(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_home_of_another_user_is_refused(tmp_path):
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(StoreError, match="another user"):
        check_home(str(tmp_path))
