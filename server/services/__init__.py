"""One module per resource: its rules (XService) and its SQL (XDataManager)."""
