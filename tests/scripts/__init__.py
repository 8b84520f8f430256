"""Tests of the scripts that check and generate documents."""
