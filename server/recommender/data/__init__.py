"""The data that models learn from: interactions, the catalogue, and how they are split."""
