"""The built-in catalogue: well-known films, and ratings from a seeded model of taste."""
