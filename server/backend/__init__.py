"""Settings, the database, the model store, the training process: what the house stands on."""
