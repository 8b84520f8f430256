"""The HTTP edge: routes, dependencies, problem details, OpenAPI."""
