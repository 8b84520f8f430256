"""Matinee: a movie catalogue, ratings and personal recommendations behind one REST API."""
