"""Planes of any length: OME-Zarr, TIFF and arrays, enlarged block by block, here or on a cluster."""
