"""EASE, embarrassingly shallow autoencoders (Steck 2019), with weighted ratings and a recency decay."""
