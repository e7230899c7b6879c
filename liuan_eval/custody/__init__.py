"Who held each case, when, whom it was passed to, and when its time ran out · 工单在谁手里、何时、转给了谁、时限何时届满"

from .hands import coded_hands, hands
from .milestones import deadlines, endings, milestones, pauses, step_due, with_endings
from .spells import CASE_NUMBERS, cases, coded_cases, coded_hops, coded_spells, coded_times, hops, readings, spells, with_scope

__all__ = [
    "CASE_NUMBERS",
    "cases",
    "coded_cases",
    "coded_hands",
    "coded_hops",
    "coded_spells",
    "coded_times",
    "deadlines",
    "endings",
    "hands",
    "hops",
    "milestones",
    "pauses",
    "readings",
    "spells",
    "step_due",
    "with_endings",
    "with_scope",
]
