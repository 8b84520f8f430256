"""Full-text search of the catalogue: in process, without SQL."""
