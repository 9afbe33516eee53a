import pytest

from service import (
    Category,
    InputError,
    Model,
    Number,
    Prediction,
    Table,
    default_model,
    read_table,
    train,
)


def table(rows=40):
    body = tuple(
        (f"{3 * i + (10 if i % 2 else 0)}", f"{i}", "odd" if i % 2 else "even") for i in range(rows)
    )
    return Table(columns=("y", "x", "parity"), rows=body)


def test_a_linear_relation_is_found():
    model = train(table(), target="y", features=("x", "parity"), ridge=0.0001)
    found = model.predict({"x": 100, "parity": "odd"})
    assert isinstance(found, Prediction)
    assert found.value == pytest.approx(310, rel=0.01)
    assert found.low < found.value < found.high


def test_all_other_columns_are_features_where_none_are_named():
    number, category = train(table(), target="y").features
    assert isinstance(number, Number)
    assert (number.name, number.low, number.high) == ("x", 0, 39)
    assert isinstance(category, Category)
    assert (category.name, category.choices) == ("parity", ("even", "odd"))
    assert category.weights[1] > category.weights[0]


def test_the_default_model_is_close_on_birds_it_has_not_seen():
    model = default_model()
    assert model.target == "body_mass_g"
    assert model.rows == 333
    assert 300 < model.spread < 700
    assert model == default_model()


def test_a_model_survives_its_file():
    model = default_model()
    assert Model.from_json(model.to_json()) == model
    for text in ("", "[]", '{"format": 1}', '{"format": 2}', '{"format": 1, "features": [1]}'):
        with pytest.raises(InputError, match="Expected: "):
            Model.from_json(text)


def test_rows_that_lack_a_value_are_left_out(tmp_path):
    path = tmp_path / "t.csv"
    lines = [f"{i},{2 * i}" for i in range(30)]
    path.write_text("\n".join(["x,y", *lines, "NA,1", "1,"]), encoding="utf-8")
    assert train(read_table(path), target="y").rows == 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("x,y\n1\n", "row 2 has 1 cells"),
        ("x,x\n1,2\n", "two have the same"),
        ("x,y\n1,2\n", "Only 1 rows"),
        ("x,z\n1,2\n", "no column 'y'"),
        ("x,y\n" + "1,big\n" * 30, "holds 'big'"),
        ("x,y\n" + "".join(f"w{i},{i}\n" for i in range(60)), "60 different words"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_error_that_says_what_is_expected(
    tmp_path, text, message
):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as raised:
        train(read_table(path), target="y")
    assert "Expected: a CSV file" in str(raised.value)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"x": "1", "parity": "odd"},
        {"x": 1, "parity": "none"},
        {"x": 1, "parity": "odd", "z": 1},
        {"x": float("nan"), "parity": "odd"},
        {"x": True, "parity": "odd"},
    ],
)
def test_a_record_that_cannot_be_used_is_one_error_that_names_the_inputs(record):
    with pytest.raises(InputError, match=r"Expected: x: a number .*; parity: one of even, odd"):
        train(table(), target="y").predict(record)


def test_a_file_that_is_not_there_or_not_text_is_such_an_error(tmp_path):
    with pytest.raises(InputError, match="Expected: "):
        read_table(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a CSV file"):
        read_table(tmp_path / "binary.csv")
