"""Metrics of rankings and probabilities, and the comparison of two models."""
