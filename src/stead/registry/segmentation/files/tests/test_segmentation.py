"""What others may rely on: the functions, their results and the command.

The wines' cultivars are known and not in the data: k-means over standardised measures finds three
segments that agree with them at an adjusted Rand index of 0.897, the value that is commonly reported.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_samples

import segmentation
from segmentation import InputError
from segmentation.cli import main

CULTIVARS = np.repeat([0, 1, 2], [59, 71, 48])

GROUPS = np.array([[x + dx, y] for x, y, n in [(0, 0, 6), (9, 1, 4), (0, 8, 3)] for dx in range(n)])
"""Three groups of 6, 4 and 3 rows."""


@pytest.fixture(scope="module")
def wine() -> segmentation.Table:
    return segmentation.read(segmentation.example())


@pytest.fixture(scope="module")
def found(wine) -> segmentation.Segmentation:
    return segmentation.segment(wine.values)


def names(of: type) -> list[str]:
    return [field.name for field in dataclasses.fields(of)]


def test_names_that_others_may_use():
    assert sorted(segmentation.__all__) == [
        "InputError",
        "Profile",
        "Segmentation",
        "Table",
        "assign",
        "example",
        "profile",
        "read",
        "segment",
    ]
    assert all(hasattr(segmentation, name) for name in segmentation.__all__)
    assert names(segmentation.Table) == ["columns", "values"]
    told = ["labels", "centers", "mean", "deviation", "silhouettes"]
    assert names(segmentation.Segmentation) == told
    assert names(segmentation.Profile) == ["segment", "size", "share", "means", "unlike"]


def test_measures_are_read(wine, tmp_path):
    assert wine.values.shape == (178, 13)
    assert wine.columns[0] == "alcohol"
    assert wine.values[0, 0] == 14.23
    path = tmp_path / "customers.csv"
    rows = [f"{i},c{i},{i * 2},{i % 3}" for i in range(12)]
    path.write_text("\n".join(["id,name,spent,visits", *rows]), encoding="utf-8")
    assert segmentation.read(path).columns == ("spent", "visits")
    one = segmentation.read(path, columns=["visits"])
    assert one.values[:4].tolist() == [[0], [1], [2], [0]]


def test_segments_of_the_wines_are_their_cultivars(wine, found):
    assert found.k == 3
    assert adjusted_rand_score(CULTIVARS, found.labels) == pytest.approx(0.8975, abs=0.0005)
    assert np.bincount(found.labels).tolist() == [65, 62, 51]
    assert sorted(found.silhouettes) == [2, 3, 4, 5, 6, 7, 8]
    scaled = (wine.values - wine.values.mean(axis=0)) / wine.values.std(axis=0)
    mean = silhouette_samples(scaled, found.labels).mean()
    assert found.silhouettes[3] == pytest.approx(mean) == pytest.approx(0.28486, abs=1e-5)
    assert found.mean == pytest.approx(wine.values.mean(axis=0))
    assert found.deviation == pytest.approx(wine.values.std(axis=0))
    for label in range(3):
        members = wine.values[found.labels == label]
        assert found.centers[label] == pytest.approx(members.mean(axis=0))


def test_segments_are_numbered_from_the_largest_and_reproducible(wine, found):
    plain = segmentation.segment(GROUPS)
    assert plain.labels.tolist() == [0] * 6 + [1] * 4 + [2] * 3
    again = segmentation.segment(wine.values, k=None, most=8, seed=0)
    assert again.labels.tolist() == found.labels.tolist()
    assert again.silhouettes == found.silhouettes


def test_a_number_of_segments_or_a_seed_may_be_given():
    rows = np.random.default_rng(5).normal(size=(60, 4))
    four = segmentation.segment(rows, k=4)
    assert (four.k, list(four.silhouettes)) == (4, [4])
    assert sorted(segmentation.segment(rows, most=3).silhouettes) == [2, 3]
    assert segmentation.segment(GROUPS * [1e9, 1e-9], k=3).labels.tolist() == (
        segmentation.segment(GROUPS, k=3).labels.tolist()
    ), "units do not matter"


def test_the_seed_is_that_of_all_chance(monkeypatch):
    from sklearn import cluster

    seeds = []
    real = cluster.KMeans

    def spy(*words, **options):
        seeds.append(options["random_state"])
        return real(*words, **options)

    monkeypatch.setattr(cluster, "KMeans", spy)
    segmentation.segment(GROUPS, k=2, seed=7)
    segmentation.segment(GROUPS, k=2)
    assert seeds == [7, 0]
    assert main(["run", "--k", "3"]) == 0
    assert main(["run", "--k", "3", "--seed", "5"]) == 0
    assert seeds[2:] == [0, 5]


def test_new_rows_are_assigned_to_the_closest_segment(wine, found):
    assert segmentation.assign(found, wine.values).tolist() == found.labels.tolist()
    plain = segmentation.segment(GROUPS, k=3)
    assert segmentation.assign(plain, [[2, 1], [12, 0], [1, 9]]).tolist() == [0, 1, 2]


def test_a_profile_says_what_a_segment_is_like(wine, found):
    first, _, last = segmentation.profile(found, wine.columns)
    assert (first.segment, first.size, last.segment, last.size) == (0, 65, 2, 51)
    assert first.share == pytest.approx(65 / 178)
    assert list(first.means) == list(wine.columns)
    assert first.means["alcohol"] == pytest.approx(wine.values[found.labels == 0, 0].mean())
    assert next(iter(last.unlike)) == "od280_od315"
    apart = (last.means["flavanoids"] - wine.values[:, 6].mean()) / wine.values[:, 6].std()
    assert last.unlike["flavanoids"] == pytest.approx(apart)
    assert np.all(np.diff(np.abs(list(last.unlike.values()))) <= 0)


def test_the_command_prints_profiles(found, capsys):
    assert main(["run"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    result = json.loads(out)
    assert list(result) == ["k", "silhouettes", "segments"]
    assert result["k"] == 3
    assert list(result["silhouettes"]) == [str(k) for k in range(2, 9)]
    assert result["silhouettes"]["3"] == pytest.approx(found.silhouettes[3])
    assert [s["size"] for s in result["segments"]] == [65, 62, 51]


def test_every_option_of_the_command(tmp_path, capsys):
    path = tmp_path / "groups.csv"
    rows = [f"{x},{y},{i}" for i, (x, y) in enumerate(GROUPS)]
    path.write_text("\n".join(["x,y,z", *rows]), encoding="utf-8")
    profiles, labels = tmp_path / "profiles.csv", tmp_path / "labels.csv"
    words = [str(path), "--columns", "x", "y", "--seed", "3"]
    files = ["--output", str(profiles), "--assigned", str(labels)]
    assert main(["run", *words, "--k", "3", "--format", "csv", *files]) == 0
    assert capsys.readouterr() == ("", "")
    table = list(csv.DictReader(io.StringIO(profiles.read_text(encoding="utf-8"))))
    assert list(table[0]) == ["segment", "size", "share", "x", "y"]
    assert [row["size"] for row in table] == ["6", "4", "3"]
    of_rows = list(csv.DictReader(io.StringIO(labels.read_text(encoding="utf-8"))))
    assert [row["segment"] for row in of_rows] == list("0000001111222")
    assert of_rows[12]["row"] == "13"
    assert main(["run", *words, "--most", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["k"] == 2


GOOD = "x,y\n" + "".join(f"{i},{i * i % 7}\n" for i in range(12))


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (None, [], "cannot be read"),
        ("", [], "is empty"),
        ("x,y\n", [], "the measures have the shape (0, 0)"),
        ("x,y\n1,2\n3,4\n", [], "there are 2 rows"),
        ("x,y\n1,2\n3\n", [], "line 3: 1 cells under 2 column names"),
        ("x,y\n1,2\n3,many\n", [], "line 3: y is many"),
        ("x,y\n1,2\n3,\n", [], "line 3: y is missing"),
        ("x,y\n1,2\n3,inf\n", [], "line 3: y is inf"),
        ("x,y\na,b\nc,d\n", [], "shape (2, 0)"),
        ("x,y\n" + "1,2\n" * 12, [], "measure 1 is the same in every row"),
        (GOOD, ["--columns", "z"], "not exactly one column named z"),
        (GOOD, ["--columns", "x", "x"], "not exactly one column named x"),
        (GOOD, ["--k", "1"], "1 segments cannot be made"),
        (GOOD, ["--k", "12"], "12 segments cannot be made of 12 rows"),
        (GOOD, ["--most", "1"], "at most 1 segments"),
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
    assert err.startswith("segmentation: ")
    assert err.count("\n") == 1
    assert told in err
    assert "Expected: a CSV file with a header line" in err


@pytest.mark.parametrize(
    "call",
    [
        lambda found: segmentation.segment([["a", "b"]] * 12),
        lambda found: segmentation.segment(np.arange(12.0)),
        lambda found: segmentation.segment(np.full((12, 2), np.nan)),
        lambda found: segmentation.assign(found, [[1.0, 2.0]]),
        lambda found: segmentation.assign(found, [["a"] * 13]),
        lambda found: segmentation.profile(found, ["alcohol"]),
    ],
)
def test_functions_raise_one_class_for_what_they_cannot_use(call, found):
    with pytest.raises(InputError, match="Expected: a CSV file"):
        call(found)
    assert issubclass(InputError, ValueError)


def test_an_output_that_cannot_be_written_is_one_error(tmp_path, capsys):
    assert main(["run", "--k", "2", "--output", str(tmp_path / "no" / "such")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_nothing_is_printed_or_logged_below_the_command(capsys, caplog):
    segmentation.segment(GROUPS)
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def test_the_command_explains_itself():
    done = subprocess.run(
        [sys.executable, "-m", "segmentation.cli", "run", "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    for option in ("--columns", "--k", "--most", "--seed", "--assigned", "--format", "--output"):
        assert option in done.stdout
