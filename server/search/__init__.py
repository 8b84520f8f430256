"""The search of a movie page: in process, free of SQL."""
