"""Did the campaign change anything? Designs that can say no; each name is loaded when it is first used · 能说“没有”的设计"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
