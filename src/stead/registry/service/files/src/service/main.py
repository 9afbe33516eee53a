"""A linear model of one column of a table, and the service that answers with it.

The model is a ridge regression: columns of numbers are scaled, columns of words become one
indicator each. How far off its predictions are is measured on rows held out of the fit, in
five folds. A model is plain data: ``Model.to_json`` and ``Model.from_json`` keep it in a file
that is safe to read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model

from service.utils import EXPECTED, InputError, Table, number, read_table

DEFAULT_DATA = Path(__file__).parent / "data" / "penguins.csv"
DEFAULT_TARGET = "body_mass_g"
DEFAULT_FEATURES = ("species", "sex", "flipper_length_mm", "bill_length_mm", "bill_depth_mm")

FOLDS = 5
LEAST_ROWS = 20
MOST_CHOICES = 50
MOST_RECORDS = 1000
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Number:
    """A column of numbers: the range seen in training, and its part in the prediction."""

    name: str
    low: float
    high: float
    mean: float
    scale: float
    weight: float


@dataclass(frozen=True)
class Category:
    """A column of words: those seen in training, and the part of each in the prediction."""

    name: str
    choices: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Prediction:
    """``value``, and the range that held nine of ten rows held out of the fit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Model:
    """What was learnt from a table."""

    target: str
    features: tuple[Number | Category, ...]
    intercept: float
    spread: float
    """Nine of ten rows held out of the fit lay at most this far from their prediction."""
    rows: int
    """Complete rows it was learnt from."""

    def expected(self) -> list[str]:
        """A line for each input of a record."""
        return [
            f"{feature.name}: one of {', '.join(feature.choices)}"
            if isinstance(feature, Category)
            else f"{feature.name}: a number (seen: {feature.low:g} to {feature.high:g})"
            for feature in self.features
        ]

    def predict(self, record: Mapping[str, object]) -> Prediction:
        """Predict the target for one record.

        Raises:
            InputError: an input is missing, unknown or of the wrong type.
        """
        value = self.intercept
        unknown = set(record) - {feature.name for feature in self.features}
        if unknown:
            raise self._wrong(f"unknown: {', '.join(sorted(unknown))}")
        for feature in self.features:
            given = record.get(feature.name)
            if isinstance(feature, Category):
                if given not in feature.choices:
                    raise self._wrong(f"{feature.name} is {given!r}")
                value += feature.weights[feature.choices.index(str(given))]
            else:
                if isinstance(given, bool) or not isinstance(given, int | float):
                    raise self._wrong(f"{feature.name} is {given!r}")
                exact = number(str(given))
                if exact is None:
                    raise self._wrong(f"{feature.name} is {given!r}")
                value += feature.weight * (exact - feature.mean) / feature.scale
        return Prediction(value, value - self.spread, value + self.spread)

    def to_json(self) -> str:
        """The model as text, for ``from_json``."""
        return json.dumps({"format": 1, **asdict(self)}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Model":
        """Read what ``to_json`` wrote.

        Raises:
            InputError: it is something else.
        """
        try:
            held = json.loads(text)
            if held.pop("format") != 1:
                raise InputError("The model is of another format. Expected: format 1.")
            features = tuple(
                Category(one["name"], tuple(one["choices"]), tuple(map(float, one["weights"])))
                if "choices" in one
                else Number(**{k: v if k == "name" else float(v) for k, v in one.items()})
                for one in held.pop("features")
            )
            return cls(features=features, **held)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("Not a model. Expected: a file that `service train` wrote.") from error

    def _wrong(self, what: str) -> InputError:
        return InputError(f"{what[0].upper()}{what[1:]}. Expected: {'; '.join(self.expected())}.")


def train(table: Table, target: str, features: Sequence[str] = (), *, ridge: float = 1e-3) -> Model:
    """Learn to predict ``target`` from ``features`` (empty: all other columns).

    The same table gives the same model. Rows that lack a value are left out.

    Raises:
        InputError: a column is missing, the target is not numeric, or too few rows are complete.
    """
    names = tuple(features) or tuple(name for name in table.columns if name != target)
    for name in (target, *names):
        if name not in table.columns:
            raise InputError(
                f"There is no column {name!r} among {', '.join(table.columns)}. {EXPECTED}"
            )
    if target in names:
        raise InputError(f"{target!r} cannot predict itself. {EXPECTED}")
    rows = table.complete((target, *names))
    if len(rows) < LEAST_ROWS:
        raise InputError(f"Only {len(rows)} rows are complete. {EXPECTED}")
    wanted, *others = zip(*rows, strict=True)
    numbers = [number(cell) for cell in wanted]
    if None in numbers:
        wrong = wanted[numbers.index(None)]
        raise InputError(f"The column {target!r} holds {wrong!r}, not a number. {EXPECTED}")
    y = np.array(numbers, dtype=float)

    columns = [_column(name, cells) for name, cells in zip(names, others, strict=True)]
    x = np.column_stack([np.ones(len(y)), *(block for _, block in columns)])
    weights = _ridge(x, y, ridge)
    folds = np.arange(len(y)) % FOLDS
    missed = np.concatenate(
        [
            np.abs(y[folds == k] - x[folds == k] @ _ridge(x[folds != k], y[folds != k], ridge))
            for k in range(FOLDS)
        ]
    )
    learnt: list[Number | Category] = []
    place = 1
    for feature, block in columns:
        part = tuple(float(one) for one in weights[place : place + block.shape[1]])
        place += block.shape[1]
        learnt.append(
            Category(feature.name, feature.choices, part)
            if isinstance(feature, Category)
            else Number(**{**asdict(feature), "weight": part[0]})
        )
    return Model(target, tuple(learnt), float(weights[0]), float(np.quantile(missed, 0.9)), len(y))


def default_model() -> Model:
    """The body mass of a penguin by its species, sex and measures."""
    return train(read_table(DEFAULT_DATA), DEFAULT_TARGET, DEFAULT_FEATURES)


def application(model: Model) -> FastAPI:
    """The service: ``GET /health``, ``GET /model``, ``POST /predict``, and its OpenAPI pages."""
    inputs: dict[str, Any] = {}
    for place, feature in enumerate(model.features):
        if isinstance(feature, Category):
            kind: Any = Literal[feature.choices]
            text = "one of those seen in training"
        else:
            kind = Annotated[float, Field(strict=True, allow_inf_nan=False)]
            text = f"seen in training: {feature.low:g} to {feature.high:g}"
        # The name is an alias: a column's name need not be one of Python's.
        inputs[f"input_{place}"] = (kind, Field(alias=feature.name, description=text))
    record = create_model("Record", __config__=ConfigDict(extra="forbid"), **inputs)

    class Request(BaseModel):
        model_config = ConfigDict(extra="forbid")
        records: Annotated[list[record], Field(min_length=1, max_length=MOST_RECORDS)]  # type: ignore[valid-type]

    class Predicted(BaseModel):
        value: float
        low: float
        high: float

    class Answer(BaseModel):
        target: str
        predictions: list[Predicted]

    class Refusal(BaseModel):
        error: str
        expected: list[str]

    app = FastAPI(title=f"Predicts {model.target}", version="1.0.0")
    expected = [f"records: 1 to {MOST_RECORDS} of them, each with", *model.expected()]

    @app.exception_handler(RequestValidationError)
    async def refuse(_request: object, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        text = f"{where}: {first['msg']}" if where else first["msg"]
        return JSONResponse({"error": text, "expected": expected}, status_code=422)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "target": model.target}

    @app.get("/model")
    async def card() -> dict[str, object]:
        return {"format": 1, **asdict(model)}

    refusals: Any = {413: {"model": Refusal}, 422: {"model": Refusal}}

    @app.post("/predict", responses=refusals)
    async def predict(request: Request) -> Answer:
        found = [model.predict(one.model_dump(by_alias=True)) for one in request.records]
        return Answer(target=model.target, predictions=[Predicted(**asdict(one)) for one in found])

    app.add_middleware(_Bounded, most=MOST_BYTES, expected=expected)
    return app


class _Bounded:
    """Refuses a request whose body is larger than ``most`` bytes, however it says so."""

    def __init__(self, app: Any, most: int, expected: list[str]) -> None:
        self.app, self.most, self.expected = app, most, expected

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.most:
                await self._refuse(send)
                return
        given = False

        async def again() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)

    async def _refuse(self, send: Any) -> None:
        refusal = {
            "error": f"the request is larger than {self.most} bytes",
            "expected": self.expected,
        }
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(refusal).encode()})


def _column(name: str, cells: Sequence[str]) -> tuple[Number | Category, np.ndarray]:
    """A feature without its weight, and its columns of the design matrix."""
    numbers = [number(cell) for cell in cells]
    if None not in numbers:
        values = np.array(numbers, dtype=float)
        mean, scale = float(values.mean()), float(values.std()) or 1.0
        feature = Number(name, float(values.min()), float(values.max()), mean, scale, 0.0)
        return feature, ((values - mean) / scale)[:, None]
    choices = tuple(sorted(set(cells)))
    if len(choices) > MOST_CHOICES:
        raise InputError(
            f"The column {name!r} holds {len(choices)} different words; "
            f"at most {MOST_CHOICES} can be learnt. {EXPECTED}"
        )
    block = np.array([[cell == choice for choice in choices] for cell in cells], dtype=float)
    return Category(name, choices, ()), block


def _ridge(x: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    """Least squares with a penalty on all weights but the first (the intercept)."""
    penalty = np.full(x.shape[1], ridge * len(y))
    penalty[0] = 0.0
    return np.linalg.solve(x.T @ x + np.diag(penalty), x.T @ y)
