"""Sum up the orders of each customer.

It stands for the programs around an application that know nothing of its
environment and read an .ini file: this one is ``orders.ini``, made from the same
values.
"""

from __future__ import annotations

import configparser
import csv
from pathlib import Path

import ordersdb

INI = Path(__file__).parent.parent / "orders.ini"


def main() -> None:
    settings = configparser.ConfigParser(interpolation=None)
    with INI.open(encoding="utf-8") as file:
        settings.read_file(file)
    store = ordersdb.connect(settings["database"]["url"])
    totals: dict[str, int] = {}
    for order in store.all():
        totals[order["customer"]] = totals.get(order["customer"], 0) + order["cents"]

    reports = Path(settings["orders"]["reports"])
    reports.mkdir(parents=True, exist_ok=True)
    with (reports / "customers.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["customer", settings["orders"]["currency"]])
        table.writerows((name, f"{cents / 100:.2f}") for name, cents in sorted(totals.items()))
    print((reports / "customers.csv").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
