"""Run elasticity on the data that comes with it: python main.py [options of `elasticity run`]."""

import sys

from elasticity.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
