"""What `make check` looks at beyond the usual tools."""
