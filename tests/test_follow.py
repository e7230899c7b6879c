"Follow-up windows, against plain loops over the oracle's custody of random logs"

from collections import defaultdict

import numpy as np
import pandas as pd
from city import MAPPING, city
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from oracle import Event, custody, times

from liuan_eval import metrics
from liuan_eval.custody.milestones import milestones
from liuan_eval.effects.panel import panel
from liuan_eval.indicators import follow, volume
from liuan_eval.indicators.shapes import INDICATORS
from liuan_eval.intake.log import CaseLog

DAY, FIRST = pd.Timedelta(days=1), pd.Timestamp("2022-03-01")
STEPS = ["A replied", "B replied", "C replied", "A returned", "B returned", "H dispatched", "A closed", "B closed", "C urged", "A reopened"]
steps = st.lists(st.tuples(st.integers(1, 200), st.sampled_from(STEPS)), min_size=1, max_size=9)


def table(cases):
    "Events of cases, each given by its first hour and its steps, so many hours after one another"
    rows = []
    for i, (start, path) in enumerate(cases):
        at = FIRST + pd.Timedelta(hours=start)
        for hours, what in path:
            at += pd.Timedelta(hours=hours)
            rows.append((str(i), at, *what.split()))
    return pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]).sort_values(
        "timestamp", kind="stable", ignore_index=True
    )


def by_hand(frame, h):
    "indicator -> group -> [numerator, denominator] in windows of h days: over all (None), by unit, by the unit that a hop leaves"
    events, end, within = [Event(*r) for r in frame.itertuples(index=False)], frame.timestamp.max(), h * DAY
    spells, hops, found = custody(events, ["H"])
    res = defaultdict(lambda: defaultdict(lambda: [0, 0]))

    def add(name, group, x):
        res[name][group][0] += x
        res[name][group][1] += 1

    for c in found:
        own = [s for s in spells if s["case_id"] == c["case_id"] and not s["is_dispatcher"]]
        out = [x for x in hops if x["case_id"] == c["case_id"]]
        done, opened, mine = c["closed_at"], c["opened_at"], [e for e in events if e.case_id == c["case_id"]]
        first = min((e.timestamp for e in mine if e.activity == "closed"), default=None)
        hop = {x["spell"]: x for x in out}
        came = defaultdict(list)  # spell -> (what, when)
        for s in own:
            line = [o for o in own if o["thread"] == s["thread"]]
            i = line.index(s)
            again = [o["entered_at"] for o in line[i + 1 :] if o["unit"] == s["unit"]]
            came[s["spell"]] += [("return_rate", min(times(s, "returned")))] if times(s, "returned") else []
            came[s["spell"]] += [("revisit_rate", again[0])] if again else []
            if s["spell"] in hop:
                came[s["spell"]].append(("hops_per_case", hop[s["spell"]]["at"]))
                came[s["spell"]] += [("bounce_rate", hop[s["spell"]]["at"])] if hop[s["spell"]]["kind"] == "bounce" else []
                if hop[s["spell"]]["pingpong"]:
                    came[s["spell"]].append(("pingpong_rate", line[i + 2]["entered_at"]))
        names = ("return_rate", "revisit_rate", "hops_per_case", "bounce_rate", "pingpong_rate")
        worth = lambda name, n: n if name == "hops_per_case" else int(n > 0)
        for name in names if own and opened <= end - within else ():
            add(name, None, worth(name, sum(w == name and at <= opened + within for s in own for w, at in came[s["spell"]])))
        for name in names[:4]:
            for unit in {s["unit"] for s in own if s["entered_at"] <= end - within}:
                old = [s for s in own if s["unit"] == unit and s["entered_at"] <= end - within]
                add(name, unit, worth(name, sum(w == name and at <= s["entered_at"] + within for s in old for w, at in came[s["spell"]])))
        for unit in {x["from_unit"] for x in out if x["at"] <= end - within}:
            old = [s for s in own if s["spell"] in hop and hop[s["spell"]]["from_unit"] == unit and hop[s["spell"]]["at"] <= end - within]
            hit = [w == "pingpong_rate" and at <= hop[s["spell"]]["at"] + within for s in old for w, at in came[s["spell"]]]
            add("pingpong_rate", unit, int(any(hit)))
        if own and done is not None and done <= opened + within and opened <= end - within:
            add("boomerang_rate", None, any(x["boomerang"] and x["kind"] in ("lateral", "bounce") for x in out))
        if own and opened <= end - within:
            add("urging_rate", None, any(e.activity == "urged" and e.timestamp <= opened + within for e in mine))
        if first is not None and first <= opened + within and opened <= end - 2 * within:
            again = min((e.timestamp for e in mine if e.activity == "reopened"), default=None)
            add("reopening_rate", None, again is not None and again <= first + within)
    return res


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(st.tuples(st.integers(0, 500), steps), min_size=3, max_size=9), st.integers(1, 12))
def test_what_is_counted_in_a_window_is_what_plain_loops_count(cases, h):
    frame = table(cases)
    log, truth = CaseLog.from_frame(frame, dispatchers=["H"], returned="unit_to_dispatcher", within=dict(every=h)), by_hand(frame, h)
    can = metrics.available(log)[0]
    for name, by in [(n, None) for n in truth] + [(n, "unit") for n in truth if None in truth[n]] + [("pingpong_rate", "from_unit")]:
        if name not in can or (by == "unit" and name in ("boomerang_rate", "urging_rate", "reopening_rate", "pingpong_rate")):
            continue
        f = metrics.compute(log, name, by=by)
        assert (f.within == h).all()
        got = {None if by is None else r[by]: [int(r["numerator"]), int(r["denominator"])] for r in f.to_dict("records")}
        want = {k: [int(x) for x in v] for k, v in truth[name].items() if (k is None) == (by is None)}
        assert {k: v for k, v in got.items() if v[1]} == {k: v for k, v in want.items() if v[1]}, (name, by, h)


def test_windows_come_from_the_delays_of_cases_old_enough():
    events, cases, calls = city(seed=7)
    log = CaseLog.from_frame(events, cases=cases, callbacks=calls, **MAPPING)
    m = milestones(log).execute()
    age = ((log.end - m.opened_at) / DAY).to_numpy()
    cap = max(1, int(sorted(np.floor(age))[(len(age) - 1) // 2]) // 3)
    for at, since, share, window in (
        (m.urged_at, m.opened_at, 0.95, volume.URGED),
        (m.extended_at, m.opened_at, 0.95, volume.EXTENDED),
        (m.closed_at, m.opened_at, 0.99, follow.SETTLED),
        (m.reopened_at, m.first_closed_at, 0.95, volume.REOPENED),
    ):
        days = ((at - since) / DAY)[((log.end - since) / DAY >= cap) & at.notna()]
        want = np.sort(np.clip(np.ceil(days), 1, cap))[int(np.ceil(share * len(days))) - 1] if len(days) >= follow.FEW else None
        assert follow.window_days(log, window) == want, window
    n = follow.matures(log, volume.REOPENED)
    assert n == follow.window_days(log, volume.REOPENED) + follow.window_days(log, follow.FIRST_CLOSED)
    other = CaseLog.from_frame(events, cases=cases, callbacks=calls, within=dict(reopened=3, urged=0), **MAPPING)
    assert [follow.window_days(other, w) for w in (volume.REOPENED, volume.URGED)] == [3, None]
    assert follow.window_days(other, volume.EXTENDED) == follow.window_days(log, volume.EXTENDED)
    part = log.only(until="2022-03-31")
    assert {n: o.within(part) for n, o in INDICATORS.items()} == {n: o.within(log) for n, o in INDICATORS.items()}
    whole = CaseLog.from_frame(events, cases=cases, callbacks=calls, complete=True, **MAPPING)
    assert follow.window_days(whole, follow.HOP) is None and "within" not in metrics.compute(whole, "hops_per_case")
    p = panel(log, "urging_rate", period="day", start="2022-03-01")
    last = log.ends[1] - follow.matures(log, volume.URGED) * DAY
    assert p.periods.max() + DAY <= last < p.periods.max() + 2 * DAY
    assert any("10 periods at the end, with cases less than 9 days old, not used" in n["en"] for n in p.notes)
