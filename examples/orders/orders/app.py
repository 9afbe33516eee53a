"""The web application. Its settings are typed: ``project.vars.ORDERS_BODY`` is an int."""

from __future__ import annotations

import ordersdb
from flask import Flask, jsonify, request

from stead import project


def create_app() -> Flask:
    app = Flask("orders")
    app.config["MAX_CONTENT_LENGTH"] = project.vars.ORDERS_BODY
    store = ordersdb.connect()

    @app.get("/orders")
    def list_orders():
        return jsonify(currency=project.vars.ORDERS_CURRENCY, orders=store.all())

    @app.post("/orders")
    def add_order():
        asked = request.get_json()
        try:
            made = store.add(asked["customer"], asked["item"], int(asked["cents"]))
        except (KeyError, TypeError, ValueError) as error:
            return jsonify(error=f"customer, item and cents are needed: {error}"), 400
        return jsonify(made), 201

    @app.get("/health")
    def health():
        return jsonify(database=store.kind)

    return app
