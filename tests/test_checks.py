"From the rows of a file to the cases that are counted: nothing is lost without a word, and a log that lost too much computes nothing"

from pathlib import Path

import here
import ibis
import pandas as pd
import pytest
from city import MAPPING, city
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from liuan_eval import custody, metrics
from liuan_eval.flow import graph
from liuan_eval.intake import datasets
from liuan_eval.intake import log as room
from liuan_eval.intake.balance import accepted, balance, columns, lost, told
from liuan_eval.intake.checks import READER, check, concerned
from liuan_eval.intake.draft import draft
from liuan_eval.intake.guess import routers
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.intake.profile import look
from liuan_eval.report.cli import run
from liuan_eval.words.text import LogError

FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
TIMES = {"2022-02-17 09:00": "used", "2022-02-18 10:00": "used", "昨天": "bad_time", "二月": "bad_time", None: "no_time", " ": "no_time"}
IDS = ["1", "2", "3", None, " "]
UNITS, WORDS = ["热线", "城管局", None], ["受理", "派单", "回复", "办结", "神秘环节", None]


@st.composite
def ledgers(draw) -> pd.DataFrame:
    cells = st.tuples(st.sampled_from(IDS), st.sampled_from(list(TIMES)), st.sampled_from(UNITS), st.sampled_from(WORDS))
    rows = draw(st.lists(cells, min_size=1, max_size=20))
    return pd.DataFrame([(*r, f"第{i}条") for i, r in enumerate(rows)], columns=["工单编号", "时间", "承办单位", "环节", "备注"])


def filled(x) -> bool:
    return isinstance(x, str) and bool(x.strip())


def fate(case, *times) -> str:
    "What must become of a row with these times"
    of = {TIMES[t if filled(t) else None] for t in times}
    return next(x for x in ("used", "bad_time", "no_time") if x in of) if filled(case) else "no_case"


def sums_up(log: CaseLog) -> None:
    "What stands below `all` adds up to it, in every part and place"
    account = balance(log, "en")
    for _, own in account.groupby(["part", "place"]):
        own = own.set_index("code").n
        assert own["all"] == own.drop("all").sum()


@FEW
@given(ledgers())
def test_every_row_of_a_ledger_is_used_or_set_aside_for_the_reason_that_it_has(rows):
    fates = [fate(*row) for row in zip(rows["工单编号"], rows["时间"])]
    assume("used" in fates)
    log = CaseLog.from_frame(rows, dispatchers=["热线"], ties="oldest_first")
    own = log.fates[log.fates.table == "events"].set_index("code").n
    assert own.to_dict() == pd.Series(fates).value_counts().to_dict() and own.sum() == len(rows)
    assert log.core.count().execute() == fates.count("used")
    sums_up(log)
    listed, found = concerned(log), check(log).set_index("code")
    assert listed.groupby("code").size().to_dict() == found["count"].to_dict()
    assert (found["share"] <= 1).all() and (found["count"] > 0).all()
    at = listed[listed.code == "bad_time"].line
    assert at.tolist() == [i for i, t in enumerate(rows["时间"], 1) if fate("1", t) == "bad_time"]


@FEW
@given(st.lists(st.tuples(st.sampled_from(IDS), *[st.sampled_from(list(TIMES))] * 2), min_size=1, max_size=20))
def test_every_ticket_is_used_or_set_aside(tickets):
    rows = pd.DataFrame([(*r, f"第{i}条") for i, r in enumerate(tickets)], columns=["工单编号", "受理时间", "办结时间", "备注"])

    fates = [fate(*t) for t in tickets]
    assume("used" in fates)
    steps = [dict(activity="received", time="受理时间"), dict(activity="closed", time="办结时间")]
    log = CaseLog.from_frame(rows, layout="wide", steps=steps, dispatchers=["热线"])
    own = log.fates[log.fates.table == "events"].set_index("code").n
    assert own.to_dict() == pd.Series(fates).value_counts().to_dict()
    assert log.fates[log.fates.table == "steps"].n.sum() == sum(filled(t) for _, *times in tickets for t in times)
    sums_up(log)


@FEW
@given(ledgers(), st.data())
def test_the_tables_of_cases_and_calls_add_up_too(rows, data):
    assume("used" in [fate(*row) for row in zip(rows["工单编号"], rows["时间"])])
    ids = st.sampled_from([*IDS, "9"])
    cases = data.draw(st.lists(st.tuples(ids, st.sampled_from(["热线", "烽火台", None])), min_size=1, max_size=9))
    calls = data.draw(st.lists(st.tuples(ids, st.sampled_from(["满意", "不满意", "还行", None])), min_size=1, max_size=9))
    tables = dict(
        cases=pd.DataFrame(cases, columns=["工单编号", "渠道"], dtype="string"),
        callbacks=pd.DataFrame(calls, columns=["工单编号", "是否满意"], dtype="string"),
    )
    log = CaseLog.from_frame(rows, **tables, dispatchers=["热线"], ties="oldest_first")
    for name, table in tables.items():
        assert log.fates[log.fates.table == name].n.sum() == len(table)
    sums_up(log)
    assert (check(log)["share"] <= 1).all()
    seen = columns(log).set_index(["table", "column"])
    assert (seen.filled + seen.missing == seen.n).all() and seen.n["callbacks", "是否满意"] == len(calls)


def lines(*rows: str) -> str:
    return "\n".join(["工单编号,时间,承办单位,环节,渠道", *rows]) + "\n"


GOOD = [f"{i},2022-02-{i + 10} 09:00,城管局,派单,热线" for i in range(1, 10)]
BAD = ["10,昨天,城管局,派单,热线", ",2022-02-20 09:00,城管局,派单,微信"]


def test_check_tells_of_rows_columns_and_problems_in_full_width(cli):
    long = "一" * 60
    Path("a.csv").write_text(lines(*GOOD, *BAD, f"11,2022-02-21 09:00,{long},派单,{long}"), encoding="utf-8")
    for lang, words in dict(
        zh=("每一行的去向", "各列", "时间无法识别", "未识别的词"),
        en=("What became of every row", "The columns", "time cannot be read", "Unknown words"),
    ).items():
        run = cli("check", "a.csv", "--lang", lang)
        assert run.returncode == 0 and all(w in run.stdout for w in words), run
        assert any(long in line and "word_channel" in line for line in run.stdout.splitlines())  # nothing is folded
        assert "accept = 0.17" in run.stdout


def test_the_rows_of_a_problem_are_listed_in_the_lines_of_the_file(cli):
    Path("a.csv").write_text(lines(*GOOD, *BAD), encoding="utf-8")
    run = cli("check", "a.csv", "--rows", "bad_time", "--lang", "en")
    assert run.stdout.splitlines()[-1].split()[:3] == ["11", "10", "昨天"], run
    assert cli("check", "a.csv", "--rows", "bad_tme").stderr.startswith("错误：没有问题代码“bad_tme”；有：bad_time")
    assert cli("check", "a.csv", "--csv", "rows.csv", "--lang", "en").stdout.endswith("rows written: rows.csv\n")
    t = pd.read_csv("rows.csv").set_index("Code")
    assert t.Line["bad_time"] == 11 and t.Line["no_case"] == 12 and list(t.columns) == ["Problem", "File or sheet", *t.columns[2:]]
    assert "nothing was changed" in cli("check", "a.csv", "--csv", "a.csv/rows.csv", "--lang", "en").stderr


def test_numbers_come_with_the_share_that_was_set_aside_and_not_at_all_above_the_limit(cli):
    Path("a.csv").write_text(lines(*GOOD, *BAD), encoding="utf-8")
    for command in (["metrics", "a.csv", "-i", "n_cases"], ["graph", "a.csv"]):
        run = cli(*command)
        assert run.returncode == 2 and run.stdout == "" and "11 条，其中 2 条未能采用（18.2%" in run.stderr and "#11, #12" in run.stderr
    run = cli("metrics", "a.csv", "-i", "n_cases", "--accept", "0.2", "--lang", "en")
    assert run.returncode == 0 and "2 set aside (time cannot be read 1, no case id 1). 18.2% could not be used." in run.stderr
    assert run.stdout.startswith("indicator,") or "Indicator" in run.stdout
    assert cli("metrics", "a.csv", "--accept", "20%").stderr.count("0.2") == 1
    Path("m.toml").write_text("accept = 0.2", encoding="utf-8")
    assert cli("metrics", "a.csv", "-m", "m.toml", "-i", "n_cases").returncode == 0


def test_the_page_of_a_study_says_what_was_set_aside_and_is_not_made_above_the_limit(tmp_path, monkeypatch):
    source = tmp_path / "a.csv"
    source.write_text(lines(*GOOD, *BAD), encoding="utf-8")
    with pytest.raises(LogError, match=r"18\.2%"):
        here.render(monkeypatch, "report", source, out=tmp_path / "r")
    page = here.render(monkeypatch, "report", source, out=tmp_path / "r", lang="en", accept="0.2", only=["until=2022-02-15"])
    for words in (
        "2 set aside (time cannot be read 1, no case id 1)",
        "opened on or before 2022-02-15",
        "outside the part that was cut out",
    ):
        assert words in page
    assert "balance" in pd.ExcelFile(tmp_path / "r" / "tables.xlsx", engine="calamine").sheet_names


def test_the_library_stops_as_the_commands_do():
    rows = pd.DataFrame([r.split(",") for r in [*GOOD, *BAD]], columns=["工单编号", "时间", "承办单位", "环节", "渠道"])
    log = CaseLog.from_frame(rows)
    assert len(check(log)) and told(log).en.startswith("11 rows")
    for of in (metrics.compute, graph.flow_graph, accepted, lambda g: metrics.compute(g.only(until="2022-02-15"))):
        with pytest.raises(LogError, match=r"accept = 0\.19"):
            of(log)
    assert metrics.compute(CaseLog.from_frame(rows, accept=0.19), "n_cases").value.tolist() == [9]


def test_what_readers_set_aside_is_counted_listed_and_where_it_was_no_data_no_loss(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text(lines(*GOOD), encoding="utf-8")
    true = room.open_table

    def with_aside(con, source, mapping=None):
        opened = true(con, source, mapping)
        aside = pd.DataFrame(
            [("三月", 20 + i, code, f"原文{i}") for i, code in enumerate(READER)], columns=["place", "line", "reason", "text"]
        )
        return room.replace(opened, aside=aside)

    monkeypatch.setattr(room, "open_table", with_aside)
    log = read_log(tmp_path / "a.csv")
    found = check(log, "en").set_index("code")
    assert found["count"][list(READER)].tolist() == [1] * 5 and set(found.of[list(READER)]) == {14}
    assert (
        found.examples["total"] == "三月 #21 原文1" and "原文" not in found.examples["short_row"]
    )  # what stands in a short row is anybody's
    assert lost(log).iloc[0][["n", "lost"]].tolist() == [10, 1]  # the short row
    assert concerned(log, "footer")[["place", "line"]].values.tolist() == [["三月", 22]]
    with pytest.raises(LogError, match="三月 #24"):
        metrics.compute(log)
    sums_up(log)


@pytest.fixture(scope="module")
def frames():
    return city()


@pytest.fixture(scope="module")
def whole(frames):
    events, cases, calls = frames
    return CaseLog.from_frame(events, cases=cases, callbacks=calls, **MAPPING)


CUTS = {
    "a channel": dict(channel="hotline"),
    "an area": dict(area="东区"),
    "a quarter": dict(since="2022-02-01", until="2022-03-31"),
    "all": dict(since="2022-02-01", channel="hotline"),
}
SOME = ["n_cases", "pingpong_rate", "resolution_days", "on_time_rate", "open_cases", "satisfaction_rate"]


def same_as_part(log: CaseLog, whole: CaseLog, cut: dict) -> None:
    "A log that was cut has the cases of the whole that belong to it, as they are there"
    part, t = log.only(**cut), custody.cases(whole).execute()
    keep = pd.Series(True, t.index)
    keep &= (t.channel == cut["channel"]) if "channel" in cut else True
    keep &= (t.area == cut["area"]) if "area" in cut else True
    keep &= (t.opened_at >= cut["since"]) if "since" in cut else True
    keep &= (t.opened_at < pd.Timestamp(cut["until"]) + pd.Timedelta(days=1)) if "until" in cut else True
    got, want = (f.sort_values("case_id", ignore_index=True) for f in (custody.cases(part).execute(), t[keep]))
    assert 0 < len(want) < len(t) and part.end == log.end
    pd.testing.assert_frame_equal(got[want.columns], want, check_dtype=False)
    assert set(part.events.execute().case_id) <= set(want.case_id)
    assert part.endings["elsewhere"] == len(t) - len(want)
    check(part)


@pytest.mark.parametrize("cut", CUTS)
def test_a_part_of_a_log_is_the_log_of_its_cases(whole, cut):
    same_as_part(whole, whole, CUTS[cut])


def test_the_part_of_a_channel_has_the_indicators_of_the_channel(whole):
    want = metrics.compute(whole, SOME, by="channel").query("channel == 'hotline'").drop(columns="channel")
    got = metrics.compute(whole.only(channel="hotline"), SOME)
    want = want.reset_index(drop=True).drop(columns=[] if "deff" in got else "deff")  # no two cases of the part are of one matter
    pd.testing.assert_frame_equal(got, want, check_dtype=False)
    again = whole.only(since="2022-02-01").only(until="2022-03-31")
    assert again.counts == whole.only(since="2022-02-01", until="2022-03-31").counts and again.whole is whole


def test_what_cannot_be_cut_out_is_said_with_the_nearest(cli, whole):
    with pytest.raises(LogError, match="there are: hotline"):
        whole.only(channel="hotlin")
    with pytest.raises(LogError, match="No case fits"):
        whole.only(since="2035-01-01")
    Path("a.csv").write_text(lines(*GOOD), encoding="utf-8")
    assert "请写 since" in cli("metrics", "a.csv", "--only", "sinse=2022-02-12").stderr
    assert "没有 area 列" in cli("metrics", "a.csv", "--only", "area=金安区").stderr
    run = cli("metrics", "a.csv", "-i", "n_cases", "--only", "since=2022-02-12,until=2022-02-14", "--only", "channel=热线")
    assert run.stdout.splitlines()[1].startswith("n_cases,3,") and "只含2022-02-12 及以后受理" in run.stderr
    run = cli("check", "a.csv", "--only", "since=2022-02-12", "--lang", "en")
    assert run.returncode == 0 and "opened on or after 2022-02-12" in run.stdout.splitlines()[0]


def test_a_table_of_a_database_has_no_lines_and_adds_up_all_the_same(frames):
    con = ibis.duckdb.connect()
    events, cases, calls = (con.create_table(n, f) for n, f in zip(("events", "cases", "callbacks"), frames))
    log = CaseLog.from_frame(events, cases=cases, callbacks=calls, **MAPPING)
    sums_up(log)
    assert lost(log).share.max() == 0


def desk_log(n, keeps, name="服务台", others=0, **more):
    "Cases that begin with a desk, which closes the first `keeps` of them itself, and `others` that begin with a team"
    rows = []
    for i in range(n + others):
        first = name if i < n else "1队"
        last = first if i < keeps or i >= n else f"{i % 3}队"
        steps = [(first, "受理"), (last, "派单"), (last, "办结")]
        rows += [(f"X{i}", f"2022-03-0{1 + j} 0{i % 10}:00", u, a) for j, (u, a) in enumerate(steps)]
    frame = pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"])
    return frame, CaseLog.from_frame(frame, **more)


DESKS = {  # cases that begin with it, how many it closes, others; asked?
    "routes all": (30, 0, 0, True),
    "closes a few": (30, 6, 0, True),
    "closes a quarter": (40, 10, 0, False),
    "closes most": (30, 25, 0, False),
    "more than half": (16, 0, 14, True),
    "half": (15, 0, 15, False),
    "three cases": (3, 0, 0, False),
    "nine cases": (9, 0, 0, False),
    "ten cases": (10, 0, 0, True),
}


@pytest.mark.parametrize("kind", DESKS)
def test_a_unit_that_looks_like_a_dispatcher_is_asked_about_by_check_and_by_the_draft(kind):
    n, keeps, others, asked = DESKS[kind]
    frame, log = desk_log(n, keeps, others=others)
    found = check(log, "en").set_index("code")
    assert ("looks_dispatcher" in found.index) == asked
    assert ("服务台" in routers_of(frame)) == asked
    if asked:
        assert found.examples["looks_dispatcher"] == "服务台" and "dispatchers" in found.done["looks_dispatcher"]
        assert found["count"]["looks_dispatcher"] == n
        assert '# dispatchers = ["服务台"]' in draft(frame)
        told = desk_log(n, keeps, others=others, dispatchers=["服务台"])[1]
        assert "looks_dispatcher" not in set(check(told).code), "declared, and asked again"


def routers_of(frame):
    "The units that a first mapping proposes as dispatchers by what they do"
    looked = look(frame)
    return routers(looked, dict(layout="events", columns={c: c for c in frame.columns}))


@pytest.mark.parametrize("name", ["bpic2013_incidents", "receipt"])
def test_check_asks_of_public_logs_about_a_desk_only_where_one_unit_begins_most_cases(name, data_dir, monkeypatch):
    "In the receipt log one unit begins 1,136 of 1,434 cases and ends 127 of them; in the incidents of 2013 the first of the units begins a quarter"
    monkeypatch.setenv("LIUAN_EVAL_DATA", str(data_dir(name).parent))
    found = check(datasets.load(name), "en").set_index("code")["count"]
    assert found.get("looks_dispatcher") == {"bpic2013_incidents": None, "receipt": 1136}[name]


def test_check_prints_what_each_reading_of_ambiguous_cases_counts_and_nothing_where_they_agree(tmp_path, capsys):
    acts = [("城管局", "派单"), ("住建局", "派单"), ("城管局", "签收"), ("住建局", "签收"), ("城管局", "回复"), ("住建局", "办结")]
    rows = [(f"X{k}", f"2022-03-0{k} 0{i}:00", u, a) for k in (1, 2) for i, (u, a) in enumerate(acts)]
    rows += [(f"Y{k}", f"2022-03-0{k} 0{i}:00", "城管局", a) for k in range(1, 9) for i, a in enumerate(("派单", "办结"))]
    heads = ["case_id", "timestamp", "unit", "activity"]
    for name, kept in (("both", rows), ("plain", rows[12:])):
        pd.DataFrame(kept, columns=heads).to_csv(tmp_path / f"{name}.csv", index=False)
        log = read_log(tmp_path / f"{name}.csv")
        for lang in ("zh", "en"):
            run(["check", str(tmp_path / f"{name}.csv"), "--lang", lang])
            said = " ".join(capsys.readouterr().out.split())
            for how in ("evidence", "always", "never"):
                assert (f'together = "{how}"' + {"evidence": ", used here" if lang == "en" else "，现用"}.get(how, "") in said) == (
                    name == "both"
                )
        if name == "both":
            r = custody.readings(log).set_index("together")
            assert f'"never") {r.n_hops["never"]} hops and {r.n_pingpong["never"]} ping-pongs' in said
            assert r.n_hops["never"] > r.n_hops["evidence"]
