"""A small random city for the tests of engines: dispatchers, returns, bounces, reopenings, open cases, extensions, suspensions, urgings, repeats,
callbacks of four rounds, odd rows. Seeded; what moves custody and what only decorates it come from two streams of chance."""

import numpy as np
import pandas as pd

UNITS = ["城管局", "住建局", "市场局", "东区", "北街道", "西区", "南镇"]
TREE = [
    dict(unit="东区", kind="county"),
    dict(unit="北街道", parent="东区", kind="township"),
    dict(unit="西区", kind="county"),
    dict(unit="南镇", parent="西区", kind="township"),
    dict(unit="城管局", kind="city_department"),
    dict(unit="住建局", kind="city_department"),
    dict(unit="市场局", kind="city_department"),
]
OWNERS = {"供水": "住建局", "占道": "城管局", "邻里": "北街道"}
MAPPING = dict(
    dispatchers=["热线办"],
    returned="unit_to_dispatcher",
    units=TREE,
    aliases=[dict(alias="工商局", unit="市场局", valid_to="2022-03-01")],
    rules=[
        dict(step="handle", request_type="consult", limit="3wd"),
        dict(step="handle", urgency="emergency", limit="48h"),
        dict(step="handle", urgency="utility", limit="24wh", start="dispatched"),
        dict(step="handle", channel="petition", limit="15d"),
        dict(step="claim", limit="8wh"),
        dict(step="respond", request_type="consult", limit="1wd", start="dispatched"),
        dict(step="respond", limit="36h", start="dispatched"),
        dict(step="return", limit="2wd"),
        dict(step="extend", limit="5wd"),
    ],  # all other cases have the due date of their ticket, or none
    calendar=dict(hours=[["08:30", "12:00"], ["14:30", "17:30"]], cutoff="17:00"),
    basically_satisfied=0.5,
    owners=OWNERS,
)
EVENT_COLUMNS = ["case_id", "timestamp", "unit", "activity", "result"]
CASE_COLUMNS = ["case_id", "channel", "request_type", "topic", "submitted_at", "due_at"]
MORE_COLUMNS = ["area", "urgency", "person_key", "extended_due_at", "ending", "excluded", "exclusion_reason", "exclusion_by"]
CALL_COLUMNS = ["case_id", "round", "called_at", "surveyor", "reached", "resolved", "satisfied"]


def decorated(more, unit, since, until):
    "What else happens while a case lies with a unit or with nobody known, as rows of events without the case"
    if more.random() > 0.5 or unit == "热线办":
        return
    span = (until - since) // pd.Timedelta(microseconds=1)

    def row(activity, result=None):
        at = since + pd.Timedelta(microseconds=int(more.integers(0, span + 1)))
        return at, None if more.random() < 0.2 else unit, activity, result

    for activity, chance in {"签收": 0.5, "联系诉求人": 0.4, "回复": 0.2, "催办": 0.15, "复核": 0.05, "回头看": 0.05}.items():
        if more.random() < chance:
            yield row(activity)
    if more.random() < 0.2:
        yield row("延期", str(more.choice(["批准", "驳回"])) if more.random() < 0.8 else None)
    if more.random() < 0.25:
        pair = sorted(row("挂起")[0] for _ in range(2))
        yield (pair[0], None, "挂起", None)
        if more.random() < 0.8:
            yield (pair[1], None, "恢复", None)


def answers(more, satisfied):
    "Resolved and satisfied, in words, of one call"
    word = {True: ["满意", "非常满意", "基本满意", "满意"], False: ["不满意", "非常不满意"]}.get(satisfied, ["说不清", None])
    return [None, True, False][more.choice(3, p=[0.2, 0.5, 0.3])], word[more.integers(len(word))]


def later_calls(more, case, at):
    "Calls of the other rounds, and further attempts of the first, as rows"
    for kind, chance in dict(first=0.15, final=0.3, review=0.15, lookback=0.3).items():
        if more.random() < chance:
            reached = more.random() < 0.8
            said = answers(more, bool(more.random() < 0.6)) if reached else (None, None)
            yield (case, kind, at + pd.Timedelta(hours=int(more.integers(1, 500))), str(more.choice(["热线", "第三方"])), reached, *said)


def attributes(more, due, units):
    "The case columns of MORE_COLUMNS"
    excluded = [None, True, False][more.choice(3, p=[0.1, 0.15, 0.75])]
    return (
        str(more.choice(["东区", "西区"])),
        [None, "紧急", "水电气热", "一般"][more.choice(4, p=[0.1, 0.1, 0.15, 0.65])],
        f"p{more.integers(60)}" if more.random() < 0.9 else None,
        due + pd.Timedelta(days=int(more.integers(1, 10))) if more.random() < 0.1 else pd.NaT,
        [None, "解决", "解释", "不受理", "终止", "合并", "另行处理"][more.choice(7, p=[0.2, 0.4, 0.1, 0.1, 0.05, 0.1, 0.05])],
        excluded,
        str(more.choice(["恶意诉求", "重复诉求"])) if excluded else None,
        str(more.choice(units)) if excluded else None,
    )


def city(seed=20220217, n=300):
    "(events, cases, callbacks); events carry `order`, their place in the source"
    rng, more = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    events, cases, calls = [], [], []
    for i in range(n):
        case, at = f"LA{i:05d}", pd.Timestamp("2022-01-01") + pd.Timedelta(microseconds=int(rng.integers(0, 150 * 86400 * 10**6)))
        opened = at

        def step(unit, activity, most=72, case=case):
            nonlocal at
            said = (
                [None, "解决", "解释", "不受理", "终止", "合并"][more.choice(6, p=[0.2, 0.4, 0.1, 0.1, 0.1, 0.1])]
                if activity == "办结"
                else None
            )
            events.append((case, at, unit, activity, said))
            since = at
            if rng.random() > 0.1:
                at = at + pd.Timedelta(
                    microseconds=int(rng.integers(1, most * 3600 * 10**6))
                )  # one step in ten at the same time as the next
            events.extend((case, *row) for row in decorated(more, unit, since, at))

        step("热线办", "受理", 2)
        unit = str(rng.choice(UNITS))
        direct = rng.random() < 0.1
        for _ in range(0 if direct else int(rng.integers(1, 5))):
            step("工商局" if unit == "市场局" else unit, "派单")
            if rng.random() < 0.3:
                step(None if rng.random() < 0.5 else unit, "签收")
            r = rng.random()
            if r < 0.3:
                step(unit, "退单", 10)
                step("热线办", "改派", 5)
                if rng.random() < 0.5:
                    unit = str(rng.choice(UNITS))
                if rng.random() < 0.4:
                    step(unit, "指定承办")
            elif r < 0.7:
                unit = str(rng.choice(UNITS))
        if rng.random() < 0.85:
            step("热线办" if direct else unit, "办结")
            if rng.random() < 0.15:
                step("热线办", "重办")
                if rng.random() < 0.7:
                    step(unit, "办结")
            if rng.random() < 0.7:
                step("热线办", "回访")
                given = [(True, True), (True, False), (True, None), (False, None)]
                for kind in ["first", "final"][: 1 + (rng.random() < 0.2)]:
                    reached, satisfied = given[rng.choice(4, p=[0.6, 0.2, 0.1, 0.1])]
                    said = answers(more, satisfied) if reached else (None, None)
                    calls.append((case, kind, at, str(more.choice(["热线", "单位", "第三方"])), reached, *said))  # both rounds at one time
                calls.extend(later_calls(more, case, at))
            if rng.random() < 0.05:
                step(str(rng.choice(UNITS)), "回复")
        due = opened + pd.Timedelta(days=int(rng.integers(2, 30)))
        cases.append(
            (
                case,
                str(rng.choice(["热线", "领导留言板", "信访", "烽火台"])),
                str(rng.choice(["投诉", "咨询"])),
                str(rng.choice([*OWNERS, "其他"])),
                opened - pd.Timedelta(minutes=int(rng.integers(0, 60))),
                due if rng.random() < 0.9 else pd.NaT,
                *attributes(more, due, UNITS),
            )
        )
    events = pd.DataFrame(events, columns=EVENT_COLUMNS)
    events = events.sample(frac=1, random_state=seed).sort_values("timestamp", kind="stable", ignore_index=True)
    events["order"] = range(len(events))
    reasons = pd.Series(["不属于本单位职责", "职责交叉"])[events.order % 2].to_numpy()
    events["reason"] = pd.Series(reasons, dtype=object).where((events.activity == "退单") & (events.order % 5 > 0), None)
    for c in ("unit", "result"):
        events[c] = events[c].astype(object).where(events[c].notna(), None)
    return (
        events,
        pd.DataFrame(cases, columns=[*CASE_COLUMNS, *MORE_COLUMNS]).astype({"excluded": "boolean"}),
        pd.DataFrame(calls, columns=CALL_COLUMNS).astype({"reached": "boolean", "resolved": "boolean"}),
    )


def _held(rng, units, many):
    "What happens to a case, as (hours since the row before, unit, activity): dispatches, and those who then hold it or work on it at once"
    lead, other, third = rng.permutation(units)[:3]
    yield 0, "热线办", "受理"
    yield 1, lead, "派单"
    if rng.random() < 0.5:
        yield 2, lead, "签收"
    if rng.random() < 0.35:  # the return is refused, and the same unit has it again, or it is not and another has
        yield 5, lead, "退单"
        if rng.random() < 0.6:
            yield 3, "热线办" if rng.random() < 0.5 else lead, "驳回退单"
        if rng.random() < 0.4:
            yield 1, "热线办", "改派"
        if rng.random() < 0.5:
            yield 1, lead if rng.random() < 0.6 else third, "派单"
    for kind in rng.choice(["assists", "at once", "by itself", "passed on"], many):
        if kind == "assists":
            yield from _assisting(rng, other)
        elif kind == "at once":
            yield 1, other, "派单"
            yield 0, third, "派单"
            yield 4, other, "回复"
        elif kind == "by itself":  # claimed and answered, and never handed over
            yield 2, other, "派单"
            for unit in rng.choice([lead, other], 3):
                yield 3, unit, str(rng.choice(["签收", "回复", "联系诉求人"]))
        else:
            yield 2, third, "派单"
            yield 2, lead if rng.random() < 0.5 else other, "派单"
    if rng.random() < 0.8:
        yield 6, str(rng.choice([lead, other, third])), "办结"
        if rng.random() < 0.2:
            yield 6, "热线办", "重办"
            yield 6, lead, "办结"


def _assisting(rng, unit):
    "The rows of a unit that assists, of whom some return it, some never answer, and some close what is theirs"
    yield 1, unit, "协办"
    if rng.random() < 0.3:
        yield 0, unit, "派单"
    for activity, chance in {"签收": 0.5, "回复": 0.6, "退单": 0.2, "办结": 0.2, "协办": 0.2}.items():
        if rng.random() < chance:
            yield 2, unit, activity


def together(seed=20251127, n=240):
    "(events, cases, callbacks) as `city` gives them, of cases that several units assist in, are given at once, or answer without a transfer"
    rng = np.random.default_rng(seed)
    _, cases, calls = city(seed, n)
    rows = []
    for case, opened in zip(cases.case_id, cases.submitted_at):
        at = opened
        for hours, unit, activity in _held(rng, UNITS, int(rng.integers(0, 4))):
            whole = rng.random() < 0.2  # times that are equal, and times to the hour
            at += pd.Timedelta(seconds=int(hours * 3600 * (1 if whole else rng.integers(1, 12))) if hours else 0)
            name = "工商局" if unit == "市场局" and activity == "派单" else None if rng.random() < 0.04 else str(unit)
            rows.append((case, at, name, activity, "解决" if activity == "办结" else None))
    events = pd.DataFrame(rows, columns=EVENT_COLUMNS)
    events = events.sort_values("timestamp", kind="stable", ignore_index=True)
    events["order"] = range(len(events))
    events["reason"] = pd.Series("不属于本单位职责", events.index).where((events.activity == "退单") & (events.order % 2 == 0), None)
    for c in ("unit", "result", "reason"):
        events[c] = events[c].astype(object).where(events[c].notna(), None)
    return events, cases, calls
