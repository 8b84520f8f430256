"""State that a serving process keeps for as long as it runs."""
