"""From MovieLens files to rows."""
