"""Which commands change their environment."""

from __future__ import annotations

import shlex

import pytest

from stead.matrix.writes import writes

CHANGING = """\
pip install x
pip3.12 uninstall -y x
/prefix/bin/pip install -e .
python -m pip install -U pip
python -I -m pip --quiet install x
python3.12 -W error -m pip install x
pip-sync requirements.txt
uv pip install -r requirements.txt
uv pip --quiet sync requirements.txt
uv sync --active
uv run --active pytest
poetry install -v
pdm sync
pipenv install --dev
flit install -s
maturin develop --release
python setup.py develop
python -m ensurepip
python -m ipykernel install --sys-prefix
nodeenv -p
sh -c "pip install x && pytest"
bash -ec 'echo a; python -m pip install y'
env A=1 pip install x
"""
LOOKING = """\
pip freeze
pip list --outdated
python -m pip check
pip download x
uv pip list
uv --version
poetry build
python setup.py sdist
pytest -k install
python -c 'import pip'
python -m pytest pip install
echo pip install
sh -c "echo hello; pip freeze"
env A=1 pytest
coverage run -m pytest
ruff check
"""


@pytest.mark.parametrize("line", CHANGING.splitlines())
def test_it_changes(line):
    assert writes(shlex.split(line))


@pytest.mark.parametrize("line", LOOKING.splitlines())
def test_it_only_looks(line):
    assert not writes(shlex.split(line))


def test_nothing_at_all():
    assert not writes([])
    assert not writes(["python"])
    assert not writes(["sh", "-c", "'"])
