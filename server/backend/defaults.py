"""Defaults that the settings share with the packages that they configure."""

MODEL_MEMORY_MB = 28
"""Memory budget in MB of a model in every process that serves it."""
