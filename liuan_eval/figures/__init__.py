"""Every figure in both languages; its room is loaded when it is first asked for · 中英文图，用到时才加载

This file is written by hand; what the face shows stands in `__init__.pyi` beside it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
