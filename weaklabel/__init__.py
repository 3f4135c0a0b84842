"""Weak supervision of preference pairs: labeling functions in, calibrated soft labels and reward models out.

The names of `__init__.pyi` are the whole front door. They are loaded when they are first used: scikit-learn alone
takes a second to import, and `import weaklabel` shall not.
"""

from __future__ import annotations

from typing import Any, Final

import lazy_loader

_found, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_RENAMED: Final = {"what_each_adds": "added_value"}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        raise AttributeError(
            f"weaklabel.{name} is called {_RENAMED[name]} now. Write weaklabel.{_RENAMED[name]}."
        )
    return _found(name)
