"""Write the batches of a source to the database in one transaction."""
