"Renamed units: in one case a unit has one name, so that no renaming is a hop, a ping-pong or a second thread"

import pandas as pd
import pytest

from liuan_eval import custody, metrics
from liuan_eval.intake.log import CaseLog

DAY = "2024-03-01"  # the last on which 城建局 is the name of 住建局
OLD = dict(alias="城建局", unit="住建局")
NAMES = ["case_id", "timestamp", "unit", "activity"]


def made(cases, aliases, **more):
    "A log of cases, each a list of (day of 2024, unit, activity)"
    frame = pd.DataFrame(
        [(str(i), f"2024-{day} 10:00", *r) for i, rows in enumerate(cases) for day, *r in [("02-20", "热线办", "受理"), *rows]],
        columns=NAMES,
    )
    return CaseLog.from_frame(frame, aliases=aliases, **dict(dispatchers=["热线办"], returned="unit_to_dispatcher") | more)


def numbers(log):
    "hops, ping-pongs, bounces and hands of each case"
    c = custody.coded_cases(log).execute().sort_values("case")
    return [tuple(map(int, r)) for r in c[["n_hops", "n_pingpong", "n_bounced", "n_hands"]].to_numpy()]


STRADDLES = [("02-25", "城建局", "派单"), ("02-26", "城建局", "签收"), ("03-04", "住建局", "回复"), ("03-06", "住建局", "办结")]
KEPT = [("02-25", "城建局", "派单"), ("03-04", "城建局", "回复"), ("03-05", "住建局", "联系诉求人"), ("03-06", "城建局", "办结")]
MIXED = [("03-05", "城建局", "派单"), ("03-06", "住建局", "签收"), ("03-07", "城建局", "回复"), ("03-08", "住建局", "办结")]
EARLY = [("02-21", "住建局", "派单"), ("02-22", "城建局", "签收"), ("02-23", "住建局", "回复"), ("02-24", "城建局", "办结")]
CLAIMED = [
    ("03-05", "住建局", "派单"),
    ("03-06", "城建局", "签收"),
    ("03-07", "住建局", "回复"),
    ("03-08", "城建局", "回复"),
    ("03-09", "住建局", "办结"),
]
SENT_TWICE = [("03-05", "住建局", "派单"), ("03-05", "城建局", "派单"), ("03-07", "住建局", "回复"), ("03-08", "城建局", "办结")]
ASSISTS = [("02-25", "住建局", "派单"), ("03-04", "城建局", "协办"), ("03-05", "城建局", "回复"), ("03-08", "住建局", "办结")]


ITSELF = [STRADDLES, KEPT, MIXED, EARLY, CLAIMED, SENT_TWICE, ASSISTS]


@pytest.mark.parametrize("more", [{}, dict(together="always", valid_to=DAY), dict(together="never", valid_from="2019-01-01", valid_to=DAY)])
def test_a_renamed_unit_never_hands_a_case_to_itself(more):
    log = made(ITSELF, [OLD | {k: v for k, v in more.items() if k != "together"}], together=more.get("together", "evidence"))
    assert numbers(log) == [(0, 0, 0, 1)] * len(ITSELF)
    assert custody.spells(log).execute().query("not is_dispatcher").unit.tolist() == ["住建局"] * len(ITSELF)
    assert set(custody.cases(log).execute().resolver) == {"住建局"} and "城建局" not in set(log.units.unit)
    assert custody.hands(log).execute().unit.tolist() == ["住建局"] * len(ITSELF)


def test_what_two_units_do_is_counted_under_any_of_the_names():
    to_and_fro = [("02-25", "城建局", "派单"), ("02-27", "城管局", "派单"), ("03-05", "住建局", "派单"), ("03-08", "城建局", "办结")]
    returned = [("03-05", "城建局", "派单"), ("03-06", "住建局", "退单"), ("03-07", "热线办", "改派"), ("03-08", "城建局", "派单")]
    helps = [("02-25", "城建局", "派单"), ("02-26", "城管局", "协办"), ("03-05", "城管局", "回复"), ("03-08", "住建局", "办结")]
    log = made([to_and_fro, returned, helps], [OLD | dict(valid_to=DAY)])
    assert numbers(log) == [(2, 1, 0, 1), (1, 0, 1, 1), (0, 0, 0, 2)]
    rate = metrics.compute(log, "bounce_rate", by="unit").set_index("unit").numerator
    assert rate["住建局"] == 1 and set(rate.index) == {"住建局", "城管局"}


def test_a_unit_with_two_old_names_or_renamed_twice_is_one():
    some = [("02-21", "建设局", "派单"), ("02-25", "城建局", "签收"), ("03-04", "住建局", "回复"), ("03-08", "建设局", "办结")]
    late = [("03-10", "建设局", "派单"), ("03-11", "城建局", "办结")]  # two names that both had ended
    first, second = dict(alias="建设局", valid_to="2024-02-22"), OLD | dict(valid_to=DAY)
    for aliases in ([first | dict(unit="住建局"), second], [second, first | dict(unit="城建局")]):
        assert numbers(made([some, late], aliases)) == [(0, 0, 0, 1)] * 2


def test_a_name_that_another_unit_was_given_is_that_unit_by_the_dates():
    log = made([MIXED, STRADDLES, KEPT], [OLD | dict(valid_to=DAY)], units=[dict(unit="城建局"), dict(unit="住建局")], together="never")
    assert [n[:2] for n in numbers(log)] == [(3, 2), (0, 0), (0, 0)]  # a case that began under the old name goes on under it


def test_two_units_that_became_one_passed_cases_on_before_that_and_not_after():
    before = [("02-21", "城建局", "派单"), ("02-24", "住建局", "派单"), ("03-06", "住建局", "办结")]
    log = made([EARLY, STRADDLES, before], [OLD | dict(valid_from="2024-03-01")], together="never")
    assert [n[0] for n in numbers(log)] == [3, 0, 1]


def test_a_case_that_knows_only_the_old_name_goes_by_its_date():
    only = [("03-05", "城建局", "派单"), ("03-06", "城建局", "办结")]
    assert custody.cases(made([only], [OLD | dict(valid_to=DAY)])).execute().resolver.tolist() == ["城建局"]


@pytest.mark.parametrize("name, dates", [("旧热线办", {}), ("旧热线办", dict(valid_to=DAY)), ("热线办", dict(valid_to="2024-02-22"))])
def test_a_renamed_dispatcher_stays_one(name, dates):
    some = [("02-25", "旧热线办", "改派"), ("02-26", "城管局", "派单"), ("03-05", "旧热线办", "改派"), ("03-06", "住建局", "派单")]
    log = made([some], [dict(alias="旧热线办", unit="热线办") | dates], dispatchers=[name])
    assert numbers(log)[0][:2] == (1, 0) and set(custody.hops(log).execute().via_dispatcher) == {True}


def test_a_ticket_and_a_stay_name_a_unit_once_for_all_their_dates():
    ticket = pd.DataFrame(
        {
            "工单编号": ["1"],
            "派单时间": ["2024-02-25 09:00"],
            "承办单位": ["城建局"],
            "签收时间": ["2024-03-05 09:00"],
            "办结时间": ["2024-03-08 09:00"],
        }
    )
    steps = [dict(activity=a, time=f"{a}时间", unit="承办单位") for a in ("派单", "签收", "办结")]
    log = CaseLog.from_frame(ticket, layout="wide", steps=steps, aliases=[OLD | dict(valid_to=DAY)])
    assert numbers(log) == [(0, 0, 0, 1)] and custody.cases(log).execute().resolver.tolist() == ["住建局"]
    stays = pd.DataFrame(
        dict(
            case_id="1",
            unit=["城建局", "住建局"],
            received_at=["2024-02-25 09:00", "2024-03-05 09:00"],
            sent_at=["2024-03-05 09:00", "2024-03-08 09:00"],
        )
    )
    log = CaseLog.from_frame(stays.assign(outcome=["转办", "办结"]), layout="stays", aliases=[OLD | dict(valid_to=DAY)])
    assert numbers(log)[0][:2] == (0, 0) and set(custody.spells(log).execute().unit) == {"住建局"}
