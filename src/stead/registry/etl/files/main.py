"""Load the data that comes with it: ``python main.py [options of `etl run`]``."""

import sys

from etl.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
