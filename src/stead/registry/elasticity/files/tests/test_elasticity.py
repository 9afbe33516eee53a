"""What others may rely on: the functions, their results and the command.

{% if type == "constant" %}Known numbers were computed with scipy 1.17 (optimize.least_squares) and White's and Newey–West's
formulas written out.
{% else %}Known numbers were computed with statsmodels 0.15 (OLS with HC1 and HAC covariances){% if type == "loglog" %}; the
coefficients are also those of Greene, Econometric Analysis (5th ed.), example 2.3{% endif %}.
{% endif %}"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import elasticity
from elasticity import InputError
from elasticity.cli import main

CONTROLS = ("income", "newcar", "usedcar")
{%- if type == "loglog" %}
COEFFICIENTS = (-12.341842604, -0.059095381, 1.373399347, -0.126797311, -0.118707825)
ERRORS = (0.519863868, 0.025487073, 0.058225324, 0.125728979, 0.078931384)
ERRORS_3_LAGS = (0.651779451, 0.026969371, 0.073086450, 0.165942211, 0.092596638)
R_SQUARED = 0.957985156
VALUE, LOW = -0.059095381, -0.111076610
{%- elif type == "linear" %}
COEFFICIENTS = (-0.089813475, -0.042371220, 0.000158739628, -0.101380968, -0.043249544)
ERRORS = (0.051551720, 0.008847052, 0.00000604712523, 0.058994272, 0.022640143)
ERRORS_3_LAGS = (0.069256243, 0.009533866, 0.00000816530055, 0.072969055, 0.026420851)
R_SQUARED = 0.967883943
VALUE, LOW = -0.097484660, -0.139075906
{%- else %}
COEFFICIENTS = (-12.665507202, -0.059092479, 1.410188838, -0.213619424, -0.077927937)
ERRORS = (0.634177883, 0.023082042, 0.070865388, 0.122606622, 0.075684904)
ERRORS_3_LAGS = (0.832259345, 0.024035499, 0.092859594, 0.152179284, 0.082401660)
R_SQUARED = 0.951766002
VALUE, LOW = -0.059092479, -0.106168613
{%- endif %}


@pytest.fixture(scope="module")
def gasoline() -> elasticity.Observations:
    return elasticity.read(elasticity.example(), controls=CONTROLS)


@pytest.fixture(scope="module")
def demand(gasoline: elasticity.Observations) -> elasticity.Demand:
    return elasticity.fit(
        gasoline.price, gasoline.quantity, gasoline.controls, names=gasoline.names
    )


def test_names_that_others_may_use():
    assert sorted(elasticity.__all__) == [
        "CURVE",
        "Demand",
        "Elasticity",
        "InputError",
        "Observations",
        "elasticity_at",
        "example",
        "fit",
        "quantity_at",
        "read",
    ]
    assert all(hasattr(elasticity, name) for name in elasticity.__all__)
    assert elasticity.CURVE == "{{ type }}"
    assert [field.name for field in dataclasses.fields(elasticity.Observations)] == [
        "price",
        "quantity",
        "controls",
        "names",
    ]


def test_reading_takes_the_columns_that_are_named(gasoline, tmp_path):
    assert gasoline.price.shape == gasoline.quantity.shape == (36,)
    assert gasoline.controls.shape == (36, 3)
    assert gasoline.names == CONTROLS
    assert gasoline.price[-1] == 3.789
    assert gasoline.quantity[-1] == pytest.approx(297.8 / 263.2, abs=1e-6)
    assert gasoline.controls[0].tolist() == [6036, 1.045, 0.836]
    other = tmp_path / "other.csv"
    other.write_text("sold,eur\n10,2.5\n", encoding="utf-8")
    read = elasticity.read(other, price="eur", quantity="sold")
    assert (read.price.tolist(), read.quantity.tolist()) == ([2.5], [10])
    assert read.controls.shape == (1, 0)


def test_the_fit_equals_that_of_other_programs(demand, gasoline):
    assert demand.names == ("constant", "price", *CONTROLS)
    assert demand.coefficients == pytest.approx(COEFFICIENTS, rel=1e-6)
    assert np.sqrt(demand.covariance.diagonal()) == pytest.approx(ERRORS, rel=1e-5)
    assert demand.observations == 36
    assert demand.r_squared == pytest.approx(R_SQUARED, abs=1e-8)
    assert demand.price == pytest.approx(gasoline.price.mean())
    expected = {% if type == "linear" %}gasoline.controls{% else %}np.log(gasoline.controls){% endif %}
    assert demand.controls == pytest.approx(expected.mean(axis=0))


def test_errors_allow_for_correlation_over_rows(gasoline):
    series = elasticity.fit(gasoline.price, gasoline.quantity, gasoline.controls, lags=3)
    assert np.sqrt(series.covariance.diagonal()) == pytest.approx(ERRORS_3_LAGS, rel=1e-5)
    assert series.names == ("constant", "price", "control1", "control2", "control3")


def test_a_curve_without_noise_is_found_again():
    price = np.linspace(1.0, 4.0, 12)
    income = 10 + np.sin(np.arange(12.0))
{%- if type == "linear" %}
    found = elasticity.fit(price, 100 - 8 * price + 3 * income, income)
    assert found.coefficients == pytest.approx([100, -8, 3])
    assert elasticity.quantity_at(found, [2.0]) == pytest.approx([84 + 3 * income.mean()])
{%- else %}
    found = elasticity.fit(price, 100 * price**-1.5 * income**0.5, income)
    assert found.coefficients == pytest.approx([np.log(100), -1.5, 0.5])
    mean = np.exp(np.log(income).mean())
    assert elasticity.quantity_at(found, [2.0]) == pytest.approx([100 * 2**-1.5 * mean**0.5])
{%- endif %}
    assert found.scale == pytest.approx(1)
    assert found.r_squared == pytest.approx(1)
    assert elasticity.fit(price, 1 / price).observations == 12
{%- if type == "loglog" %}


def test_expected_quantities_are_means_and_not_medians(demand):
    assert demand.scale == pytest.approx(1.000469735, abs=1e-8)
    logarithms = demand.coefficients @ [1, np.log(2.0), *demand.controls]
    assert elasticity.quantity_at(demand, 2.0) == pytest.approx(demand.scale * np.exp(logarithms))
{%- endif %}


def test_the_elasticity_comes_with_its_confidence_interval(demand):
    at_mean = elasticity.elasticity_at(demand, demand.price)
    assert list(dataclasses.asdict(at_mean)) == [
        "price",
        "quantity",
        "value",
        "error",
        "low",
        "high",
    ]
    assert at_mean.price == demand.price
    assert at_mean.quantity == pytest.approx(float(elasticity.quantity_at(demand, demand.price)))
    assert at_mean.value == pytest.approx(VALUE, abs=1e-7)
    assert at_mean.low == pytest.approx(LOW, abs=1e-6)
    assert at_mean.high == pytest.approx(2 * VALUE - LOW, abs=1e-6)
    wide = elasticity.elasticity_at(demand, demand.price, level=0.99)
    assert wide.error == pytest.approx(at_mean.error)
    assert (wide.high - wide.low) / (at_mean.high - at_mean.low) == pytest.approx(
        2.744042 / 2.039513, abs=1e-5
    )
    dear = elasticity.elasticity_at(demand, 4.0)
{%- if type == "linear" %}
    assert dear.value < at_mean.value, "a straight line is more elastic where it is dearer"
{%- else %}
    assert dear.value == at_mean.value
{%- endif %}
    assert dear.quantity < at_mean.quantity


def test_the_command_prints_json(capsys):
    assert main(["run"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    result = json.loads(out)
    assert list(result) == ["curve", "observations", "r_squared", "coefficients", "elasticities"]
    assert result["curve"] == "{{ type }}"
    assert result["coefficients"]["price"]["value"] == pytest.approx(COEFFICIENTS[1], rel=1e-6)
    assert result["coefficients"]["price"]["error"] == pytest.approx(ERRORS[1], rel=1e-5)
    assert [row["value"] for row in result["elasticities"]] == [pytest.approx(VALUE, abs=1e-7)]
    assert result["elasticities"][0]["low"] == pytest.approx(LOW, abs=1e-6)


def test_every_option_of_the_command(tmp_path):
    sales = tmp_path / "sales.csv"
    with open(elasticity.example(), encoding="utf-8") as file:
        text = file.read().replace("price", "eur", 1).replace("quantity", "sold", 1)
    sales.write_text(text, encoding="utf-8")
    words = ["--price", "eur", "--quantity", "sold", "--controls", *CONTROLS, "--lags", "3"]
    words += ["--at", "2", "3", "--level", "0.9", "--format", "csv"]
    assert main(["run", str(sales), *words, "--output", str(tmp_path / "out.csv")]) == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == ["price", "quantity", "value", "error", "low", "high"]
    assert [float(row["price"]) for row in rows] == [2, 3]
{%- if type != "linear" %}
    assert float(rows[0]["error"]) == pytest.approx(ERRORS_3_LAGS[1], rel=1e-5)
{%- endif %}
    width = (float(rows[0]["high"]) - float(rows[0]["low"])) / float(rows[0]["error"])
    assert width == pytest.approx(2 * 1.695519, abs=1e-4)


def test_controls_are_those_that_are_named(tmp_path, capsys):
    assert main(["run", elasticity.example()]) == 0
    assert list(json.loads(capsys.readouterr().out)["coefficients"]) == ["constant", "price"]
    assert main(["run", "--controls", "income"]) == 0
    names = list(json.loads(capsys.readouterr().out)["coefficients"])
    assert names == ["constant", "price", "income"]


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (None, [], "cannot be read"),
        ("", [], "is empty"),
        ("price,quantity\n", [], "no row"),
        ("price,sold\n1,2\n", [], "not exactly one column named quantity"),
        ("price,price,quantity\n1,1,2\n", [], "not exactly one column named price"),
        ("price,quantity\n1,2\n3,many\n", [], "line 3: quantity is many"),
        ("price,quantity\n1,2\n3\n", [], "line 3: quantity is missing"),
        ("price,quantity\n1,2\n3,inf\n", [], "line 3: quantity is inf"),
        ("price,quantity\n1,2\n-3,4\n", [], "price is -3 in observation 2"),
        ("price,quantity\n1,2\n3,0\n", [], "quantity is 0 in observation 2"),
        ("price,quantity\n1,2\n2,1\n", [], "too few"),
        ("price,quantity\n" + "2,3\n" * 9, [], "vary"),
        ("price,quantity\n1,2\n2,1\n", ["--controls", "price"], "named twice"),
        ("\x00\xff", [], "UTF-8"),
        ("example", ["--lags", "-1"], "lags is -1"),
        ("example", ["--level", "1"], "confidence level is 1"),
        ("example", ["--at", "0"], "price to evaluate at"),
        ("example", ["--output", "/no/such/folder/out"], "out cannot be written (No such file"),
    ],
)
def test_bad_input_is_one_error_that_names_what_is_expected(text, words, told, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    if text == "example":
        path = Path(elasticity.example())
    elif text is not None:
        path.write_text(text, encoding="latin-1")
    assert main(["run", str(path), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("elasticity: ")
    assert err.count("\n") == 1
    assert told in err
    expected = "a file in a directory" if "--output" in words else "a CSV file with a header line"
    assert f"Expected: {expected}" in err


@pytest.mark.parametrize(
    "call",
    [
        lambda: elasticity.fit([1, 2, 3], [1, 2]),
        lambda: elasticity.fit(["a"], ["b"]),
        lambda: elasticity.fit([1, 2, np.nan], [1, 2, 3]),
        lambda: elasticity.fit(range(1, 9), range(1, 9), np.arange(8.0), names=["a", "b"]),
{%- if type != "linear" %}
        lambda: elasticity.fit(range(1, 9), range(1, 9), np.arange(8.0)),
{%- endif %}
        lambda: elasticity.fit(np.ones(8), range(1, 9)),
        lambda: elasticity.read("no such file"),
    ],
)
def test_functions_raise_one_class_for_what_they_cannot_use(call):
    with pytest.raises(InputError, match="Expected: a CSV file"):
        call()
    assert issubclass(InputError, ValueError)
{%- if type == "linear" %}


def test_where_the_line_has_no_demand_there_is_no_elasticity():
    line = elasticity.fit(np.arange(1.0, 9.0), 20 - 2 * np.arange(1.0, 9.0))
    with pytest.raises(InputError, match="no demand left at the price 11"):
        elasticity.elasticity_at(line, 11.0)
{%- endif %}


def test_nothing_is_printed_or_logged_below_the_command(demand, capsys, caplog):
    elasticity.elasticity_at(demand, 2.0)
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def test_the_command_is_installed_and_explains_itself():
    done = subprocess.run(
        [sys.executable, "-m", "elasticity.cli", "run", "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    for option in ("--price", "--quantity", "--controls", "--at", "--lags", "--level", "--format"):
        assert option in done.stdout
    wrong = subprocess.run(
        [sys.executable, "-m", "elasticity.cli", "run", "--no-such-option"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
