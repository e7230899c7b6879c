"Rows, tickets and stays as offices export them: in which order, once, and whose"

import pandas as pd
import pytest

from liuan_eval import CaseLog, custody, metrics, read_log
from liuan_eval.intake.checks import check
from liuan_eval.intake.draft import draft
from liuan_eval.intake.layouts import known_steps
from liuan_eval.words.text import LogError, Question

NAMES = dict(case_id="工单编号", timestamp="时间", unit="承办单位", activity="环节")
MORE = dict(returned="unit_to_dispatcher", dispatchers=["热线办"], **NAMES)
ROWS = [
    ("W1", "2023-03-01 09:00", "热线办", "受理"),
    ("W1", "2023-03-01 10:00", "住建局", "派单"),
    ("W1", "2023-03-01 10:00", "城管局", "移送"),
    ("W1", "2023-03-02 12:00", "城管局", "办结"),
    ("W2", "2023-03-02 09:00", "热线办", "受理"),
    ("W2", "2023-03-02 09:00", "水务局", "派单"),
    ("W2", "2023-03-02 12:00", "水务局", "办结"),
    ("W3", "2023-03-03 09:00", "热线办", "受理"),
    ("W3", "2023-03-03 10:00", "住建局", "派单"),
    ("W3", "2023-03-03 10:00", "住建局", "退单"),
    ("W3", "2023-03-03 10:00", "热线办", "受理"),
    ("W3", "2023-03-03 10:00", "水务局", "派单"),
    ("W3", "2023-03-04 10:00", "水务局", "办结"),
]
OLDEST = pd.DataFrame(ROWS, columns=list(NAMES.values()))


def read(frame, **more):
    return CaseLog.from_frame(frame.reset_index(drop=True), **MORE | more)


def found(log):
    return check(log, "en").set_index("code")["count"].to_dict()


def shown(log, code):
    return check(log, "en").set_index("code").examples[code]


def path_of(log, case):
    "The units of a case's spells, dispatchers left out"
    s = custody.spells(log).execute().query("not is_dispatcher and case_id == @case").sort_values("spell")
    return s.unit.tolist()


def numbers(log):
    m = metrics.compute(log, ["pingpong_rate", "bounce_rate", "hops_per_case"]).set_index("indicator")
    return m[["numerator", "denominator"]].astype(int).values.tolist()


# the order of rows


@pytest.mark.parametrize(
    "turned",
    [
        OLDEST,
        OLDEST[::-1],
        pd.concat([OLDEST[i:j][::-1] for i, j in ((0, 4), (4, 7), (7, 13))]),  # cases forward, their rows backwards
        OLDEST[::-1].assign(序号=range(1, 14)),
    ],
    ids=["oldest first", "newest first", "newest first within cases", "numbered from the newest"],
)
def test_the_same_log_in_another_order_has_the_same_numbers(turned):
    order = dict(order="序号") if "序号" in turned else {}
    log = read(turned, **order)
    assert numbers(log) == [[0, 3], [0, 3], [2, 3]]
    assert path_of(log, "W1") == ["住建局", "城管局"] and path_of(log, "W3") == ["住建局", "水务局"]
    assert "backwards" not in found(log)


def test_a_file_that_is_newest_first_says_so_and_names_its_own_rows():
    log = read(OLDEST[::-1])
    assert log.mapping.ties == "newest_first" and found(log)["tie_reversed"] == 8 and "#11 W1" in shown(log, "tie_reversed")
    assert found(read(OLDEST))["tie_rows"] == 8


def test_rows_in_both_directions_with_ties_are_asked_about():
    turned = pd.concat([OLDEST[:4], OLDEST[4:7][::-1], OLDEST[7:]])
    with pytest.raises(Question, match="from the newest to the oldest") as e:
        read(turned)
    assert e.value.key == "ties" and [*e.value.answers] == ["oldest_first", "newest_first"] and len(e.value.rows) == 3
    assert path_of(read(turned, ties="oldest_first"), "W1") == ["住建局", "城管局"]
    assert path_of(read(turned, ties="newest_first"), "W1") == ["城管局", "住建局", "城管局"]


def test_the_question_of_a_file_stays_a_question(tmp_path):
    pd.concat([OLDEST[:4], OLDEST[4:7][::-1], OLDEST[7:]]).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(Question):
        read_log(tmp_path / "a.csv", **MORE)


def test_rows_in_both_directions_without_ties_are_sorted_by_time():
    turned = pd.concat([OLDEST[:2], OLDEST[4:7:2][::-1]])
    assert read(turned).mapping.ties is None


def test_the_first_value_of_a_newest_first_file_is_its_oldest():
    log = read(OLDEST.assign(诉求分类=[f"第{i}行" for i in range(13)])[::-1], topic="诉求分类")
    assert custody.cases(log).execute().set_index("case_id").topic.to_dict() == {"W1": "第0行", "W2": "第4行", "W3": "第7行"}


@pytest.mark.parametrize("word", ["合计", "—", "", "小计："])
def test_an_order_that_is_no_number_on_some_rows_is_none_there(word):
    log = read(OLDEST.assign(序号=[*map(str, range(12)), word]), order="序号")
    assert numbers(log) == [[0, 3], [0, 3], [2, 3]]
    assert found(log).get("order_not_number", 0) == (1 if word else 0)


def test_an_order_that_is_mostly_no_number_is_no_order():
    log = read(OLDEST.assign(序号=["一", "二", "三"] * 4 + ["1"]), order="序号")
    assert numbers(log) == [[0, 3], [0, 3], [2, 3]] and found(log)["order_not_number"] == 13


@pytest.mark.parametrize("numbers_of_rows", [[2.0, 1.0, None], ["2.0", "1.0", ""], ["12", "9", None], ["1.5", "1.25", None]])
def test_an_order_is_one_of_numbers_not_of_text(numbers_of_rows):
    frame = OLDEST[1:4].assign(序号=numbers_of_rows)
    assert path_of(read(frame, order="序号"), "W1") == ["城管局", "住建局", "城管局"]


# rows that stand twice


def test_rows_that_differ_in_the_order_are_not_equal_and_keep_their_own_numbers():
    frame = pd.DataFrame(
        [("1", "2024-01-01", "A", 5), ("1", "2024-01-01", "A", 6), ("2", "2024-01-01", "B", 5), ("2", "2024-01-01", "B", 5)],
        columns=["case_id", "timestamp", "unit", "nr"],
    ).assign(activity="closed")
    log = CaseLog.from_frame(frame, **{c: c for c in ("case_id", "timestamp", "unit", "activity")}, order="nr")
    assert found(log)["duplicate"] == 1 and shown(log, "duplicate").startswith("#4 2")


@pytest.mark.parametrize(
    "frame",
    [pd.concat([OLDEST] * 2), pd.concat([OLDEST[:9], OLDEST[4:]]), OLDEST.loc[OLDEST.index.repeat(3)]],
    ids=["appended twice", "overlapping months", "every row three times"],
)
def test_rows_equal_in_every_column_count_once(frame):
    log = read(frame)
    assert numbers(log) == [[0, 3], [0, 3], [2, 3]]
    assert found(log)["duplicate"] == len(frame) - 13 and log.counts["used"] == 13 and log.counts["events"] == len(frame)
    assert log.events.execute().aside.fillna("used").value_counts().to_dict() == {"used": 13, "duplicate": len(frame) - 13}
    assert "duplicate" not in found(read(frame, repeats="keep", ties="oldest_first"))


def test_a_column_that_nobody_mapped_makes_rows_different():
    assert "duplicate" not in found(read(pd.concat([OLDEST.assign(备注="甲"), OLDEST.assign(备注="乙")]), ties="oldest_first"))


def test_doubled_cases_and_calls_count_once():
    cases = pd.DataFrame({"工单编号": ["W1", "W1", "W2"], "渠道": "热线"})
    calls = pd.DataFrame({"工单编号": ["W1", "W1", "W2"], "回访时间": "2023-03-10", "是否满意": ["是", "是", "否"]})
    log = read(OLDEST, cases=cases, callbacks=calls, channel="渠道", called_at="回访时间", satisfied="是否满意")
    m = metrics.compute(log, "satisfaction_rate").iloc[0]
    assert (m.numerator, m.denominator, log.callbacks.count().execute()) == (1, 2, 2)
    assert {k: v for k, v in found(log).items() if k.startswith("duplicate")} == {"duplicate_case": 1, "duplicate_call": 1}


# tickets

TICKETS = pd.DataFrame(
    [
        ("A1", "2024-03-01 09:00", "2024-03-01 10:00", "城管局", "2024-03-01 15:00", "城管局", "不属职责", "2024-03-02 09:00", "住建局", "2024-03-05 10:00"),
        ("A2", "2024-03-01 09:00", "2024-03-01 10:00", "住建局", None, None, None, None, "住建局", "2024-03-05 10:00"),
    ],
    columns=["工单编号", "受理时间", "派单时间", "首派单位", "退回时间", "退回单位", "退回原因", "改派时间", "承办单位", "办结时间"],
)  # fmt: skip
WIDE = dict(layout="wide", returned="unit_to_dispatcher", dispatchers=["热线"])


def tickets(frame, *steps, **more):
    steps = [dict(activity=a, time=t) | ({"unit": u} if u else {}) for a, t, u in steps]
    return CaseLog.from_frame(frame, steps=steps, **WIDE | dict(case_id="工单编号") | more)


FIRST, SENT = ("received", "受理时间", None), ("dispatched", "派单时间", "承办单位")
BACK, BACK_OF, AGAIN = ("退回", "退回时间", "承办单位"), ("退回", "退回时间", "退回单位"), ("dispatched", "改派时间", "承办单位")
DONE = ("closed", "办结时间", "承办单位")


@pytest.mark.parametrize("steps", [(FIRST, SENT, BACK_OF, DONE), (FIRST, SENT, BACK_OF, AGAIN, DONE)])
def test_who_had_a_returned_ticket_before_is_not_who_has_it_now(steps):
    log = tickets(TICKETS, *steps, reason="退回原因")
    assert path_of(log, "A1") == ["城管局", "住建局"] and path_of(log, "A2") == ["住建局"]
    assert metrics.compute(log, "return_rate", by="return_reason").query("numerator > 0").return_reason.tolist() == ["不属职责"]
    m = metrics.compute(log, ["pingpong_rate", "boomerang_rate", "hops_per_case", "return_rate"]).set_index("indicator")
    assert m.numerator.tolist() == [0, 0, 1, 1]


def test_with_one_column_of_units_the_earlier_holder_is_unknown_and_the_return_nobodys():
    log = tickets(TICKETS, FIRST, SENT, BACK, AGAIN, DONE)
    assert path_of(log, "A1") == path_of(log, "A2") == ["住建局"]
    s = custody.spells(log).execute().query("unit == '住建局'").set_index("case_id").entered_at.dt.strftime("%m-%d %H").to_dict()
    assert s == {"A1": "03-02 09", "A2": "03-01 10"}
    m = metrics.compute(log, "return_rate").iloc[0]
    assert (m.numerator, m.denominator) == (1, 2)
    by_unit = metrics.compute(log, "return_rate", by="unit").set_index("unit")
    assert (by_unit.numerator["住建局"], by_unit.denominator["住建局"]) == (0, 1)  # A1 was returned, but by whom?


def test_a_return_by_the_present_holder_says_who_had_it_before():
    frame = TICKETS.assign(退回单位=["住建局", None])
    assert path_of(tickets(frame, FIRST, SENT, BACK_OF, DONE), "A1") == ["住建局"]


def test_a_unit_below_that_got_the_ticket_leaves_the_holder_known():
    frame = TICKETS.assign(二级单位="燃气办", 二级单位派单时间="2024-03-01 12:00").drop(columns=["退回时间", "改派时间"])
    log = tickets(frame, FIRST, SENT, ("dispatched", "二级单位派单时间", "二级单位"), DONE)
    assert path_of(log, "A1") == ["住建局", "燃气办"]  # 燃气办 did nothing of its own: 住建局 had it all along and closed it
    c = custody.cases(log).execute().set_index("case_id").loc["A1"]
    assert (c.first_unit, c.resolver, c.n_hops) == ("住建局", "住建局", 0)
    log = tickets(frame, FIRST, SENT, ("dispatched", "二级单位派单时间", "二级单位"), DONE, together="never")
    assert path_of(log, "A1") == ["住建局", "燃气办", "住建局"]


def test_the_draft_of_a_table_with_the_first_unit_reads_it(tmp_path):
    TICKETS.to_csv(tmp_path / "a.csv", index=False)
    text = 'returned = "unit_to_dispatcher"\ndispatchers = ["热线"]\n' + draft(tmp_path / "a.csv")
    (tmp_path / "m.toml").write_text(text, encoding="utf-8")
    log = read_log(tmp_path / "a.csv", tmp_path / "m.toml")
    assert path_of(log, "A1") == ["城管局", "住建局"] and numbers(log) == [[0, 2], [0, 2], [1, 2]]


def test_known_columns_of_offices_become_steps():
    have = (
        "信访件编号",
        "受理时间",
        "派单时间",
        "首次承办单位",
        "退回时间",
        "重派时间",
        "经办单位",
        "办结时间",
        "重办时间",
        "二次办结时间",
        "来电类别",
    )
    steps = [(s["activity"], s["time"], s.get("unit")) for s in known_steps(have, "经办单位")]
    assert steps == [
        ("received", "受理时间", None),
        ("dispatched", "派单时间", "首次承办单位"),
        ("退回", "退回时间", "首次承办单位"),
        ("dispatched", "重派时间", "经办单位"),
        ("closed", "办结时间", "经办单位"),
        ("reopened", "重办时间", None),
        ("closed", "二次办结时间", "经办单位"),
    ]  # fmt: skip


def test_a_ticket_handled_again_is_closed_the_second_time():
    frame = TICKETS[1:].assign(重办时间="2024-03-06 09:00", 二次办结时间="2024-03-08 09:00")
    log = tickets(frame, FIRST, SENT, DONE, ("reopened", "重办时间", None), ("closed", "二次办结时间", "承办单位"))
    c = custody.cases(log).execute().iloc[0]
    assert (str(c.closed_at), c.resolver) == ("2024-03-08 09:00:00", "住建局")


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_ticket_without_any_time_is_counted(empty):
    lost = TICKETS[:1].assign(**{c: empty for c in TICKETS if c.endswith("时间")}, 工单编号="A3")
    log = tickets(pd.concat([TICKETS, lost], ignore_index=True), FIRST, SENT, BACK_OF, DONE)
    assert found(log)["no_time"] == 1 and "#3 A3" in shown(log, "no_time")
    assert log.counts["cases"] == 2 and log.events.filter(log.events.case_id == "A3").execute().aside.tolist() == ["no_time"]


def test_a_ticket_whose_times_cannot_be_read_is_counted():
    log = tickets(TICKETS.assign(受理时间=["昨天", "2024-03-01"], 派单时间=["前天", None], 退回时间=None, 办结时间=None), FIRST, SENT, DONE)
    assert found(log)["bad_time"] == 2 and log.counts["cases"] == 1


def test_a_ticket_that_was_only_submitted_is_received():
    log = tickets(TICKETS.assign(派单时间=None, 退回时间=None, 办结时间=None), SENT, DONE, submitted_at="受理时间")
    assert log.counts["cases"] == 2 and set(log.events.execute().activity) == {"received"}


def test_doubled_tickets_count_once():
    frame = pd.concat([TICKETS.assign(回访时间="2024-03-09", 是否满意="是")] * 2, ignore_index=True)
    log = tickets(frame, FIRST, SENT, BACK_OF, DONE, called_at="回访时间", satisfied="是否满意")
    assert path_of(log, "A1") == ["城管局", "住建局"] and found(log)["duplicate"] == 7 and log.callbacks.count().execute() == 2


def test_a_closing_time_that_is_no_step_closes():
    log = tickets(TICKETS, FIRST, SENT, closed_at="办结时间")
    assert custody.cases(log).execute().closed_at.notna().all()


@pytest.mark.parametrize(
    "columns",
    [dict(reason="退回原因"), dict(unit="承办单位"), dict(timestamp="改派时间"), dict(activity="首派单位"), dict(outcome="退回原因")],
)
def test_a_mapped_column_that_nothing_uses_is_an_error(columns):
    with pytest.raises(LogError, match="used by nothing"):
        tickets(TICKETS, FIRST, SENT, DONE, **columns)


# stays

STAYS = pd.DataFrame(
    [
        ("S1", "城管局", "2024-03-01 10:00", "2024-03-01 15:00", "申请退回", "不属职责"),
        ("S1", "住建局", "2024-03-02 09:00", "2024-03-03 09:00", "转其他单位", None),
        ("S1", "水务局", "2024-03-03 09:00", "2024-03-05 10:00", "办结", None),
        ("S2", "水务局", "2024-03-03 09:00", None, None, None),
        ("S3", "水务局", None, None, None, None),
    ],
    columns=["工单编号", "承办单位", "接收时间", "转出时间", "处理结果", "退回原因"],
)


@pytest.mark.parametrize("frame", [STAYS, STAYS[::-1]], ids=["oldest first", "newest first"])
@pytest.mark.parametrize("named", [True, False], ids=["mapped", "by usual names"])
def test_a_list_of_stays_is_a_log(frame, named):
    names = dict(case_id="工单编号", unit="承办单位", received_at="接收时间", sent_at="转出时间", outcome="处理结果", reason="退回原因")
    log = CaseLog.from_frame(frame.reset_index(drop=True), layout="stays", dispatchers=["热线办"], accept=0.2, **names if named else {})
    assert path_of(log, "S1") == ["城管局", "住建局", "水务局"] and found(log)["no_time"] == 1
    c = custody.cases(log).execute().set_index("case_id")
    assert c.resolver.fillna("").to_dict() == {"S1": "水务局", "S2": ""} and str(c.closed_at["S1"]) == "2024-03-05 10:00:00"
    m = metrics.compute(log, "return_rate", by="return_reason").query("numerator > 0")
    assert m.return_reason.tolist() == ["不属职责"]


def test_stays_side_by_side_are_one_hop():
    frame = pd.DataFrame(
        [("1", "住建局", "2024-03-01 10:00", "2024-03-01 14:00", "回复"), ("1", "城管局", "2024-03-01 11:00", "2024-03-01 13:00", "回复")],
        columns=["工单编号", "承办单位", "接收时间", "转出时间", "处理结果"],
    )
    assert path_of(CaseLog.from_frame(frame, layout="stays"), "1") == ["住建局", "城管局"]


def test_stays_without_a_column_of_arrival_are_refused():
    with pytest.raises(LogError, match="received_at"):
        CaseLog.from_frame(STAYS.drop(columns="接收时间"), layout="stays")


# start and complete


def worked(*rows, **more):
    frame = pd.DataFrame(rows, columns=["activity", "unit", "lifecycle"]).assign(case_id="1")
    return CaseLog.from_frame(frame.assign(timestamp=pd.date_range("2023-03-01", periods=len(frame), freq="h").astype(str)), **more)


def test_start_and_complete_of_one_activity_are_one_stay():
    log = worked(("b", "A", "start"), ("c", "B", "start"), ("b", "A", "complete"), ("c", "B", "complete"), complete=True)
    assert path_of(log, "1") == ["A", "B"] and found(log)["continues"] == 2
    assert str(custody.cases(log).execute().closed_at[0]) == "2023-03-01 03:00:00"


def test_what_is_scheduled_is_with_whoever_starts_it():
    log = worked(
        ("b", "A", "schedule"),
        ("b", "B", "start"),
        ("b", "B", "suspend"),
        ("c", "C", "complete"),
        ("b", "B", "resume"),
        ("b", "B", "complete"),
    )
    assert path_of(log, "1") == ["B", "C"]


def test_work_that_comes_again_is_a_stay_of_its_own():
    log = worked(*[(a, u, x) for a, u in (("b", "A"), ("c", "B"), ("b", "A")) for x in ("start", "complete")])
    assert path_of(log, "1") == ["A", "B", "A"]


def test_a_closing_closes_when_it_is_complete():
    log = worked(("dispatched", "A", "complete"), ("closed", "A", "start"), ("closed", "A", "complete"))
    assert str(custody.cases(log).execute().closed_at[0]) == "2023-03-01 02:00:00"


@pytest.mark.parametrize("word", ["complete", "start", "In Progress"])
def test_one_kind_of_transition_changes_nothing(word):
    log = worked(*[(a, u, word) for a, u in (("b", "A"), ("c", "B"), ("b", "A"), ("c", "B"))])
    assert path_of(log, "1") == ["A", "B", "A", "B"] and "continues" not in found(log)


# what a ticket says of itself

SAID = pd.DataFrame(
    {
        "工单编号": ["W1", "W2", "W3"],
        "退回次数": ["1次", "0", "3"],
        "催办次数": ["0", "2.0", None],
        "重办次数": [0, 1, 0],
        "延期次数": ["0", "0", "不详"],
        "是否超期": ["否", "是", "未超期"],
        "截止时间": ["2023-03-03", "2023-03-02", "2023-03-03"],
    }
)
KEYS = dict(
    said_returns="退回次数",
    said_urged="催办次数",
    said_redone="重办次数",
    said_extended="延期次数",
    said_late="是否超期",
    due_at="截止时间",
)


def test_counters_count_where_no_event_says_more():
    log = read(OLDEST, cases=SAID, **KEYS)
    m = metrics.compute(log, ["return_rate", "urging_rate", "reopening_rate", "extension_rate"]).set_index("indicator")
    assert m[["numerator", "denominator"]].astype(int).values.tolist() == [[2, 3], [1, 3], [1, 3], [0, 3]]
    by_unit = metrics.compute(log, "return_rate", by="unit").set_index("unit")
    assert (by_unit.numerator["住建局"], by_unit.denominator["住建局"]) == (1, 1)  # W3; who returned W1, nobody says


def test_counters_and_flags_are_compared_with_what_the_events_say():
    log = read(OLDEST, cases=SAID, **KEYS)
    assert found(log)["counter"] == 3
    said = shown(log, "counter")
    assert "W1 said_returns: 1 ≠ 0" in said and "W2 said_late ≠ due_at" in said and "W3 said_returns: 3 ≠ 1 said_late ≠ due_at" in said


# clocks that start where a case came


def mailbox(**more):
    frame = pd.DataFrame(
        [
            ("1", "2024-03-04 09:00", "城管局", "回复"),
            ("1", "2024-03-04 09:00", "城管局", "办结"),
            ("2", "2024-03-06 09:00", "住建局", "办结"),
        ],
        columns=list(NAMES.values()),
    )
    return read(frame, **more)


def test_a_mailbox_without_dispatch_starts_at_submission():
    cases = pd.DataFrame({"工单编号": ["1", "2"], "提交时间": ["2024-03-01 09:00", "2024-03-01 09:00"]})
    log = mailbox(cases=cases, submitted_at="提交时间")
    m = metrics.compute(log, ["reply_hours", "close_hours"]).set_index("indicator")
    assert m.value.tolist() == [72.0, 96.0] and m.n.tolist() == [2, 2]  # replied after 72; closed after 72 and 120


@pytest.mark.parametrize("name", ["reply_hours", "close_hours", "working_reply_hours", "working_close_hours"])
def test_a_mailbox_that_knows_no_arrival_does_not_serve_waits(name):
    with pytest.raises(LogError, match="when a case came to a unit"):
        metrics.compute(mailbox(), name)


def test_a_claim_is_waited_for_from_the_dispatch_even_when_the_hotline_wrote_it():
    frame = pd.DataFrame(
        [
            ("1", "2024-03-04 08:00", "热线办", "受理"),
            ("1", "2024-03-04 09:00", "热线办", "派单"),
            ("1", "2024-03-04 11:00", "城管局", "签收"),
            ("1", "2024-03-04 12:00", "城管局", "办结"),
        ],
        columns=list(NAMES.values()),
    )
    log = read(frame)
    m = metrics.compute(log, ["claim_hours", "close_hours"]).set_index("indicator")
    assert m.value.tolist() == [2.0, 3.0] and metrics.compute(log, "claim_hours", by="unit").set_index("unit").value["城管局"] == 2.0
    alone = read(frame[2:])
    with pytest.raises(LogError):
        metrics.compute(alone, "claim_hours")
    m = metrics.compute(read(pd.concat([frame[2:], OLDEST])), "claim_hours").iloc[0]
    assert m.n == m.n_open == 3  # those of OLDEST, never claimed; when case 1 came is not known
