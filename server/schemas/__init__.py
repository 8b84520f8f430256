"""The wire types, as Pydantic models."""
