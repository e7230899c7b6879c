"""How a city's departments handle what its people say. The names of the face are loaded when they are first used · 门面，用到时才载入"""

import lazy_loader

__version__ = "0.9.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
