"A small random city for the tests of engines: dispatchers, returns, bounces, reopenings, open cases, callbacks, odd rows. Seeded."

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
    rules=[dict(step="return", limit="2wd")],
    owners=OWNERS,
)


def city(seed=20220217, n=300):
    "(events, cases, callbacks); events carry `order`, their place in the source"
    rng = np.random.default_rng(seed)
    events, cases, calls = [], [], []
    for i in range(n):
        case, at = f"LA{i:05d}", pd.Timestamp("2022-01-01") + pd.Timedelta(microseconds=int(rng.integers(0, 150 * 86400 * 10**6)))
        opened = at

        def step(unit, activity, most=72, case=case):
            nonlocal at
            events.append((case, at, unit, activity))
            if rng.random() > 0.1:
                at = at + pd.Timedelta(
                    microseconds=int(rng.integers(1, most * 3600 * 10**6))
                )  # one step in ten at the same time as the next

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
                answers = [(True, True), (True, False), (True, None), (False, None)]
                for kind in ["first", "final"][: 1 + (rng.random() < 0.2)]:
                    calls.append((case, kind, at, *answers[rng.choice(4, p=[0.6, 0.2, 0.1, 0.1])]))
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
            )
        )
    events = pd.DataFrame(events, columns=["case_id", "timestamp", "unit", "activity"])
    events = events.sample(frac=1, random_state=seed).sort_values("timestamp", kind="stable", ignore_index=True)
    events["order"] = range(len(events))
    reasons = pd.Series(["不属于本单位职责", "职责交叉"])[events.order % 2].to_numpy()
    events["reason"] = pd.Series(reasons, dtype=object).where((events.activity == "退单") & (events.order % 5 > 0), None)
    events["unit"] = events.unit.astype(object).where(events.unit.notna(), None)
    return (
        events,
        pd.DataFrame(cases, columns=["case_id", "channel", "request_type", "topic", "submitted_at", "due_at"]),
        pd.DataFrame(calls, columns=["case_id", "round", "called_at", "reached", "satisfied"]).astype(
            {"satisfied": "boolean", "reached": "boolean"}
        ),
    )
