"""The test matrix: which packages serve which environments, and what is to be done for it."""
