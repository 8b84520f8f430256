"""Check what the repository says: plain English, short lines in documents, short commit subjects, names that exist."""
