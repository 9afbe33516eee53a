"""Run forecast on the data that comes with it: python main.py [options of `forecast run`]."""

import sys

from forecast.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
