"""A REST service that learns a model from a table and answers predictions."""

from service.main import Category, Model, Number, Prediction, application, default_model, train
from service.utils import InputError, Table, read_table

__all__ = [
    "Category",
    "InputError",
    "Model",
    "Number",
    "Prediction",
    "Table",
    "application",
    "default_model",
    "read_table",
    "train",
]
