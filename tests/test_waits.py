"Where a unit's time goes: against hand logs of the literature, against a clock that ticks every minute, and against the definitions for people's work items"

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liuan_eval import custody
from liuan_eval.custody.waits import BATCH, PARTS, _stays, item_waits, unit_waits, waits, work_items
from liuan_eval.intake.log import CaseLog
from liuan_eval.words.calendar import WorkCalendar
from liuan_eval.words.text import LogError

quick, few = settings(max_examples=8, deadline=None), settings(max_examples=3, deadline=None)
SECONDS = [f"{part}_seconds" for part in PARTS]

# --- people's work items

HAND = Path(os.environ.get("LIUAN_EVAL_DATA", "/nowhere")) / "waiting_hand_logs"
THEIRS = dict(waiting="total", batching="batching", overtaken="prioritization", load="contention", off="unavailability", rest="extraneous")


def transitions(items, **more):
    "Seconds by (activity, resource) before and after, as the authors print them"
    w = work_items(items)
    w = w.merge(item_waits(w, **more).execute(), on="item")
    return w.groupby(["from_activity", "from_resource", "activity", "resource"])[[f"{k}_seconds" for k in THEIRS]].sum()


@pytest.mark.parametrize("log", sorted(HAND.glob("*_expected.csv")) or [None], ids=lambda p: p and p.stem)
def test_every_number_of_the_hand_logs(log):
    if log is None:
        pytest.skip("needs shared/data/waiting_hand_logs (LIUAN_EVAL_DATA)")
    names = dict(Activity="activity", start_time="start", end_time="end", Resource="resource")
    items = pd.read_csv(str(log).replace("_expected", "")).rename(columns=names)
    lunch = WorkCalendar(hours=(("08:00", "12:00"), ("12:30", "18:00")))
    got = transitions(items, calendars={"Marcus": lunch})
    want = pd.read_csv(log).set_index(["source_activity", "source_resource", "target_activity", "target_resource"]).sort_index()
    assert got.index.tolist() == want.index.tolist()
    for ours, theirs in THEIRS.items():
        assert got[f"{ours}_seconds"].tolist() == [pd.Timedelta(x).total_seconds() for x in want[f"wt_{theirs}"]], ours
    again = transitions(items.sample(frac=1, random_state=1), calendars={"Marcus": lunch})
    pd.testing.assert_frame_equal(got, again)


def minute(i):
    return pd.Timestamp("2022-05-16 08:00") + timedelta(minutes=int(i))


@st.composite
def work(draw):
    "A few people on a few cases; they may do two things at once, and many at the same minute"
    step, n = draw(st.sampled_from([1, 15, 60])), draw(st.integers(1, 14))
    rows = []
    for _ in range(n):
        start, long = (draw(st.integers(0, 10 * 60 // step)) * step for _ in range(2))
        rows.append(
            (draw(st.sampled_from("012345")), draw(st.sampled_from("AB")), draw(st.sampled_from(["Ann", "Bo"])), start, start + long)
        )
    return rows


def naive_batches(f):
    "As the literature says it, one item after the other"
    batch, number = {}, 0
    for _, group in f.sort_values(["start", "end", "item"]).groupby(["resource", "activity"]):
        now = []
        for i in [*group.index, None]:
            row = None if i is None else group.loc[i]
            if row is not None and now and row.enabled <= group.start[now[0]] and row.start <= group.end[now].max():
                now.append(i)
                continue
            if len(now) > 1:
                number += 1
                batch |= dict.fromkeys(now, number)
            now = [i]
    return batch


def naive_items(f, open_at):
    "Minute by minute: the first that fits of batching, load, overtaken, off, rest"
    batch, found = naive_batches(f), []
    for i, row in f.iterrows():
        peers = [j for j, b in batch.items() if b == batch.get(i)]
        ready = min(max([row.enabled, *f.enabled[peers]]), row.start) if peers else row.enabled
        of = dict.fromkeys(["batching", "load", "overtaken", "off", "rest"], 0)
        busy = f[(f.resource == row.resource) & (f.index != i) & (f.start < row.start)]
        for t in range(row.enabled, row.start):
            on = busy[(busy.start <= t) & (t < busy.end)]
            early = [x.enabled <= (row.enabled if j in peers else ready) for j, x in on.iterrows()]
            what = (
                "batching"
                if t < ready
                else "load"
                if any(early)
                else "overtaken"
                if early
                else "rest"
                if open_at(row.resource, t)
                else "off"
            )
            of[what] += 60
        found.append(of)
    return pd.DataFrame(found, f.index)


@quick
@given(work())
def test_work_items_minute_by_minute(rows):
    f = pd.DataFrame(rows, columns=["case_id", "activity", "resource", "start", "end"])
    w = work_items(f.assign(start=f.start.map(minute), end=f.end.map(minute)))
    minutes = lambda x: (x - minute(0)).dt.total_seconds().div(60).round().astype(int)
    f = f.assign(item=w.item, enabled=minutes(w.enabled))
    before = lambda r: f[(f.case_id == r.case_id) & (f.index != r.name) & (f.end <= r.start)].end.max()
    assert [r.enabled for _, r in f.iterrows()] == [r.start if pd.isna(before(r)) else before(r) for _, r in f.iterrows()]
    calendar = WorkCalendar(hours=(("09:00", "12:00"), ("12:30", "15:00")))
    open_at = lambda who, t: who != "Bo" or 60 <= t < 240 or 270 <= t < 420
    got = item_waits(w, {"Bo": calendar}).execute().sort_values("item", ignore_index=True)
    want = naive_items(f, open_at)
    for part in want:
        assert got[f"{part}_seconds"].tolist() == want[part].tolist(), part
    assert (want.sum(axis=1) == got.waiting_seconds).all()


def test_a_person_without_calendar_and_wrong_items():
    good = pd.DataFrame(
        [("0", "A", "Ann", "2022-05-16 10:00", "2022-05-16 11:00")], columns=["case_id", "activity", "resource", "start", "end"]
    )
    assert item_waits(work_items(good)).execute().iloc[0, 1:].sum() == 0
    zoned = good.assign(start=good.start + "+00:00", end=good.end + "+00:00")
    assert work_items(zoned).start[0] == pd.Timestamp("2022-05-16 10:00")
    branch = pd.concat([good, good.assign(start="2022-05-16 12:00", end="2022-05-16 13:00")])
    assert item_waits(work_items(branch)).execute().waiting_seconds.sum() == 3600
    assert item_waits(work_items(branch.assign(enabled=[None, "2022-05-16 10:30"]))).execute().waiting_seconds.sum() == 5400
    for wrong, word in (
        (good.drop(columns="resource"), "no column resource"),
        (good.assign(end="soon"), "row 1"),
        (good.assign(case_id=None), "row 1"),
    ):
        with pytest.raises(LogError, match=word):
            work_items(wrong)


# --- units' spells


def cases(seed, worlds=12):
    "(case, minute, unit, activity): stays with claims, batches and open ends, many at the same minute; two units in each of several worlds"
    rng, rows = np.random.default_rng(seed), []
    many = lambda most, step: int(rng.integers(0, most // step + 1)) * step
    for world in range(worlds):
        step = int(rng.choice([1, 30, 240]))
        for case in range(rng.integers(1, 17)):
            name, t = f"{world}-{case}", many(2 * 1440, step)
            for _ in range(rng.integers(1, 4)):
                unit = f"{rng.choice(list('AAB'))}{world}"
                rows.append((name, t, unit, "dispatched"))
                if rng.random() < 0.5:
                    t += many(600, step)
                    rows.append((name, t, unit, "claimed"))
                t += many(2000, step)
                t = -(-t // 1440) * 1440 + 420 if rng.random() < 0.5 else t  # released together at 15:00
            if rng.random() < 0.8:
                rows.append((name, t, unit, "closed"))
    return rows


def log_of(rows):
    f = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    return CaseLog.from_frame(f.assign(timestamp=f.timestamp.map(minute)))


CLOCK = pd.date_range(minute(0), periods=12 * 1440, freq="min")
HOURS = CLOCK.hour * 60 + CLOCK.minute
OPEN = (CLOCK.day_of_week < 5) & (((HOURS >= 540) & (HOURS < 720)) | ((HOURS >= 780) & (HOURS < 1020)))


def naive_spells(s):
    "Every minute of every spell, from the words of the page; `s`: spells with minutes"
    found = []
    for _, r in s.iterrows():
        mine = s[(s.unit == r.unit) & s.released]
        releases = mine.groupby("until").ready.min()  # when what leaves at an instant was ready
        t = np.arange(r.entered, r.until)
        place = np.searchsorted(releases.index, t, side="right")  # what the unit releases next
        leaves, ready = np.append(releases.index, 10**6)[place], np.append(releases, 10**6)[place]
        on_another = (ready <= t) & ((leaves < r.until) | (not r.released) & (leaves < 10**6))
        first = [~OPEN[t], t < r.taken, t < r.ready, on_another & (ready > r.ready), on_another]
        part = np.select(first, ["off", "unclaimed", "batching", "overtaken", "load"], "rest")
        passed = ((mine.ready > r.ready) & ((mine.until < r.until) | (not r.released))).any()
        found.append({p: 60 * int((part == p).sum()) for p in PARTS} | dict(passed=bool(passed)))
    return pd.DataFrame(found, s.index)


@few
@given(st.integers(0, 10**6))
def test_spells_minute_by_minute(seed):
    rows = cases(seed)
    log = log_of(rows)
    minutes = lambda x: (x - minute(0)).dt.total_seconds().div(60).round().astype(int)
    s = custody.coded_spells(log).execute().sort_values(["case", "spell"], ignore_index=True)
    until = s.left_at.fillna(log.end).clip(lower=s.entered_at)
    s = s.assign(released=s.left_at.notna(), entered=minutes(s.entered_at), until=minutes(until))
    s = s.assign(taken=minutes(s.claimed_at.fillna(s.entered_at)).clip(upper=s.until))
    size = s.groupby(["unit", "left_at"]).entered.transform("size")
    last = s.groupby(["unit", "left_at"]).entered.transform("max")
    s = s.assign(ready=s.taken.where(~(size >= BATCH), np.maximum(s.taken, last.fillna(0))).astype(int))
    want = naive_spells(s)
    got = custody.coded_waits(log).execute().sort_values(["case", "spell"], ignore_index=True)
    for part in PARTS:
        assert got[f"{part}_seconds"].tolist() == want[part].tolist(), part
    assert got.overtaken.tolist() == want.passed.tolist()
    assert (got[SECONDS].to_numpy() >= 0).all() and (got[SECONDS].sum(axis=1) == got.whole_seconds).all()
    units = unit_waits(log)
    np.testing.assert_allclose(units.groupby("unit").value.sum().to_numpy()[units.groupby("unit").denominator.first() > 0], 1)
    # rows in another order, equal minutes of a case kept in order
    other = [r for key in reversed(dict.fromkeys(r[0] for r in rows)) for r in rows if r[0] == key]
    same = [waits(x).execute().sort_values(["case_id", "spell"], ignore_index=True) for x in (log, log_of(other))]
    pd.testing.assert_frame_equal(*same)


def test_such_logs_try_every_part():
    rows = [(f"{seed}-{name}", *rest) for seed in range(3) for name, *rest in cases(seed)]
    assert (custody.coded_waits(log_of(rows)).execute()[SECONDS].sum() > 0).all()  # one of them alone may have no batch


@few
@given(st.integers(0, 10**6))
def test_a_unit_is_one_person_who_works_on_what_leaves_next(seed):
    "The same numbers from `item_waits`, for stays made into work items on the office's clock"
    log = log_of(cases(seed))
    s = _stays(log).execute().sort_values(["case", "spell"], ignore_index=True)
    s = s[s.released].reset_index(drop=True)
    gone = [s[(s.unit == r.unit) & (s.until_at < r.until_at)][["until_at", "until"]].max() for _, r in s.iterrows()]
    start_at = [r.ready_at if pd.isna(g.until_at) else max(g.until_at, r.ready_at) for (_, r), g in zip(s.iterrows(), gone)]
    start = [r.ready if pd.isna(g.until) else max(int(g.until), r.ready) for (_, r), g in zip(s.iterrows(), gone)]
    moments = sorted({*s.ready_at, *start_at, *s.until_at})  # of what is ready in one night, one is still earlier: by a microsecond
    clock = lambda us, real: pd.to_datetime([int(u) + moments.index(r) for u, r in zip(us, real)], unit="us")
    items = pd.DataFrame(dict(item=range(len(s)), resource=s.unit.astype(str), enabled=clock(s.ready, s.ready_at)))
    items = items.assign(start=clock(start, start_at), end=clock(s.until, s.until_at), batch=pd.NA, complete=pd.NaT)
    want = item_waits(items).execute().sort_values("item")
    got = custody.coded_waits(log).execute().merge(s[["case", "spell"]], on=["case", "spell"]).sort_values(["case", "spell"])
    for part in ("load", "overtaken"):
        np.testing.assert_allclose(got[f"{part}_seconds"], want[f"{part}_seconds"], atol=1e-3)
