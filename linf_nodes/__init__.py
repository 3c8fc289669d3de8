"""Arbitrary-scale super-resolution with local implicit normalizing flows (LINF, LINF-LP)."""

__version__ = "0.1.0"
