"""Write batches of movies and ratings to the database, all or nothing."""
