"""ASGI middleware, one reason each."""
