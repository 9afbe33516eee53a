"""What others may rely on: the functions, their results and the command.

The numbers of the baseline are worked out by hand; those of exponential smoothing are compared with
another implementation, the Holt-Winters filter of statsmodels, which shares no code with it.
"""

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
from statsmodels.tsa.holtwinters import ExponentialSmoothing

import forecast
from forecast import InputError
from forecast.cli import main

TWO_YEARS = [1.0, 2, 3, 4, 2, 3, 4, 5, 3, 4, 6, 7]
"""Quarters. Changes from year to year: 1, 1, 1, 1, 1, 1, 2, 2; mean 1.25, deviation 0.46291."""


@pytest.fixture(scope="module")
def co2() -> forecast.Series:
    return forecast.read(forecast.example())


def names(of: type) -> list[str]:
    return [field.name for field in dataclasses.fields(of)]


def test_names_that_others_may_use():
    assert sorted(forecast.__all__) == [
        "Forecast",
        "InputError",
        "MODELS",
        "Score",
        "Series",
        "backtest",
        "best",
        "example",
        "following",
        "naive",
        "read",
        "smoothing",
    ]
    assert all(hasattr(forecast, name) for name in forecast.__all__)
    assert names(forecast.Forecast) == ["mean", "low", "high"]
    assert names(forecast.Score) == ["model", "mae", "rmse", "mase", "coverage"]
    assert names(forecast.Series) == ["periods", "values"]
    assert list(forecast.MODELS) == ["naive", "smoothing"]
    assert forecast.MODELS["naive"] is forecast.naive


def test_a_series_is_read(co2, tmp_path):
    assert co2.values.shape == (204,)
    assert (co2.periods[0], co2.periods[-1]) == ("1985-01", "2001-12")
    assert co2.values[0] == pytest.approx(345.3, abs=0.5)
    path = tmp_path / "other.csv"
    path.write_text("year,sold\n2001,5\n2002,7.5\n", encoding="utf-8")
    other = forecast.read(path, value="sold", time="year")
    assert (other.periods, other.values.tolist()) == (("2001", "2002"), [5, 7.5])


@pytest.mark.parametrize(
    ("periods", "next_two"),
    [
        (["2023", "2024"], ("2025", "2026")),
        (["2023-Q3", "2023-Q4"], ("2024-Q1", "2024-Q2")),
        (["2023-11", "2023-12"], ("2024-01", "2024-02")),
        (["2024-02-27", "2024-02-28"], ("2024-02-29", "2024-03-01")),
        (["2024-02-15", "2024-02-22"], ("2024-02-29", "2024-03-07")),
    ],
)
def test_periods_go_on(periods, next_two):
    assert forecast.following(periods, 2) == next_two


def test_the_baseline_is_the_last_season_and_drift():
    ahead = forecast.naive(TWO_YEARS, 6, season=4)
    assert ahead.mean == pytest.approx([4.25, 5.25, 7.25, 8.25, 5.5, 6.5])
    one, two = 1.959964 * 0.4629100 * np.sqrt([1 + 1 / 8, 2 * (1 + 2 / 8)])
    assert ahead.high - ahead.mean == pytest.approx([one] * 4 + [two] * 2, rel=1e-6)
    assert ahead.mean - ahead.low == pytest.approx([one] * 4 + [two] * 2, rel=1e-6)
    narrow = forecast.naive(TWO_YEARS, 1, season=4, level=0.5)
    assert (narrow.high - narrow.low) / (2 * one) == pytest.approx(0.674490 / 1.959964, rel=1e-5)


def test_smoothing_agrees_with_another_implementation(co2):
    ahead = forecast.smoothing(co2.values, 12, season=12)
    other = ExponentialSmoothing(
        co2.values, trend="add", damped_trend=True, seasonal="add", seasonal_periods=12
    ).fit()
    assert ahead.mean == pytest.approx(np.asarray(other.forecast(12)), abs=0.25)
    errors = (ahead.high - ahead.mean) / 1.959964
    assert errors[0] == pytest.approx(np.sqrt(other.sse / 204), rel=0.1)
    assert np.all(np.diff(errors) > 0)
    assert ahead.mean - ahead.low == pytest.approx(ahead.high - ahead.mean)
    narrow = forecast.smoothing(co2.values, 1, season=12, level=0.5)
    assert narrow.high[0] - narrow.mean[0] == pytest.approx(0.674490 * errors[0], rel=1e-5)


def test_smoothing_does_not_depend_on_the_unit():
    values = np.array(TWO_YEARS * 3) + np.arange(36) / 3
    small = forecast.smoothing(values, 4, season=4)
    large = forecast.smoothing(values * 1e6 + 1e7, 4, season=4)
    assert large.mean == pytest.approx(small.mean * 1e6 + 1e7, rel=1e-6)


@pytest.mark.parametrize("model", forecast.MODELS.values(), ids=forecast.MODELS)
def test_every_model_goes_on_with_a_pattern_without_noise(model):
    values = np.tile([5.0, 1, 3, 9], 8)
    assert model(values, 6, season=4).mean == pytest.approx([5, 1, 3, 9, 5, 1], abs=1e-3)
    assert model(np.full(9, 7.0), 2, season=1).mean == pytest.approx([7, 7])
    assert model(values + np.sin(np.arange(32)), 1, season=4).low.shape == (1,)


def test_the_past_is_forecast_from_what_was_before_it():
    seen = []

    def spy(series, horizon, *, season, level):
        seen.append((len(series), horizon, season, level))
        flat = np.full(horizon, 10.0)
        return forecast.Forecast(flat, flat - 1, flat + 1)

    values = np.array([2.0, 4.0] * 10 + [10, 10, 13, 11])
    (score,) = forecast.backtest(values, 2, season=3, level=0.8, origins=2, models={"spy": spy})
    assert seen == [(22, 2, 3, 0.8), (20, 2, 3, 0.8)]
    assert (score.model, score.mae, score.coverage) == ("spy", 1.0, 0.75)
    assert score.rmse == pytest.approx(np.sqrt(10 / 4))
    # The last season again would have been off by 2, and by (17·2 + 6 + 8)/19 with two more.
    assert score.mase == pytest.approx((2 / ((17 * 2 + 6 + 8) / 19) + 0 / 2) / 2)


def test_models_are_compared_on_the_past(co2):
    scores = forecast.backtest(co2.values, 12, season=12)
    naive, smoothing = scores
    alone = {"naive": forecast.naive}
    usual = forecast.backtest(co2.values, 12, season=12, level=0.95, origins=5, models=alone)
    assert usual == (naive,)
    assert (naive.model, smoothing.model) == ("naive", "smoothing")
    assert naive.mae == pytest.approx(0.66381, abs=1e-4)
    assert smoothing.mae < naive.mae
    assert naive.mase < 1
    assert 0.8 < smoothing.coverage <= 1
    assert forecast.best(scores) == "smoothing"
    assert forecast.best([naive, dataclasses.replace(naive, model="same")]) == "naive"


def test_the_season_that_was_chosen_is_the_usual_one(capsys):
    time = np.arange(5.0 * {{ season }})
    values = time % {{ season }} + time**1.5
    chosen = {"season": {{ season }}}
    for model in forecast.MODELS.values():
        assert model(values, 3).mean == pytest.approx(model(values, 3, **chosen).mean)
    few = {"origins": 1, "models": {"naive": forecast.naive}}
    assert forecast.backtest(values, 3, **few) == forecast.backtest(values, 3, **chosen, **few)
    assert main(["run", "--model", "naive"]) == 0
    default = capsys.readouterr().out
    assert main(["run", "--model", "naive", "--season", "{{ season }}"]) == 0
    assert capsys.readouterr().out == default
    ahead = forecast.naive(forecast.read(forecast.example()).values, 12, season={{ season }}, level=0.95)
    assert [row["low"] for row in json.loads(default)["forecast"]] == pytest.approx(ahead.low)


def test_the_command_forecasts_by_the_best_model(capsys):
    assert main(["run", "--season", "12"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    result = json.loads(out)
    assert list(result) == ["model", "scores", "forecast"]
    assert result["model"] == "smoothing"
    assert [score["model"] for score in result["scores"]] == ["naive", "smoothing"]
    assert result["scores"][0]["mae"] == pytest.approx(0.66381, abs=1e-4)
    assert [row["period"] for row in result["forecast"]] == [f"2002-{m:02}" for m in range(1, 13)]
    assert list(result["forecast"][0]) == ["period", "mean", "low", "high"]


def test_every_option_of_the_command(tmp_path, capsys):
    path = tmp_path / "quarters.csv"
    rows = [f"{2000 + i // 4}-Q{i % 4 + 1},{v}" for i, v in enumerate(TWO_YEARS * 2)]
    path.write_text("\n".join(["when,sold", *rows]), encoding="utf-8")
    out = tmp_path / "out.csv"
    words = [str(path), "--value", "sold", "--time", "when", "--season", "4", "--horizon", "2"]
    words += ["--level", "0.5", "--format", "csv"]
    assert main(["run", *words, "--model", "naive", "--output", str(out)]) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    ahead = forecast.naive(TWO_YEARS * 2, 2, season=4, level=0.5)
    assert [row["period"] for row in rows] == ["2006-Q1", "2006-Q2"]
    assert [float(row["low"]) for row in rows] == pytest.approx(ahead.low)
    assert main(["backtest", *words, "--origins", "3"]) == 0
    said = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    scores = forecast.backtest(TWO_YEARS * 2, 2, season=4, level=0.5, origins=3)
    assert [float(row["mae"]) for row in said] == pytest.approx([s.mae for s in scores])
    assert main(["run", *words[:-2], "--model", "smoothing"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "smoothing"
    assert main(["backtest", *words[:-4], "--origins", "1"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["best"] == min(result["scores"], key=lambda s: s["mae"])["model"]


GOOD = "period,value\n" + "".join(f"{1990 + i},{i % 3}\n" for i in range(12))
SHORT = ["--season", "3", "--horizon", "1"]


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (None, [], "cannot be read"),
        ("", [], "is empty"),
        ("period,value\n", [], "there are 0 periods"),
        ("period,sold\n2001,2\n", [], "not exactly one column named value"),
        ("when,value\n2001,2\n", [], "not exactly one column named period"),
        ("period,value\n2001,2\n2002,many\n", [], "line 3: value is many"),
        ("period,value\n2001,2\n2002\n", [], "line 3: value is missing"),
        ("period,value\n2001,2\n2002,nan\n", [], "line 3: value is nan"),
        ("period,value\n2001,2\n2002,1\n2004,1\n", [], "2004 does not follow"),
        ("period,value\n2001,2\n2001,1\n", [], "2001 does not follow"),
        (
            "period,value\n2001,2\nsoon,1\n",
            [],
            "line 3: in the column period, soon is no period like",
        ),
        ("period,value\n2001-02-29,2\n2001-03-01,1\n", [], "2001-02-29 is no period"),
        ("period,value\nsoon,2\nlater,1\n", [], "line 2: in the column period, soon is no period"),
        (GOOD, ["--season", "12"], "too short for a season of 12"),
        (GOOD, ["--season", "0"], "a season of 0"),
        (GOOD, ["--season", "3", "--horizon", "0"], "a horizon of 0"),
        (GOOD, ["--season", "3", "--horizon", "4"], "does not hold 5 forecasts of 4"),
        (GOOD, [*SHORT, "--origins", "0"], "does not hold 0"),
        (GOOD, [*SHORT, "--origins", "1", "--level", "1"], "level of the intervals is 1"),
        ("\x00\xff", [], "UTF-8"),
    ],
)
def test_bad_input_is_one_error_that_names_what_is_expected(text, words, told, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    assert main(["run", str(path), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("forecast: ")
    assert err.count("\n") == 1
    assert told in err
    assert "Expected: a CSV file with a header line" in err


@pytest.mark.parametrize("model", forecast.MODELS.values(), ids=forecast.MODELS)
@pytest.mark.parametrize(
    "series", [["a"] * 20, [1.0, 2.0], [[1.0] * 20] * 2, [np.nan] * 20], ids=repr
)
def test_functions_raise_one_class_for_what_they_cannot_use(model, series):
    with pytest.raises(InputError, match="Expected: a CSV file"):
        model(series, 1, season=2)
    assert issubclass(InputError, ValueError)


def test_an_output_that_cannot_be_written_is_one_error(tmp_path, capsys):
    assert main(["run", "--model", "naive", "--output", str(tmp_path / "no" / "such")]) == 2
    err = capsys.readouterr().err
    assert "such cannot be written (No such file or directory). Expected: a file in a" in err
    assert err.count("\n") == 1


def test_nothing_is_printed_or_logged_below_the_command(co2, capsys, caplog):
    forecast.smoothing(co2.values[:60], 3, season=12)
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def test_the_command_explains_itself():
    for command in ("run", "backtest"):
        done = subprocess.run(
            [sys.executable, "-m", "forecast.cli", command, "--help"],
            check=True,
            capture_output=True,
            text=True,
        )
        for option in ("--value", "--time", "--season", "--horizon", "--level", "--origins"):
            assert option in done.stdout
    assert Path(forecast.example()).name == "co2.csv"
