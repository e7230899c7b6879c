"A small random log with every step, pause, extension and call, and what its cases come to, in plain loops from the words of the notebooks"

from datetime import timedelta

import numpy as np
import pandas as pd
from oracle import Event, custody
from walk import runs_out, time_between

from liuan_eval.words.calendar import parse_limit

UNITS, DISPATCHER = ["甲局", "乙局", "丙局", "丁镇"], "热线办"
ACTS = dict(claimed=6, contacted=6, replied=7, extended=2, suspended=4, resumed=4, urged=1, dispatched=3, returned=1, closed=4, reopened=3)
REFUSALS = ["驳回", "REJECTED", "不同意"]


def random_log(seed, n=120, ticket_dates=True):
    "(events, cases): activities in any order, one time in fifteen at the same moment; some closed by a column, some never"
    rng = np.random.default_rng(seed)
    rows, cases = [], []
    for i in range(n):
        at = pd.Timestamp("2022-01-10") + pd.Timedelta(microseconds=int(rng.integers(0, 90 * 86400 * 10**6)))
        first, unit = at, str(rng.choice(UNITS))
        rows.append((f"c{i}", at, DISPATCHER, "received", None))
        for act in ["dispatched", *rng.choice(list(ACTS), int(rng.integers(0, 20)), p=np.array(list(ACTS.values())) / sum(ACTS.values()))]:
            if rng.random() > 1 / 15:
                at += pd.Timedelta(microseconds=int(rng.integers(1, int(rng.choice([5, 30, 150])) * 3600 * 10**6)))
            if act == "dispatched" and rng.random() < 0.6:
                unit = str(rng.choice(UNITS))
            who = (
                None
                if act not in ("dispatched", "returned") and rng.random() < 0.1
                else DISPATCHER
                if act in ("urged", "reopened")
                else unit
            )
            said = rng.choice([None, "同意", *REFUSALS], p=[0.4, 0.2, 0.2, 0.1, 0.1]) if act == "extended" else None
            said = rng.choice([None, "解决", "解释", "合并"]) if act == "closed" else said
            rows.append((f"c{i}", at, who, str(act), said))
        day = lambda p, first=first: (first + pd.Timedelta(days=int(rng.integers(1, 40)))).normalize() if rng.random() < p else pd.NaT
        cases.append(
            dict(
                case_id=f"c{i}",
                channel=rng.choice(["hotline", "petition", None], p=[0.6, 0.3, 0.1]),
                request_type=rng.choice(["consult", "complaint", None]),
                urgency=rng.choice(["general", "complex", None]),
                topic=rng.choice(["水", "路", "灯", None], p=[0.4, 0.3, 0.2, 0.1]),
                area=rng.choice(["东", "西", None]),
                person_key=rng.choice([*"pqrstuvw", None]),
                submitted_at=first - pd.Timedelta(minutes=int(rng.integers(0, 3000))) if rng.random() < 0.7 else pd.NaT,
                closed_at=first + pd.Timedelta(hours=int(rng.integers(-30, 900))) if rng.random() < 0.08 else pd.NaT,
            )
            | (dict(due_at=day(0.7), extended_due_at=day(0.15)) if ticket_dates else {})
        )
    events = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity", "result"])
    events = events.sample(frac=1, random_state=seed).sort_values("timestamp", kind="stable", ignore_index=True)
    return events.astype({"unit": object}).where(events.notna(), None), pd.DataFrame(cases)


def known(x):
    "A cell as Python has it: None for what is not there"
    return None if x is None or pd.isna(x) else x.to_pydatetime() if isinstance(x, pd.Timestamp) else x


def end_of_day(x):
    return None if x is None else x + timedelta(days=1) - timedelta(seconds=1) if x.time() == x.time().min else x


def pauses_of(own, stop):
    "(from, to) of each suspension, what lies between two resumptions being one"
    out, since = [], None
    for e in own:
        if e.activity == "suspended" and since is None:
            since = e.timestamp
        if e.activity == "resumed" and since is not None:
            out.append((since, e.timestamp))
            since = None
    out += [] if since is None else [(since, stop)]
    return [(a, min(b, stop)) for a, b in out if min(b, stop) > a]


def came(stay):
    "A stay with its first claim, and since when the unit had it: that it claims says when a unit had it, not when it came"
    claims = [e.timestamp for e in stay["events"] if e.activity == "claimed"]
    return stay | dict(
        claimed_at=min(claims, default=None),
        came_at=stay["came"] if stay["events"][0].activity == "claimed" else stay["entered_at"],
    )


def steps(events, cases):
    "One dict a case, in the order of the table of cases: its moments, counts, pauses and stays"
    own = {i: [] for i in cases.case_id}
    for r in events.itertuples():
        own[r.case_id].append((Event(r.case_id, r.timestamp.to_pydatetime(), known(r.unit), r.activity), known(r.result)))
    attributes = {r["case_id"]: {k: known(v) for k, v in r.items()} for r in cases.to_dict("records")}
    said, submitted = ({i: a[k] for i, a in attributes.items() if a.get(k)} for k in ("closed_at", "submitted_at"))
    spells, _, found = custody([e for rows in own.values() for e, _ in rows], [DISPATCHER], closed_at=said, submitted_at=submitted)
    end, out = max(e.timestamp for rows in own.values() for e, _ in rows), []
    for c in sorted(found, key=lambda c: list(own).index(c["case_id"])):
        i = c["case_id"]
        mine = sorted(own[i], key=lambda x: x[0].timestamp)
        did = lambda act, mine=mine: [e.timestamp for e, _ in mine if e.activity == act]
        first = lambda x: min(x, default=None)
        granted = [e.timestamp for e, r in mine if e.activity == "extended" and r not in REFUSALS]
        stays = [s for s in spells if s["case_id"] == i and not s["is_dispatcher"]]
        last = [s["unit"] for s in spells if s["case_id"] == i and s["ends"]]
        closed_words = [r for e, r in mine if e.activity == "closed"]
        out.append(
            attributes[i]
            | dict(
                ticket_due_at=end_of_day(attributes[i].get("due_at")), ticket_extended_at=end_of_day(attributes[i].get("extended_due_at"))
            )
            | {f"{k}_at": first(did(k)) for k in ("claimed", "contacted", "replied")}
            | dict(
                opened_at=c["opened_at"],
                closed_at=c["closed_at"],
                dispatched_at=first([s["entered_at"] for s in stays]),
                first_closed_at=first([*did("closed"), *([c["closed_at"]] if c["closed_at"] else [])]),
                extended_at=first(granted),
                n_extended=len(granted),
                n_urged=len(did("urged")),
                n_reopened=len(did("reopened")),
                ending=closed_words[-1] if closed_words and c["closed_at"] else None,
                pauses=pauses_of([e for e, _ in mine], c["closed_at"] or end),
                stays=[came(s) for s in stays],
                unit=last[-1] if last else None,
                end=end,
            )
        )
    return out


def fits(row, case, on):
    "Whether a row of rules is for a case: an unknown attribute or day fits only a rule that does not ask"
    listed = lambda x: [x] if isinstance(x, str) else list(x)
    for kind in ("channel", "request_type", "urgency"):
        if kind in row and case.get(kind) not in listed(row[kind]):
            return False
        if f"{kind}_not" in row and (case.get(kind) is None or case[kind] in listed(row[f"{kind}_not"])):
            return False
    if on is None:
        return not {"valid_from", "valid_to"} & set(row)
    return not (("valid_from" in row and on < row["valid_from"]) or ("valid_to" in row and on > row["valid_to"]))


def rule_for(rules, step, case, started):
    "(place among the rows from 1, limit, start) of the first row that fits; (0, None, None) where none does"
    for i, row in enumerate(rules, 1):
        at = started[row.get("start", "received")]
        if row["step"] == step and fits(row, case, at and at.date()):
            return i, row.get("limit"), at
    return 0, None, None


def signed(a, b, clock, hours):
    return time_between(a, b, clock, hours) if a <= b else -time_between(b, a, clock, hours)


def deadline(case, rules, hours, first="next", cutoff=None):
    "due_at, extended_due_at, rule, of_ticket, pause of one case"
    started = dict(received=case["opened_at"], dispatched=case["dispatched_at"], claimed=case["claimed_at"])
    rule, limit, start = rule_for(rules, "handle", case, started)
    due, pause = None, 0
    if limit and start:
        n, clock = parse_limit(limit)
        due = runs_out(start, n, clock, hours, first, cutoff)
        for a, b in case["pauses"]:
            a = max(a, start)  # a clock that has not begun cannot stand still
            if b <= a:
                continue
            if a > due:  # time was up when it began: nothing revives it
                break
            pause += time_between(a, b, clock, hours)
            due = runs_out(start, n, clock, hours, first, cutoff, pause)
    of_ticket = due is None and case["ticket_due_at"] is not None
    due = case["ticket_due_at"] if due is None else due
    granted = bool(due and case["extended_at"] and case["extended_at"] <= due)
    more = rule_for(rules, "extend", case, dict.fromkeys(started, due)) if granted else (0, None, None)
    if case["ticket_extended_at"]:
        extended = case["ticket_extended_at"]
    elif granted:  # until when, if anybody says
        extended = runs_out(due, *parse_limit(more[1]), hours) if more[1] else None
    else:
        extended = due
    return dict(due_at=due, extended_due_at=extended, rule=rule, of_ticket=of_ticket, pause=pause)
