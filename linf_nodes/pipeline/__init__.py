"""Encode, sample, invert and compose, by window; grids, noise, tiles and the model store."""
