"""Containers of this machine: what podman and docker are told, and what is kept beside them."""
