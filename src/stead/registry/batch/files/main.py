"""Run batch on the data that come with it: python main.py [options of `batch run`]."""

import sys

from batch.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
