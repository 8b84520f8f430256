"""Checks that `make check` runs besides the usual tools, and generators of docs/reference."""
