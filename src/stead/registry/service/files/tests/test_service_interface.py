"""Every option of the command, and the numbers that a model is made of."""

import json
import re
import subprocess
import sys

import pytest

from service import Table, default_model, train
from service.cli import main


@pytest.fixture
def houses(tmp_path):
    rows = [(f"{30 + i % 7}", f"{i}", f"{200 + 3 * (30 + i % 7) + 5 * i}") for i in range(40)]
    path = tmp_path / "houses.csv"
    path.write_text("\n".join(map(",".join, [("age", "rooms", "price"), *rows])), "utf-8")
    return path


def test_a_model_is_made_of_these_numbers():
    table = Table(("y", "x"), tuple((f"{10 + 2 * i}", f"{i}") for i in range(20)))
    assert table.complete(("x",))[:2] == [("0",), ("1",)]
    model = train(table, "y")
    assert model.intercept == pytest.approx(29, abs=1e-6)
    x = model.features[0]
    assert (x.mean, x.low, x.high) == (9.5, 0, 19)
    assert x.scale == pytest.approx(5.766281, abs=1e-6)
    # Least squares gives 2; the penalty is a thousandth of the rows' sum of squares.
    assert x.weight / x.scale == pytest.approx(2 / 1.001, rel=1e-9)


def test_a_model_is_learnt_of_the_columns_that_are_named(houses, tmp_path, capsys):
    out = tmp_path / "model.json"
    words = ["--data", str(houses), "--target", "price", "--features", "rooms"]
    assert main(["train", *words, "--out", str(out)]) == 0
    assert main(["predict", "--model", str(out), '{"rooms": 3}']) == 0
    assert json.loads(capsys.readouterr().out)["target"] == "price"
    held = json.loads(out.read_text(encoding="utf-8"))
    assert [feature["name"] for feature in held["features"]] == ["rooms"]
    assert main(["predict", *words[:4], '{"rooms": 3}']) == 2
    assert "age: a number" in capsys.readouterr().err


def test_the_default_model_is_that_of_the_command(capsys):
    bird = {"species": "Adelie", "sex": "female", "flipper_length_mm": 187}
    bird |= {"bill_length_mm": 37.0, "bill_depth_mm": 17.6}
    assert main(["predict", json.dumps(bird)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["value"] == pytest.approx(default_model().predict(bird).value)


def test_it_listens_where_it_is_told():
    words = [sys.executable, "-m", "service.cli", "run", "--host", "127.0.0.2", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert re.fullmatch(r"http://127\.0\.0\.2:[1-9]\d*\n", server.stdout.readline())
        finally:
            server.terminate()
