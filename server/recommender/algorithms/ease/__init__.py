"""EASE, embarrassingly shallow autoencoders (Steck 2019), with weighted and fading ratings."""
