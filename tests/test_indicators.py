"Indicators by unit and over all, against plain Python loops over the oracle's custody of a random city"

import inspect
import pydoc
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from chinese_calendar import is_workday
from city import MAPPING, UNITS, city
from ibis import _
from oracle import Event, custody, hands, helping, late, replies, seconds, times

from liuan_eval import metrics
from liuan_eval.indicators import hands as hands_room
from liuan_eval.indicators import limbo, phone, pingpong, punctuality, returns, shapes, speed, volume
from liuan_eval.indicators.shapes import INDICATORS, Mean, Rate, Share, amounts, missing, read_words
from liuan_eval.indicators.volume import Stock
from liuan_eval.intake.checks import check
from liuan_eval.intake.log import CaseLog
from liuan_eval.words.text import LogError, packaged

CODES = dict(
    受理="received",
    派单="dispatched",
    签收="claimed",
    退单="returned",
    改派="dispatched",
    指定承办="designated",
    办结="closed",
    重办="reopened",
    回访="called",
    回复="replied",
    协办="assisted",
    联系诉求人="contacted",
    催办="urged",
    复核="reviewed",
    回头看="lookback",
    延期="extended",
    挂起="suspended",
    恢复="resumed",
)
STOCKS = {n for n, o in INDICATORS.items() if isinstance(o, Stock)}  # at the end of every period: not a sum over periods
WEIGHTS = dict(满意=1.0, 非常满意=1.0, 基本满意=0.5, 不满意=0.0, 非常不满意=0.0)
DAY, SPANS = pd.Timedelta(days=1), [(pd.Timedelta(hours=8.5), pd.Timedelta(hours=12)), (pd.Timedelta(hours=14.5), pd.Timedelta(hours=17.5))]
CUTOFF = pd.Timedelta(hours=17)


def assisted(events, seed=7):
    "Events of a city in which some cases have a unit that assists: named, and then it claims, replies, returns its part or closes it, or does nothing"
    rng, more, places = np.random.default_rng(seed), [], events.groupby("case_id").timestamp.agg(["min", "max"])
    for case, (first, last) in zip(places.index, places.itertuples(index=False)):
        if rng.random() < 0.3:
            unit, n = str(rng.choice(UNITS)), int(rng.integers(0, 3))
            acts = ["协办", *rng.choice(["签收", "回复", "回复", "退单", "办结"], n)]
            at = sorted(first + (last - first) * float(rng.uniform(0.1, 1.2)) for _ in acts)
            more += [dict(case_id=case, timestamp=t.floor("us"), unit=unit, activity=str(a)) for t, a in zip(at, acts)]
    t = pd.concat([events, pd.DataFrame(more)], ignore_index=True).sort_values("timestamp", kind="stable", ignore_index=True)
    return t.assign(order=range(len(t)), **{c: t[c].astype(object).where(t[c].notna(), None) for c in ("unit", "result", "reason")})


@pytest.fixture(scope="module")
def tables():
    events, cases, calls = city(seed=7)
    return assisted(events), cases, calls


@pytest.fixture(scope="module")
def log(tables):
    "Without follow-up windows: tests/test_follow.py counts those"
    events, cases, calls = tables
    return CaseLog.from_frame(events, cases=cases, callbacks=calls, within=dict(every=0), **MAPPING)


def next_workday(day, n=1):
    "The n-th working day after a day"
    while n:
        day += DAY
        n -= is_workday(day.date())
    return day


def office(first, last):
    "Office hours between two times, day by day"
    total, day = pd.Timedelta(0), first.normalize()
    while day <= last:
        if is_workday(day.date()):
            total += sum((max(min(last, day + b) - max(first, day + a), pd.Timedelta(0)) for a, b in SPANS), pd.Timedelta(0))
        day += DAY
    return total / pd.Timedelta(hours=1)


def runs_out(start, limit, pause=0.0, cutoff=CUTOFF):
    "When a limit such as 3wd runs out, going forward day by day"
    if pd.isna(start) or limit is None:
        return None
    n, clock, day = int(limit.strip("wdh")), limit.lstrip("0123456789"), start.normalize()
    if clock == "h":
        return start + pd.Timedelta(hours=n + pause)
    if clock == "d":
        return day + DAY * (n + round(pause) + 1) - pd.Timedelta(seconds=1)
    if is_workday(start.date()) and start - day >= cutoff:
        day = start = next_workday(day)
    if clock == "wd":
        return next_workday(day, n + round(pause)) + DAY - pd.Timedelta(seconds=1)
    left = pd.Timedelta(hours=n + pause)
    while True:
        for a, b in SPANS if is_workday(day.date()) else ():
            had = max(day + b - max(start, day + a), pd.Timedelta(0))
            if left <= had:
                return day + b - (had - left)
            left -= had
        day += DAY


def passed(first, last, clock):
    "Time between two moments on a clock"
    if clock == "h":
        return (last - first) / pd.Timedelta(hours=1)
    if clock == "wh":
        return office(first, last)
    days = pd.date_range(first.normalize(), last.normalize())[1:]
    return len(days) if clock == "d" else sum(is_workday(d.date()) for d in days)


def suspensions(events, until):
    "Spans in which a case was suspended; a second suspension before a resumption changes nothing"
    spans, since = [], None
    for e in events:
        if e.activity == "suspended" and since is None:
            since = e.timestamp
        if e.activity == "resumed" and since is not None:
            spans, since = [*spans, (since, min(e.timestamp, until))], None
    spans += [(since, until)] if since is not None else []
    return [(a, b) for a, b in spans if b > a]


def handled_by(case, entered, stops):
    "The due date by the rules of MAPPING, moved by suspensions that began before it; None where no rule is for the case"
    for limit, start, fits in (
        ("3wd", case.submitted_at, case.request_type == "咨询"),
        ("48h", case.submitted_at, case.urgency == "紧急"),
        ("24wh", entered, case.urgency == "水电气热"),
        ("15d", case.submitted_at, case.channel == "信访"),
    ):
        if fits:
            pause, clock = 0.0, limit.lstrip("0123456789")
            for a, b in stops:
                if pd.notna(start) and a <= runs_out(start, limit, pause):
                    pause += passed(a, b, clock)
            return runs_out(start, limit, pause)
    return None


def used_up(case, entered, due, stays, until):
    "unit -> of the limit the share that ran while it had the case, on the limit's clock; None where there is no limit"
    rule = handled_by(case, entered, []) is not None
    works = rule and (case.request_type == "咨询" or (case.urgency == "水电气热" and case.urgency != "紧急"))
    start = entered if rule and case.request_type != "咨询" and case.urgency == "水电气热" else case.submitted_at
    clock = office if works else seconds_between
    if pd.isna(start) or due is None or clock(start, due) <= 0:
        return None
    found = defaultdict(float)
    for s in stays:
        a, b = max(s["entered_at"], start), min(s["left_at"] or until, due)
        found[s["unit"]] += (clock(a, b) if b > a else 0) / clock(start, due)
    return found


def seconds_between(a, b):
    return (b - a).total_seconds()


def end_of_day(at):
    "A date alone ends with its day"
    return None if pd.isna(at) else at + DAY - pd.Timedelta(seconds=1) if at == at.normalize() else at


def first_of(events, activity):
    return min((e.timestamp for e in events if e.activity == activity), default=None)


def by(at, due):
    return at is not None and due is not None and at <= due


def stays_of(spells, hops, done):
    "One dict a stay with a unit: its returns, orders and what followed in its thread, in plain loops"
    out, ordered, passed = [], {}, {h["spell"]: h for h in hops}
    for s in spells:
        unit, line = s["unit"], [o for o in spells if o["thread"] == s["thread"]]
        own = [o for o in line if o["unit"] not in MAPPING["dispatchers"]]
        if s not in own:
            continue
        i, key = own.index(s), (s["thread"], unit)
        back = times(s, "returned")
        if orders := times(s, "designated"):
            ordered.setdefault(key, orders[0])
        then = own[i + 1]["unit"] if i + 1 < len(own) else None
        again = next((j for j in range(i + 1, len(own)) if own[j]["unit"] == unit), None)
        home = done is not None and line[-1]["unit"] == unit
        hop = passed.get(s["spell"], dict(kind=None, held_seconds=0))
        out.append(
            dict(
                unit=unit,
                kind=hop["kind"],
                returned=bool(back),
                late=bool(back) and back[0] > runs_out(s["entered_at"], "2wd"),
                due=runs_out(s["entered_at"], "8wh"),
                claimed=min(times(s, "claimed"), default=None),
                designated=key in ordered,
                defied=bool(back) and key in ordered and back[-1] >= ordered[key],
                upheld=bool(back) and then is not None and then != unit,
                decided=bool(back) and then is not None,
                unjustified=bool(back) and then is not None and (then == unit or home),
                detour=again is not None and again - i > 2 and hop["kind"] == "lateral",
                delay=hop["held_seconds"] / 3600 if hop["kind"] == "lateral" and not home else 0.0,
            )
        )
    return out


def granted_extensions(events):
    "case -> its first extension that was not refused"
    own = events[(events.activity == "延期") & (events.result != "驳回")]
    return own.groupby("case_id").timestamp.min().to_dict()


def sightings(closed, ticket):
    "case -> when it was submitted, and whether the person spoke of the topic in the 30 days before it, and in those after its first closing"
    res = {}
    for i, t in ticket.items():
        if pd.isna(t.person_key):
            continue
        others = [o.submitted_at for k, o in ticket.items() if k != i and (o.person_key, o.topic) == (t.person_key, t.topic)]
        res[i] = dict(
            opened=t.submitted_at,
            before=any(t.submitted_at - 30 * DAY <= at <= t.submitted_at for at in others),
            again=closed[i] is not None and any(closed[i] < at <= closed[i] + 30 * DAY for at in others),
        )
    return res


def telephone(calls):
    "What the calls of one case found: first answers of the first round, last answers of the first and the final round"
    rows = sorted(calls.itertuples(), key=lambda r: (r.called_at, r.round == "final"))
    heard = [r for r in rows if pd.isna(r.reached) or r.reached]
    said = {
        r: [WEIGHTS[o.satisfied] for o in heard if o.round in r and o.satisfied in WEIGHTS]
        for r in (("first",), ("final",), ("first", "final"))
    }
    resolved = [bool(o.resolved) for o in heard if o.round == "first" and pd.notna(o.resolved)]
    return dict(
        called=any(r.round == "first" for r in rows),
        reached=any(r.round == "first" and pd.notna(r.reached) and r.reached for r in rows),
        resolved=resolved[0] if resolved else None,
        satisfied=next(iter(said["first",]), None),
        last=next(iter(said["first", "final"][::-1]), None),
        again=max(said["final",], default=None),
    )


def renamed(events):
    "Events with the present name of the unit that was renamed"
    until = pd.Timestamp(MAPPING["aliases"][0]["valid_to"]) + pd.Timedelta(days=1)
    known = set(events.case_id[(events.unit == "市场局") | (events.unit == "工商局") & (events.timestamp < until)])
    names = ["市场局" if u == "工商局" and c in known else u for u, c in zip(events.unit, events.case_id)]  # in a case a unit has one name
    return events.assign(unit=pd.Series(names, events.index, dtype=object))


@pytest.fixture(scope="module")
def truth(tables):
    "indicator -> (unit or None) -> [numerator, denominator], counted by loops"
    events, cases, calls = tables
    own = [Event(e.case_id, e.timestamp, e.unit, CODES[e.activity]) for e in renamed(events).itertuples()]
    end, parent = max(e.timestamp for e in own), {u["unit"]: u["parent"] for u in MAPPING["units"] if "parent" in u}
    spells, hops, found = custody(own, MAPPING["dispatchers"], parent=parent)
    of = {name: defaultdict(list) for name in ("events", "spells", "hops")}
    for name, rows in dict(spells=spells, hops=hops).items():
        for r in rows:
            of[name][r["case_id"]].append(r)
    for e in own:
        of["events"][e.case_id].append(e)
    last = {s["case_id"]: s["unit"] for s in spells if s["ends"]}
    topic = cases.set_index("case_id").topic
    ticket, extended_events = {c.case_id: c for c in cases.itertuples()}, granted_extensions(events)
    beside = {i: helping(sorted(of["events"][i], key=lambda e: e.timestamp), MAPPING["dispatchers"]) for i in ticket}
    walked = {i: sorted(of["events"][i], key=lambda e: e.timestamp) for i in ticket}
    closings = {i: [e for n, e in enumerate(rows) if e.activity == "closed" and n not in beside[i]] for i, rows in walked.items()}
    history = sightings({i: first_of(rows, "closed") for i, rows in closings.items()}, ticket)
    res = defaultdict(lambda: defaultdict(lambda: [0, 0]))

    def add(name, unit, hit):
        res[name][unit][0] += hit
        res[name][unit][1] += 1

    for c in found:
        i = c["case_id"]
        held = [s for s in of["spells"][i] if not s["is_dispatcher"]]
        units, passed = [s["unit"] for s in held], of["hops"][i]
        stays = stays_of(of["spells"][i], passed, c["closed_at"])
        returned = {s["unit"] for s in stays if s["returned"]}
        hand = hands(walked[i], of["spells"][i], MAPPING["dispatchers"], c["closed_at"])
        for unit in [None, *set(units)] if units else []:
            mine = lambda u, unit=unit: unit is None or u == unit
            add("return_rate", unit, any(map(mine, returned)))
            add("bounce_rate", unit, any(h["kind"] == "bounce" and mine(h["from_unit"]) for h in passed))
            add(
                "pingpong_rate",
                unit,
                any(h["pingpong"] and h["kind"] == "lateral" and (mine(h["from_unit"]) or mine(h["to_unit"])) for h in passed),
            )
            came = [(s["thread"], s["unit"]) for s in held if mine(s["unit"])]
            add("revisit_rate", unit, len(came) > len({*came}))
            add("hops_per_case", unit, sum(mine(h["from_unit"]) for h in passed))
            mine_only = [s for s in stays if mine(s["unit"])]
            seen = {k: any(s[k] for s in mine_only) for k in stays[0] if k not in ("unit", "kind", "delay", "due", "claimed")}
            add("upheld_return_rate", unit, seen["upheld"])
            add("indirect_pingpong_rate", unit, seen["detour"])
            if seen["returned"]:
                add("returned_cases", unit, 1)
                add("late_return_rate", unit, seen["late"])
            if seen["designated"]:
                add("defied_designation_rate", unit, seen["defied"])
            if seen["decided"] and c["closed_at"]:
                add("unjustified_return_share", unit, seen["unjustified"])
            for kind in ("lateral", "down", "up"):
                add(f"{kind}_hops_per_case", unit, sum(s["kind"] == kind for s in mine_only))
            add("bounces_per_case", unit, sum(s["kind"] == "bounce" for s in mine_only))
            add("delay_hours", unit, sum(s["delay"] for s in mine_only))
            if c["closed_at"]:
                add(
                    "boomerang_rate",
                    unit,
                    any(h["boomerang"] and h["kind"] in ("lateral", "bounce") and mine(h["from_unit"]) for h in passed),
                )
        for unit in {None, last[i]} if units and c["closed_at"] else []:
            add("steps_to_resolve", unit, len(units))
            if topic[i] in ("供水", "占道"):  # the departments' own
                add("downward_shift_rate", unit, c["resolver"] in ("北街道", "南镇"))
        t, own_events, first_closed = ticket[i], walked[i], first_of(closings[i], "closed")
        entered = min((s["entered_at"] for s in held), default=None)
        due = handled_by(t, entered, suspensions(own_events, c["closed_at"] or end)) or end_of_day(t.due_at)
        used = used_up(t, entered, due, held, end)
        for unit in [None, *set(units)] if units and used is not None and by(due, end) else []:
            add("limit_used_share", unit, sum(x for u, x in used.items() if unit in (None, u)))
        extended = extended_events.get(i)
        later = end_of_day(t.extended_due_at) or (runs_out(due, "5wd", cutoff=DAY) if by(extended, due) else due)
        sane, done = not by(c["closed_at"], c["opened_at"]) or c["closed_at"] == c["opened_at"], c["closed_at"]
        respond = runs_out(entered, "1wd" if t.request_type == "咨询" else "36h")
        contacted = first_of(own_events, "contacted")
        talk = telephone(calls[calls.case_id == i])
        for unit in {None, last[i]}:
            if by(due, end) and sane:
                add("on_time_rate", unit, by(done, due))
            if due and done and sane:
                add("on_time_closed_rate", unit, by(done, due))
            if by(later, end) and sane:
                add("on_time_extended_rate", unit, by(done, later))
            if by(due, end) and not by(first_closed, due):
                add("covered_rate", unit, by(extended, due))
            if units:
                add("extension_rate", unit, extended is not None)
                add("urging_rate", unit, first_of(own_events, "urged") is not None)
            if by(respond, end):
                add("response_rate", unit, by(first_of(own_events, "claimed"), respond) and by(contacted, respond))
            if first_closed:
                add("reopening_rate", unit, first_of(own_events, "reopened") is not None)
                add("no_contact_rate", unit, not by(contacted, first_closed))
                add("called_rate", unit, talk["called"])
                add("callback_coverage", unit, talk["reached"])
            if talk["called"]:
                add("reach_rate", unit, talk["reached"])
            for name, what in dict(resolution_rate="resolved", satisfaction_rate="satisfied", final_satisfaction_rate="last").items():
                if talk[what] is not None:
                    add(name, unit, talk[what])
            if talk["satisfied"] == 0 and talk["again"] is not None:
                add("turned_rate", unit, talk["last"] > 0)
            if first_closed and talk["resolved"] is not None and (not done or pd.isna(t.ending) or t.ending == "解决"):
                add("hollow_rate", unit, talk["resolved"] == 0)
            add("exclusion_rate", unit, bool(pd.notna(t.excluded) and t.excluded))
            if i in history and history[i]["opened"] >= min(h["opened"] for h in history.values()) + 30 * DAY:
                add("repeat_rate", unit, history[i]["before"])
            if i in history and by(first_closed, end - 30 * DAY):
                add("comeback_rate", unit, history[i]["again"])
        if units:
            for unit in {None, last[i]}:
                add("shared_rate", unit, replies(hand)[0] > 1)
        for unit in {None, *(h["unit"] for h in hand if h["assists"])}:
            judged = [late(h, due, end) for h in hand if h["assists"] and unit in (None, h["unit"])]
            if judged := [x for x in judged if x is not None]:
                add("assist_late_rate", unit, any(judged))
        for unit in {None, *units}:
            ripe = [s for s in stays if unit in (None, s["unit"]) and s["due"] <= end]
            if ripe:
                add("claimed_in_time_rate", unit, all(by(s["claimed"], s["due"]) for s in ripe))
        for unit in {None, *(s["unit"] for s in held if s["left_at"] is None)} if not done else ():
            add("overdue_share", unit, by(due, end))
    return res


SHARES_OF_CASES = [n for n, o in INDICATORS.items() if (isinstance(o, (Rate, Mean)) and not isinstance(o, Share)) or n == "overdue_share"]


@pytest.mark.parametrize("name", SHARES_OF_CASES)
def test_an_indicator_is_what_plain_loops_count(log, truth, name):
    if name not in truth:
        pytest.skip("no loop counts it: add one to the fixture `truth`")
    close = (lambda x: pytest.approx(x, rel=1e-9)) if name in ("delay_hours", "limit_used_share") else (lambda x: x)
    r = metrics.compute(log, name)
    assert r[["numerator", "denominator"]].values.tolist() == [close(truth[name][None])]
    r = metrics.compute(log, name, by="unit")
    own = {u: close(truth[name].get(u, [0, 0])) for u in r.unit}
    assert dict(zip(r.unit, r[["numerator", "denominator"]].values.tolist())) == own
    assert set(log.units.unit[~log.units.is_dispatcher]) <= set(r.unit)  # units without a case have a row


def test_loops_count_every_rate_and_mean_of_the_catalogue(truth):
    assert set(truth) - {"returned_cases"} == set(SHARES_OF_CASES)


def test_returned_cases_and_delay_are_what_plain_loops_add_up(log, truth):
    for name in ("returned_cases", "delay_hours"):
        r = metrics.compute(log, name, by="unit").set_index("unit").numerator.astype(float)
        assert truth[name][None][0] > 10
        for unit, got in r.items():
            assert np.isclose(got, truth[name].get(unit, [0, 0])[0]), (name, unit)
    share = metrics.compute(log, "delay_share", by="unit")
    assert np.isclose(share.value.sum(), 1) and np.isclose(share.denominator.max(), truth["delay_hours"][None][0])


def test_returned_cases_by_reason(log, tables, truth):
    r = metrics.compute(log, "returned_cases", by="return_reason").set_index("return_reason").numerator
    assert set(r.index.dropna()) == {"不属于本单位职责", "职责交叉"}
    assert r.max() <= truth["returned_cases"][None][0] <= r.sum()


def test_limbo_is_the_median_up_to_where_cases_lie_and_at_most_that_of_open_ones_censored_at_their_age(log):
    from statsmodels.duration.survfunc import SurvfuncRight

    from liuan_eval import custody as room

    c = room.coded_cases(log).filter(lambda t: (t.n_lateral + t.n_bounced) > 0).execute()
    hours = (c.settled_at - c.began_at).dt.total_seconds() / 3600
    s = SurvfuncRight(hours.to_numpy(), np.ones(len(c), int))
    r = metrics.compute(log, "limbo_hours").iloc[0]
    s.surv_prob_se *= np.sqrt(r.deff)  # cases of one matter hang together
    assert [r.n, r.n_open] == [len(c), 0]
    assert np.isclose(r.value, median(s)) and np.allclose([r.low, r.high], s.quantile_ci(0.5, method="cloglog"))
    done, b = c.closed_at.notna(), limbo.limbo_bounds(log).iloc[0]
    age = (log.end - c.began_at).dt.total_seconds() / 3600
    known = ~c.closing_unknown
    most = SurvfuncRight(hours.where(done, age)[known].to_numpy(), done[known].astype(int).to_numpy())
    assert [b.n, b.n_open, b.least] == [known.sum(), (~done & known).sum(), r.value] and b.n_open > 3
    assert np.isclose(b.most, median(most))


def test_a_share_of_all_has_the_interval_of_a_ratio_over_cases(log):
    from liuan_eval.custody.spells import coded_spells

    s = coded_spells(log).filter(lambda t: ~t.is_dispatcher).execute()
    every = s.groupby("case").delay_seconds.sum()
    code = dict(zip(log.units.unit, log.units.code))["住建局"]
    own = s[s.unit == code].groupby("case").delay_seconds.sum().reindex(every.index, fill_value=0)
    ratio, n = own.sum() / every.sum(), len(every)
    e, some = own - ratio * every, np.log(own[own > 0])
    parts = dict(k=len(some), l=some.sum(), ll=(some**2).sum(), spread=(e**2).sum(), cube=(e**3).sum())
    parts |= dict(below=((every**2).sum() * n / every.sum() ** 2 - 1) / (n - 1), whole=every.sum(), y=own.sum(), yy=(own**2).sum())
    r = metrics.compute(log, "delay_share", by="unit").set_index("unit").loc["住建局"]
    want = amounts(pd.DataFrame(dict(n=n, value=ratio, deff=r.deff, **parts), index=[0], dtype=float)).iloc[0]
    assert r.deff > 1 and np.allclose(r[["value", "low", "high"]].astype(float), want[["value", "low", "high"]])


def median(s):
    "The median of a survival curve; where it is on one half for a while R, and we, take the middle of it"
    flat = s.surv_times[np.isclose(s.surv_prob, 0.5)]
    return (flat[0] + s.surv_times[s.surv_prob < 0.5 - 1e-9][0]) / 2 if len(flat) else s.quantile(0.5)


def test_days_to_resolution_are_the_kaplan_meier_median_of_statsmodels(log, tables):
    from statsmodels.duration.survfunc import SurvfuncRight

    from liuan_eval import custody as room

    c = room.cases(log).execute()
    for channel, f in c.groupby("channel"):
        s = SurvfuncRight((f.duration_seconds / 86400).to_numpy(), f.closed_at.notna().astype(int).to_numpy())
        r = metrics.compute(log, "resolution_days", by="channel").set_index("channel").loc[channel]
        assert np.isclose(r.value, median(s))
        assert np.allclose([r.low, r.high], s.quantile_ci(0.5, method="cloglog"))


def test_first_and_last_replies_of_shared_cases_are_the_kaplan_meier_medians_of_statsmodels(log, tables):
    from statsmodels.duration.survfunc import SurvfuncRight

    events = [Event(e.case_id, e.timestamp, e.unit, CODES[e.activity]) for e in renamed(tables[0]).itertuples()]
    parent = {u["unit"]: u["parent"] for u in MAPPING["units"] if "parent" in u}
    submitted = dict(zip(tables[1].case_id, tables[1].submitted_at))
    spells, _hops, found = custody(events, MAPPING["dispatchers"], submitted_at=submitted, parent=parent)
    end, rows = max(e.timestamp for e in events), []
    for c in found:
        own = sorted((e for e in events if e.case_id == c["case_id"]), key=lambda e: e.timestamp)
        held = [s for s in spells if s["case_id"] == c["case_id"]]
        n, first, last = replies(hands(own, held, MAPPING["dispatchers"], c["closed_at"]))
        done, lead = c["closed_at"], [s["unit"] for s in held if s["ends"]]
        if n < 2 or (done is not None and done < c["opened_at"]):
            continue
        waits = dict(first=(first or done or end, first is not None))
        waits["last"] = (last or done if done is not None else end, done is not None and last is not None)
        month = c["opened_at"].strftime("%Y-%m")
        rows += [dict(which=k, month=month, unit=lead[-1], x=seconds(at, c["opened_at"]) / 3600, d=d) for k, (at, d) in waits.items()]
    rows = pd.DataFrame(rows)
    assert len(rows) > 100 and 0 < rows.d.mean() < 1
    for which, f in rows.groupby("which"):
        name = f"{which}_reply_hours_shared"
        whole = metrics.compute(log, name).iloc[0]
        assert [whole.n, whole.n_open] == [len(f), (~f.d).sum()]
        assert np.isclose(whole.value, median(SurvfuncRight(f.x.to_numpy(), f.d.astype(int).to_numpy())))
        by_unit, by_month = metrics.compute(log, name, by="unit").set_index("unit"), metrics.compute(log, name, period="month")
        assert by_unit.n[lambda n: n > 0].to_dict() == f.groupby("unit").size().drop(MAPPING["dispatchers"], errors="ignore").to_dict()
        assert by_month.n.sum() == len(f)
        months = dict(zip(by_month.period.dt.strftime("%Y-%m"), by_month.n_open))
        assert months == (~f.d).groupby(f.month).sum().to_dict()


def test_counts_by_period_and_channel_add_up(log, tables):
    r = metrics.compute(log, "n_cases", by="channel", period="month")
    assert r.numerator.sum() == len(tables[1]) == metrics.compute(log, "n_cases").numerator[0]


@pytest.mark.parametrize("more", [dict(by="unit"), dict(by="channel"), dict(period="month")], ids=str)
def test_every_indicator_can_be_broken_down_and_cases_add_up(log, more):
    r = metrics.compute(log, **more)
    assert list(dict.fromkeys(r.indicator)) == list(INDICATORS)
    shares = r[r.indicator.isin([n for n, o in INDICATORS.items() if o.unit == "share"])][["value", "low", "high"]]
    assert ((shares >= -1e-9) & (shares <= 1 + 1e-9) | shares.isna()).all().all()
    whole, parts = metrics.compute(log).set_index("indicator"), r.groupby("indicator")[["numerator", "denominator", "n", "n_open"]].sum()
    if more.get("by") == "unit":  # a case is counted with every unit that it reached, or with the one that answers for it
        once = [n for n, o in INDICATORS.items() if "spells" not in o.levels]
        assert len(once) > 20
    else:
        once = [n for n in INDICATORS if n != "delay_share" and (n not in STOCKS or "by" in more)]
    for name in once:
        for c in parts.columns:
            if pd.notna(whole.loc[name, c]):
                assert np.isclose(float(parts.loc[name, c]), float(whole.loc[name, c])), (name, c)


def test_a_unit_without_cases_has_no_value(tables):
    events, cases, calls = tables
    more = MAPPING | dict(units=[*MAPPING["units"], dict(unit="气象局")])
    r = metrics.compute(CaseLog.from_frame(events, cases=cases, callbacks=calls, **more), by="unit")
    idle = r[(r.unit == "气象局") & ~r.indicator.isin(["n_cases", "returned_cases", "open_cases"])]
    assert len(idle) == len(INDICATORS) - 3 and idle[["value", "low", "high"]].isna().all().all()


@pytest.mark.parametrize("name", INDICATORS)
def test_what_a_log_cannot_serve_is_said_in_both_languages(name):
    bare = CaseLog.from_frame(pd.DataFrame({"case_id": ["1"], "timestamp": ["2022-02-17"], "unit": ["A"], "activity": ["replied"]}))
    if name in metrics.available(bare)[0]:
        assert metrics.compute(bare, name).indicator.tolist() == [name]
    else:
        with pytest.raises(LogError, match=name) as e:
            metrics.compute(bare, name)
        assert "需要" in e.value.text.zh and "needs" in e.value.text.en


@pytest.mark.parametrize(
    "call",
    [
        dict(indicators="pingpong_rat"),
        dict(indicators="n_cases", by="street"),
        dict(indicators="n_cases", period="fortnight"),
        dict(indicators="n_cases", by=["from_unit", "exit"]),
    ],
    ids=str,
)
def test_a_wrong_question_is_refused_and_the_right_ones_named(log, call):
    with pytest.raises(LogError) as e:
        metrics.compute(log, **call)
    assert e.value.text.en != e.value.text.zh


TICKETS = pd.DataFrame(
    {
        "工单编号": ["1", "2"],
        "承办单位": ["甲", "乙"],
        "派单时间": "2022-02-17 09:00",
        "办结时间": "2022-02-20 15:00",
        "截止时间": "2022-02-20",
    }
)
STEPS = [dict(activity="dispatched", time="派单时间", unit="承办单位"), dict(activity="closed", time="办结时间", unit="承办单位")]


def test_a_table_of_tickets_with_one_column_of_units_shows_no_hops_rather_than_none():
    log = CaseLog.from_frame(TICKETS, layout="wide", steps=STEPS, case_id="工单编号", due_at="截止时间")
    assert not {"pingpong_rate", "hops_per_case", "bounce_rate", "limbo_share"} & set(metrics.available(log)[0])
    with pytest.raises(LogError, match="single column of units"):
        metrics.compute(log, "pingpong_rate")


def test_a_due_date_without_a_clock_time_ends_with_its_day():
    log = CaseLog.from_frame(
        TICKETS.assign(**{"办结时间": ["2022-02-20 15:00", "2022-02-21 15:00"]}),
        layout="wide",
        steps=STEPS,
        case_id="工单编号",
        due_at="截止时间",
    )
    assert metrics.compute(log, "on_time_rate")[["numerator", "denominator"]].values.tolist() == [[1, 2]]


def test_cases_that_still_have_time_are_in_no_on_time_rate():
    log = CaseLog.from_frame(
        TICKETS.assign(**{"截止时间": ["2022-02-19", "2022-03-01"]}), layout="wide", steps=STEPS, case_id="工单编号", due_at="截止时间"
    )
    assert metrics.compute(log, "on_time_rate")[["numerator", "denominator"]].values.tolist() == [[0, 1]]


def test_answers_of_citizens_who_were_not_reached_count_nowhere_and_check_says_so():
    calls = pd.DataFrame({"工单编号": ["1", "2"], "round": "first", "reached": [True, False], "satisfied": [True, False]})
    log = CaseLog.from_frame(TICKETS, callbacks=calls, layout="wide", steps=STEPS, case_id="工单编号")
    assert metrics.compute(log, "satisfaction_rate")[["numerator", "denominator"]].values.tolist() == [[1, 1]]
    assert "answer_unreached" in set(check(log).code)


def test_an_unknown_answer_is_named_by_check_and_one_between_yes_and_no_counts_what_the_mapping_says():
    calls = pd.DataFrame({"工单编号": ["1", "2"], "round": "first", "reached": True, "satisfied": ["满意", "基本满意"]})

    def log(answer="基本满意", **more):
        own = calls.assign(satisfied=["满意", answer])
        return CaseLog.from_frame(TICKETS, callbacks=own, layout="wide", steps=STEPS, case_id="工单编号", **more)

    def counted(log):
        return metrics.compute(log, "satisfaction_rate")[["numerator", "denominator"]].values.tolist()

    assert check(log("还行")).set_index("code").examples["word_satisfied"] == "还行" and counted(log("还行")) == [[1, 1]]
    assert check(log()).set_index("code").examples["basically"] == "基本满意" and counted(log()) == [[1, 1]]
    assert counted(log(basically_satisfied=0.5)) == [[1.5, 2]] and "basically" not in set(check(log(basically_satisfied=0.5)).code)
    assert counted(log(basically_satisfied=1)) == counted(log(words={"satisfied": {"基本满意": True}})) == [[2, 2]]


def test_a_case_closed_before_it_was_submitted_is_counted_by_check_and_left_out_of_durations():
    tickets = TICKETS.assign(**{"受理时间": ["2022-02-16", "2023-01-01"]})
    log = CaseLog.from_frame(tickets, layout="wide", steps=STEPS, case_id="工单编号", submitted_at="受理时间")
    assert check(log).set_index("code")["count"]["closed_early"] == 1
    assert metrics.compute(log, "resolution_days").n.item() == 1


def test_delegation_and_back_is_no_ping_pong():
    rows = [("1", f"2022-02-17 0{i}:00", u, "replied") for i, u in enumerate(["县", "乡", "县"])]
    frame = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    for units, n in (((), 1), ((dict(unit="县"), dict(unit="乡", parent="县")), 0)):
        assert metrics.compute(CaseLog.from_frame(frame, units=units), "pingpong_rate").numerator.item() == n


def test_the_catalogue_has_the_order_of_its_words_and_says_what_it_says_in_both_languages():
    assert list(INDICATORS) == list(packaged("indicators"))
    for name, o in INDICATORS.items():
        for text in (o.label, o.definition, o.formula, o.source):
            assert text.zh and text.en
        assert o.name == name and [str(p) for p in inspect.signature(o).parameters.values()][1:] == [
            "by: str | collections.abc.Sequence[str] | None = None",
            "period: str | datetime.date | None = None",
        ]
        assert f"{name}(log, by=None, period=None)" in o.__doc__ and o.definition.en in pydoc.render_doc(o)
        assert f"{{#{name}}}" in o._repr_markdown_()


def test_a_definition_says_where_there_is_a_window_and_that_younger_cases_do_not_count():
    said = {n for n, o in INDICATORS.items() if "观察窗口（若干天）" in o.definition.zh and "follow-up window of days" in o.definition.en}
    assert said == {n for n, o in INDICATORS.items() if o.window is not None}


@pytest.mark.parametrize("name", INDICATORS)
def test_an_indicator_stands_under_its_name_in_one_room(name):
    "Or, for the product of steps, starts and clocks, in that room's table of waits"
    rooms = [vars(r) | getattr(r, "WAITS", {}) for r in (volume, speed, punctuality, returns, pingpong, limbo, hands_room, phone)]
    assert sum(r.get(name) is INDICATORS[name] for r in rooms) == 1


ROW = packaged("indicators")["pingpong_rate"]


@pytest.mark.parametrize(
    "slip, said",
    [
        (dict(label=dict(zh="率")), "label must have zh and en"),
        (dict(source=dict(zh="", en="ours")), "source must have zh and en"),
        (dict(needs=["custody", "luck"]), "needs 'luck' is unknown"),
        (dict(better="more"), "better 'more' is unknown"),
        (dict(clock="lunar"), "clock 'lunar' is unknown"),
        (dict(colour="red"), "should not have, colour"),
    ],
    ids=str,
)
def test_words_with_a_slip_are_refused_with_the_place(slip, said):
    with pytest.raises(LogError, match="toy") as e:
        read_words(dict(toy=ROW | slip))
    assert said in e.value.text.en and e.value.text.zh != e.value.text.en


def test_an_indicator_without_words_and_words_without_an_indicator_are_errors(monkeypatch):
    with pytest.raises(LogError, match=r"add \[my_rate\] to data/indicators.toml"):
        Rate("my_rate", case=_.n_hops > 3)
    monkeypatch.setitem(shapes.WORDS, "forgotten_rate", shapes.WORDS["pingpong_rate"])
    with pytest.raises(LogError, match="no indicator is made for forgotten_rate"):
        shapes.complete()


def test_own_indicators_need_no_words_and_are_in_no_catalogue(log):
    many = Rate(case=_.n_hops > 1, spell=_.hop > 2, among=_.n_spells > 0)
    f = many(log, by="channel", period="quarter")
    assert f.numerator.sum() > 5 and many not in INDICATORS.values() and "Rate(case=(_.n_hops > 1)" in repr(many)


@pytest.mark.parametrize(
    "how", [dict(), dict(by="unit"), dict(by="channel", period="month"), dict(by=["unit"], period="2022-03-01")], ids=str
)
def test_asked_together_or_one_by_one_is_the_same(log, how):
    can = [o for n, o in INDICATORS.items() if not missing(log, n)]
    for o, f in zip(can, shapes.together(log, can, **how), strict=True):
        pd.testing.assert_frame_equal(f, o(log, **how), rtol=1e-12)
