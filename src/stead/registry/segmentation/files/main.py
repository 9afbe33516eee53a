"""Run segmentation on the data that comes with it: python main.py [options of `segmentation run`]."""

import sys

from segmentation.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
