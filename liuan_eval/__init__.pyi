from . import metrics as metrics
from .intake.log import CaseLog as CaseLog
from .intake.log import read_log as read_log
from .metrics import catalogue as catalogue
from .metrics import compute as compute

__version__: str
