"""Numbers only: from ratings to scores, probabilities and their quality. No SQL, no HTTP."""
