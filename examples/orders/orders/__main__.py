"""Serve the application: ``python -m orders``."""

from __future__ import annotations

import waitress

from orders.app import create_app
from stead import project


def main() -> None:
    port = project.vars.ORDERS_PORT
    print(f"orders ({project.environment}) on http://127.0.0.1:{port}/orders", flush=True)
    waitress.serve(create_app(), host="127.0.0.1", port=port, threads=4)


if __name__ == "__main__":
    main()
