"The rules: shipped ones, which one fits, and files that are wrong, against loops"

from collections import Counter
from datetime import date, timedelta
from itertools import product

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_calendar import SPLIT, both, frame, quick
from walk import runs_out

from liuan_eval.words.calendar import WorkCalendar, parse_limit
from liuan_eval.words.rules import STATUS, STEPS, Rules
from liuan_eval.words.text import DATA, LogError

# Shipped rules


SHIPPED = dict(
    petition_2005=dict(
        transfer="15d",
        notify="15d",
        handle="60d",
        extend="30d",
        recheck_apply="30d",
        recheck_decide="30d",
        review_apply="30d",
        review_decide="30d",
    ),
    anhui_2022=dict(claim=None, respond=None, **{"return": None}, extend=None),
    shandong_2020=dict(handle="5wd", **{"return": "2wd"}, extend="10wd", claim=None),
    beijing_draft_2021=dict(claim=None),
)
SHIPPED["petition_2022"] = SHIPPED["petition_2005"] | {"object": "5wd", "return": "5wd"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_has_the_limits_of_the_texts_and_names_each_source(name):
    rules = Rules.read(name)
    own = {r.step: r.limit for r in rules.rows if not (r.step == "handle" and (name.startswith(("anhui", "beijing"))))}
    assert own == SHIPPED[name]
    assert all(r.source and r.zh and r.en and r.status in STATUS and r.step in STEPS and r.status != "own" for r in rules.rows)
    assert len(rules.table("zh")) == len(rules.table("en")) == len(rules.rows)


def test_every_shipped_file_is_tested():
    assert {p.stem for p in (DATA / "rules").iterdir()} == set(SHIPPED)


def test_a_petition_is_under_the_regulation_that_held_when_its_clock_started():
    for law in (Rules.read("petition_2022", "petition_2005"), Rules.read("petition_2005", "petition_2022")):
        find = lambda step, on, law=law: law.find(step, on, channel="petition")
        for step in SHIPPED["petition_2005"]:
            assert [find(step, d).en[-4:] for d in (date(2022, 4, 30), date(2022, 5, 1))] == ["2005", "2022"]
        assert find("object", date(2022, 5, 1)).limit == "5wd"
        with pytest.raises(LogError) as e:
            find("object", date(2022, 4, 30))
        both(e, "2022-04-30", "petition")
        for who in ("hotline", None):
            with pytest.raises(LogError):
                law.find("handle", date(2022, 5, 1), channel=who)
    starts = {r.step: r.start for r in Rules.read("petition_2022").rows}
    assert starts["handle"] == "claimed" and starts["object"] == starts["return"] == "dispatched" and starts["notify"] == "received"


def test_anhui_gives_questions_three_working_days_all_else_ten_and_petitions_none():
    law, on = Rules.read("anhui_2022"), date(2022, 2, 17)
    kinds = ["consult", "complaint", "help", "suggestion"]
    assert [law.find("handle", on, channel="hotline", request_type=k).limit for k in kinds] == ["3wd", "10wd", "10wd", "10wd"]
    for wrong in (dict(channel="petition", request_type="consult"), dict(channel="hotline"), dict(request_type="consult")):
        with pytest.raises(LogError, match="No rule"):  # what is unknown fits only a rule that does not ask
            law.find("handle", on, **wrong)
    with pytest.raises(LogError, match="No rule"):
        law.find("handle", date(2022, 1, 31), channel="hotline", request_type="consult")


@pytest.mark.parametrize(
    "name, steps",
    [("anhui_2022", ["claim", "respond", "return", "extend"]), ("shandong_2020", ["claim"]), ("beijing_draft_2021", ["claim"])],
)
def test_a_limit_nobody_could_read_is_an_error_that_says_so_and_how_to_set_it(name, steps):
    law = Rules.read(name)
    for step in steps:
        with pytest.raises(LogError) as e:
            law.find(step, date(2022, 2, 17), channel="hotline", request_type="consult")
        both(e, f'step = "{step}"', "limit =")
        assert "could not be verified" in e.value.text.en and "未能核实" in e.value.text.zh and not law.of(step)


def test_a_limit_of_ones_own_before_the_file_takes_the_place_of_an_unverified_one():
    law = Rules.read(dict(step="claim", limit="4wh", source="ours"), "anhui_2022")
    assert law.find("claim", date(2022, 2, 17), channel="hotline").limit == "4wh"
    behind = Rules.read("anhui_2022", dict(step="claim", limit="4wh", source="ours"))
    with pytest.raises(LogError, match="could not be verified"):
        behind.find("claim", date(2022, 2, 17), channel="hotline")
    assert behind.find("claim", date(2022, 2, 17), channel="petition").limit == "4wh"


def test_the_beijing_draft_goes_by_urgency_and_without_one_by_the_general_limit():
    law = Rules.read("beijing_draft_2021")
    got = [law.find("handle", date(2022, 1, 1), urgency=u).limit for u in ("emergency", "utility", "complex", "general", None)]
    assert got == ["2h", "24h", "15d", "7d", "7d"]


# Rules in the engine and in Python


WORDS = dict(channel=["hotline", "petition", "radio"], request_type=["consult", "complaint", "help"], urgency=["general", "complex"])


def random_rules(rng):
    "Rows of which some ask for much and some for nothing"
    rows = []
    for _ in range(int(rng.integers(1, 8))):
        row = dict(
            step=str(rng.choice(["handle", "claim"], p=[0.8, 0.2])), limit=f"{rng.integers(1, 9)}{rng.choice(['wd', 'wh', 'd', 'h'])}"
        )
        if rng.random() < 0.2:
            row |= dict(limit=None, status="unverified")
        for kind, words in WORDS.items():
            r = rng.random()
            if r < 0.5:
                few = [str(w) for w in rng.choice(words, int(rng.integers(1, len(words))), replace=False)]
                row[kind if r < 0.3 else f"{kind}_not"] = few if len(few) > 1 else few[0]
        for k in ("valid_from", "valid_to"):
            if rng.random() < 0.3:
                row[k] = date(2022, 3, 1) + timedelta(days=int(rng.integers(0, 60)))
        rows.append({k: v for k, v in (row | dict(start=str(rng.choice(["received", "dispatched", "claimed"])))).items() if v is not None})
    return rows


def fits(row, case, on):
    "The text of the notebook as a loop: an unknown attribute or day fits only a rule that does not ask"
    listed = lambda x: [x] if isinstance(x, str) else list(x)
    for kind in WORDS:
        if kind in row and case[kind] not in listed(row[kind]):
            return False
        if f"{kind}_not" in row and (case[kind] is None or case[kind] in listed(row[f"{kind}_not"])):
            return False
    if ("valid_from" in row or "valid_to" in row) and on is None:
        return False
    return row.get("valid_from", date.min) <= (on or date(2022, 1, 1)) <= row.get("valid_to", date.max)


def random_cases(rng, n=40):
    f = pd.DataFrame({k: rng.choice([*w, None], n) for k, w in WORDS.items()})
    for c in ("received", "dispatched", "claimed"):
        at = pd.Timestamp("2022-02-20") + pd.to_timedelta(rng.integers(0, 80 * 86400 * 10**6, n), unit="us")
        f[c] = pd.Series(at).where(rng.random(n) > (0 if c == "received" else 0.2))
    f.loc[:2, "received"] = [pd.Timestamp(x) for x in ("2022-03-01", "2022-04-30 23:59:59.999999", "2022-05-01")]
    return f.assign(case=range(n))


def chosen(seed):
    "Compare one random set of rules on random cases with loops; what kinds of cases there were"
    rng = np.random.default_rng(seed)
    rows, f = random_rules(rng), random_cases(rng)
    rules, starts = Rules.read(*rows), {c: c for c in ("received", "dispatched", "claimed")}
    cal = WorkCalendar(hours=SPLIT, first=str(rng.choice(["next", "same"])), cutoff=rng.choice([None, "16:00"]))
    t = ibis.memtable(f, schema={**dict.fromkeys(WORDS, "string"), **dict.fromkeys(starts, "timestamp"), "case": "int64"})
    got = rules.due(t, "handle", starts, cal).execute().sort_values("case")
    seen = Counter()
    for r in got.itertuples():
        case = {k: getattr(r, k) if isinstance(getattr(r, k), str) else None for k in WORDS}
        at = {c: None if pd.isna(getattr(r, c)) else getattr(r, c).to_pydatetime() for c in starts}
        on = lambda row, at=at: None if at[row["start"]] is None else at[row["start"]].date()
        hit = next((i for i, row in enumerate(rows) if row["step"] == "handle" and fits(row, case, on(row))), None)
        limit = None if hit is None else rows[hit].get("limit")
        assert r.rule == (0 if hit is None else hit + 1) and (r.limit if isinstance(r.limit, str) else None) == limit
        start = None if hit is None else at[rows[hit]["start"]]
        assert (None if pd.isna(r.started_at) else r.started_at.to_pydatetime()) == start
        want = None if start is None or limit is None else runs_out(start, *parse_limit(limit), SPLIT, cal.first, cal.cutoff)
        assert (None if pd.isna(r.due_at) else r.due_at.to_pydatetime()) == want
        seen[hit is None, limit is None, want is None] += 1
        same_start = {row["start"] for row in rows if row["step"] == "handle"}
        if len(same_start) == 1:
            day = on(dict(start=same_start.pop()))
            if limit:
                assert rules.find("handle", day, **case) == rules.rows[hit]
            else:
                with pytest.raises(LogError):
                    rules.find("handle", day, **case)
    return seen


def test_the_engine_chooses_the_first_rule_that_fits_as_loops_do_and_finds_the_same_due_moment():
    seen = sum((chosen(seed) for seed in range(8)), Counter())
    assert len(seen) == 4 and min(seen.values()) > 3, seen  # no rule, no limit, no start, and all of them


@quick
@given(st.integers(0, 10**6))
def test_find_is_the_first_row_that_fits(seed):
    rng = np.random.default_rng(seed)
    rows = random_rules(rng)
    rules = Rules.read(*rows)
    for _ in range(20):
        case = {k: None if rng.random() < 0.25 else str(rng.choice(w)) for k, w in WORDS.items()}
        on = None if rng.random() < 0.2 else date(2022, 2, 25) + timedelta(days=int(rng.integers(0, 80)))
        for step in ("handle", "claim"):
            hit = next((r for r in rows if r["step"] == step and fits(r, case, on)), None)
            if hit and "limit" in hit:
                assert rules.find(step, on, **case).limit == hit["limit"]
            else:
                with pytest.raises(LogError, match="could not be verified" if hit else "No rule"):
                    rules.find(step, on, **case)


def test_a_column_the_table_has_not_is_unknown():
    rules = Rules.read(
        dict(step="handle", limit="1d", urgency="complex"),
        dict(step="handle", limit="2d", urgency_not="complex"),
        dict(step="handle", limit="3d"),
    )
    t = ibis.memtable(frame(a=["2022-02-17"]))
    assert rules.due(t, "handle", dict(received="a"), WorkCalendar()).execute().limit.tolist() == ["3d"]


def test_no_rule_for_a_step_leaves_it_without_a_due_moment():
    t = ibis.memtable(frame(a=["2022-02-17"]))
    got = Rules().due(t, "handle", dict(received="a"), WorkCalendar()).execute()
    assert got.rule.tolist() == [0] and got[["limit", "started_at", "due_at"]].isna().all(axis=None)


# Files of rules that are wrong


GOOD = '[[limits]]\nstep = "handle"\nlimit = "3wd"\n'


@pytest.mark.parametrize(
    "text, words",
    [
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\ndays = 3', ["days", "limit"]),
        ('[[limits]]\nlimit = "3wd"', ["step", "handle"]),
        ('[[limits]]\nstep = "finish"\nlimit = "3wd"', ["finish", "handle"]),
        ('[[limits]]\nstep = ["handle"]\nlimit = "3wd"', ["step", "handle"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\nstatus = "seen"', ["seen", "mirror"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\nstart = "opened"', ["opened", "received"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\nvalid_from = "2022-05-01"', ["valid_from", "2022-05-01"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\nvalid_to = 2022', ["valid_to", "2022-05-01"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\nvalid_to = 2022-05-01T10:00:00', ["valid_to", "2022-05-01"]),
        ('[[limits]]\nstep = "handle"', ["handle", "status"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\nstatus = "unverified"', ["3wd", "unverified"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3 days"', ["3 days", "3wd"]),
        ('[[limits]]\nstep = "handle"\nlimit = 3', ["3wd"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\nchannel = 3', ["channel"]),
        ('[[limits]]\nstep = "handle"\nlimit = "3wd"\nchannel = ["hotline", 3]', ["channel"]),
    ],
)
def test_an_error_in_a_rule_file_names_file_row_and_what_to_write(tmp_path, text, words):
    (tmp_path / "ours.toml").write_text(GOOD + text, encoding="utf-8")
    with pytest.raises(LogError) as e:
        Rules.read("ours.toml", folder=tmp_path)
    both(e, "ours.toml", "[[limits]] 2", *words)


@pytest.mark.parametrize(
    "content, words",
    [
        ('zh = "x"', ["[[limits]]"]),
        ("limits = 3", ["[[limits]]"]),
        ("limits = [3]", ["[[limits]]"]),
        ('[limits]\nstep = "handle"', ["[[limits]]"]),
        ("limits = [", ["TOML"]),
        ("规则".encode("gbk"), ["TOML", "UTF-8"]),
    ],
    ids=str,
)
def test_a_file_that_holds_no_rules_is_named(tmp_path, content, words):
    (tmp_path / "ours.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LogError) as e:
        Rules.read("ours.toml", folder=tmp_path)
    both(e, "ours.toml", *words)


def test_a_file_that_is_not_there_is_named_with_those_that_are(tmp_path):
    for name in ("anhui_2023", "ours.toml"):
        with pytest.raises(LogError) as e:
            Rules.read(name, folder=tmp_path)
        both(e, name, "anhui_2022", "petition_2005", ".toml")


def test_a_wrong_row_of_a_mapping_is_named_by_its_place():
    with pytest.raises(LogError) as e:
        Rules.read("anhui_2022", dict(step="handle", limit="3wd", source="x"), dict(step="handle", limits="3wd"))
    both(e, "rules, 3", "limits")


def test_own_files_are_read_beside_the_mapping_and_head_rows_hold_for_all(tmp_path):
    (tmp_path / "ours.toml").write_text(
        'channel = "radio"\nsource = "s"\n' + GOOD + GOOD.replace("handle", "claim") + 'channel = ["hotline"]', encoding="utf-8"
    )
    rules = Rules.read("ours.toml", folder=tmp_path).rows
    assert [(r.step, r.channel, r.source) for r in rules] == [("handle", ("radio",), "s"), ("claim", ("hotline",), "s")]


def test_rules_for_people_are_in_both_languages_and_show_what_is_unknown():
    for lang, k in (("en", 1), ("zh", 0)):
        t = Rules.read("anhui_2022", "petition_2022").table(lang)
        limit = t.iloc[:, 2].tolist()
        assert limit[:3] == [["3个工作日", "10个工作日", "?"], ["3 working days", "10 working days", "?"]][k]
        assert t.iloc[0, 1] == STEPS["handle"][lang] and not t.iloc[:, 3].str.contains("petition" if lang == "zh" else "信访").any()
    scopes = [
        Rules.read(dict(step="handle", limit="1d", request_type=a, channel_not=b)).rows[0].scope("en")
        for a, b in product(["consult", ()], ["petition", ()])
    ]
    assert scopes == ["all but Petition; Question", "Question", "all but Petition", ""]
