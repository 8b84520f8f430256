"""The algorithms that can be trained, one module or package each."""
