"Who held each case, when, whom it was passed to, when its time ran out, and where it went · 工单在谁手里、何时、转给了谁、时限何时届满、时间花在哪里"

from .hands import coded_hands, hands
from .milestones import deadlines, endings, milestones, pauses, step_due, with_endings
from .spells import CASE_NUMBERS, cases, coded_cases, coded_hops, coded_spells, coded_times, hops, readings, spells, with_scope
from .waits import coded_waits, item_waits, unit_waits, waits, work_items

__all__ = [
    "CASE_NUMBERS",
    "cases",
    "coded_cases",
    "coded_hands",
    "coded_hops",
    "coded_spells",
    "coded_times",
    "coded_waits",
    "deadlines",
    "endings",
    "hands",
    "hops",
    "item_waits",
    "milestones",
    "pauses",
    "readings",
    "spells",
    "step_due",
    "unit_waits",
    "waits",
    "with_endings",
    "with_scope",
    "work_items",
]
