"""Weak supervision of preference pairs: labeling functions in, calibrated soft labels and reward models out.

The names of `__init__.pyi` are the whole front door. They are loaded when they are first used: scikit-learn alone
takes a second to import, and `import weaklabel` shall not.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
