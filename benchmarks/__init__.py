"""Commands that print tables: how fast, how good, beside a baseline in the same run."""
