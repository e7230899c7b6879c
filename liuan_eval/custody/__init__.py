"Who held each case, when, and whom it was passed to · 工单在谁手里、何时、转给了谁"

from .spells import CASE_NUMBERS, cases, coded_cases, coded_hops, coded_spells, hops, spells, with_scope

__all__ = ["CASE_NUMBERS", "cases", "coded_cases", "coded_hops", "coded_spells", "hops", "spells", "with_scope"]
