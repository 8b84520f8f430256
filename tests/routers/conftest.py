"""Fixtures of the app with every service replaced by a fake."""

from tests.support.mocked_app import app, behind, client

__all__ = ["app", "behind", "client"]
