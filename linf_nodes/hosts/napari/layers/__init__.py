"""Layers in and out: sources, results, files, where they lie and how they look."""
