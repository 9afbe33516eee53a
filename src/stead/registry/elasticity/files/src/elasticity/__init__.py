"""Price elasticity of demand: fit a demand curve, then ask it for elasticities."""

from elasticity.main import CURVE, Demand, Elasticity, elasticity_at, fit, quantity_at
from elasticity.utils import InputError, Observations, example, read

__all__ = [
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
