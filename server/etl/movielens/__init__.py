"""Read MovieLens files."""
