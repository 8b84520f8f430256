"""The foundations: settings, database, model store, processes, tokens, limits, logging and metrics."""
