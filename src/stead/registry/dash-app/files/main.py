"""Serve the data that comes with it: ``python main.py``, or ``waitress-serve main:server``."""

import sys

from dash_app.cli import main
from dash_app.main import application, default_table

server = application(default_table()).server

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
