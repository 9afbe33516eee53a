"""Run workflow on the data that comes with it: python main.py [options of `workflow run`]."""

import sys

from workflow.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
