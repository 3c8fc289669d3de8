"""Arbitrary-scale super-resolution with local implicit normalizing flows (LINF, LINF-LP).

Every node of the catalogue is a plain function here. `__init__.pyi` lists the names; each is imported when it is first
used, so that importing the package costs nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
