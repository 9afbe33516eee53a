"""Recipes on targets: plans, closures, generations, one file per kind of target."""
