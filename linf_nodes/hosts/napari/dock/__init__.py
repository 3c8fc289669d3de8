"""The main widget."""
