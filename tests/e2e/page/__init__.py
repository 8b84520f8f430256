"""The built-in page in a real browser."""
