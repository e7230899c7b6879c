"Who held each case, when, whom it was passed to, and when its time ran out · 工单在谁手里、何时、转给了谁、时限何时届满"

from .milestones import deadlines, endings, milestones, pauses, step_due, with_endings
from .spells import CASE_NUMBERS, cases, coded_cases, coded_hops, coded_spells, hops, spells, with_scope

__all__ = [
    "CASE_NUMBERS",
    "cases",
    "coded_cases",
    "coded_hops",
    "coded_spells",
    "deadlines",
    "endings",
    "hops",
    "milestones",
    "pauses",
    "spells",
    "step_due",
    "with_endings",
    "with_scope",
]
