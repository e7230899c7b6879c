"Names as offices write them: every way to spell one is one, what means nothing is nothing, and what is unclear is asked"

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liuan_eval import custody, metrics
from liuan_eval.intake.checks import check
from liuan_eval.intake.log import CaseLog
from liuan_eval.intake.mapping import Mapping
from liuan_eval.intake.names import cleaned, grade, near_names, plain, several
from liuan_eval.words.text import LogError, Question

NAMES = ["工单编号", "时间", "承办单位", "环节"]
ROWS = [
    ("W001", "2023-03-01 09:00", "热线办", "受理"),
    ("W001", "2023-03-01 10:00", "市住建局（本级）", "派单"),
    ("W001", "2023-03-02 10:00", "市住建局（本级）", "移送"),
    ("W001", "2023-03-05 10:00", "市住建局（本级）", "办结"),
    ("W002", "2023-03-01 11:00", "城管局", "派单"),
    ("W002", "2023-03-04 11:00", "城管局", "办结"),
]


def made(rows=ROWS, **more):
    return CaseLog.from_frame(pd.DataFrame(rows, columns=NAMES), **dict(dispatchers=["热线办"], returned="unit_to_dispatcher") | more)


def put(row, column, value, rows=ROWS):
    return [tuple(value if (i, c) == (row, column) else v for c, v in enumerate(r)) for i, r in enumerate(rows)]


def hops(log):
    c = custody.cases(log).to_pandas()
    return int(c.n_hops.sum()), int(c.n_pingpong.sum())


# one spelling

odd = st.sampled_from([*"ab1Ａ１ '`()（），,;:!?住建局\u3000\u200b\ufeff\x07\t\n\xa0①ﬁ—·★豈～", '="', '"', "  "])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(odd, max_size=8).map("".join), min_size=1, max_size=30))
def test_the_engine_cleans_as_python_does(words):
    t = ibis.memtable(pd.DataFrame(dict(i=range(len(words)), w=words)))
    got = t.select("i", p=cleaned(t, t.w)).order_by("i").execute().p
    assert [p if isinstance(p, str) else "" for p in got] == [plain(w) for w in words]
    assert [plain(plain(w)) for w in words] == [plain(w) for w in words]


@pytest.mark.parametrize(
    "spelled",
    [
        "市住建局(本级)",
        "市住建局（本级）\u3000",
        "\ufeff市住建局（本级）",
        "市住\u200b建局（本级）",
        "\xa0市住建局（本级)",
        "市住建局\x07（本级）",
        "'市住建局（本级）",
    ],
)
def test_a_unit_spelled_in_another_way_is_the_same_unit(spelled):
    log = made(put(2, 2, spelled))
    assert hops(log) == (0, 0) and log.counts["units"] == 3 and log.counts["cases"] == 2
    assert check(log, "en").set_index("code")["count"]["cleaned"] == 1
    assert hops(made(put(2, 2, spelled), units=[dict(unit=spelled), dict(unit="城管局")])) == (0, 0)


@pytest.mark.parametrize("spelled", ["W001\u3000", "w001", "Ｗ００１", "'W001", '="W001"', "\tW001"])
def test_an_id_spelled_in_another_way_is_the_same_case_in_every_table(spelled):
    assert made(put(2, 0, spelled)).counts["cases"] == 2
    log = made(cases=pd.DataFrame({"工单编号": [spelled, "W002"], "区县": ["甲区", "乙区"]}))
    assert sorted(metrics.compute(log, "n_cases", by="area").area) == ["乙区", "甲区"] and log.counts["cases"] == 2
    assert not {"no_event", "no_case_row"} & set(check(log, "en").code)


def test_capitals_that_are_part_of_an_id_stay():
    assert made(put(4, 0, "aB3x", put(5, 0, "AB3x"))).counts["cases"] == 3


def test_ids_that_a_spreadsheet_spoilt_are_an_error_that_says_what_to_do():
    spoilt = [("2.02203E+13", *r[1:]) for r in ROWS]
    for rows in (spoilt, [(2.02203e17, *r[1:]) for r in ROWS]):
        with pytest.raises(LogError, match="Excel") as e:
            made(rows)
        assert "文本" in e.value.text.zh and "工单编号" in e.value.text.en


def test_ids_held_as_floating_numbers_lose_their_decimals():
    log = made([(float(r[0][1:]), *r[1:]) for r in ROWS], cases=pd.DataFrame({"工单编号": ["1", "2.0"], "区县": ["甲区", "乙区"]}))
    assert sorted(log.case_ids.execute().case_id) == ["1", "2"]
    assert len(metrics.compute(log, "n_cases", by="area")) == 2


# blanks


@pytest.mark.parametrize("word", ["—", "/", "NULL", "无", "?", "？", "nan", "\u3000", "N/A", "……", "----", "\\N", " － ", "(空)", "暂无"])
def test_a_word_for_nothing_is_no_unit_no_case_and_no_topic(word):
    log = made(put(2, 2, word))
    c = check(log, "en").set_index("code")
    assert hops(log) == (0, 0) and log.counts["units"] == 3 and c["count"]["no_unit"] == c["count"]["blank_word"] == 1
    assert made(put(4, 0, word, put(5, 0, word))).counts["cases"] == 1


def test_a_word_that_the_mapping_uses_is_no_blank():
    assert "无" in made(put(2, 2, "无"), units=[dict(unit=u) for u in ("无", "热线办", "城管局", "市住建局（本级）")]).units.unit.tolist()
    assert "无" in made(put(2, 2, "无"), missing=["—"]).units.unit.tolist()


# several units in a cell


@pytest.mark.parametrize("mark", ["、", "，", ",", "；", "/", "\n", " | "])
def test_several_units_in_a_cell_are_asked_about(mark):
    rows = [*put(2, 2, f"市住建局（本级）{mark}城管局（协办）"), ("W003", "2023-03-04", "城管局", "派单")]
    with pytest.raises(Question, match="several") as e:
        made(rows)
    assert e.value.key == "several" and list(e.value.answers) == ["first", "one"]
    log = made(rows, several="first")
    assert hops(log) == (0, 0) and log.counts["units"] == 3
    assert log.events.filter(log.events.activity == "assisted").execute().unit.tolist() == ["城管局"]
    assert hops(made(rows, several="one")) == (2, 1)


@pytest.mark.parametrize("name", ["城市管理局（综合执法局）", "开发区、高新区管委会", "客运/货运管理处", "Org line A2"])
def test_a_name_with_a_separator_is_not_taken_apart_without_evidence(name):
    assert several([name, "城管局", "住建局"]) == {}


# near names


def test_names_that_may_be_one_are_listed_and_others_are_not():
    def near(*names):
        n = range(len(names) + 10, 10, -1)
        return set(near_names(pd.DataFrame(dict(unit=names, n=n, first=pd.NaT, last=pd.NaT))).alias)

    assert near("住建局", "市住建局", "住房和城乡建设局", "住建局（代）") == {"市住建局", "住房和城乡建设局", "住建局（代）"}
    assert near("市场监督管理局", "市场监管局", "六安市市场监管局") == {"市场监管局", "六安市市场监管局"}
    assert near("城管局", "城市管理局", "城管 局") == {"城市管理局", "城管 局"}
    apart = "市一中 市二中 城东街道 城西街道 一科 二科 3组 13组 金安区住建局 裕安区住建局 民政局 财政局 教育局 体育局 市场监管局 市政处 水利局 水务公司"
    assert near(*apart.split(), "Org line A2", "Org line G2", "G96", "G97", "V3 2nd", "V3 3rd") == set()


def test_an_alias_that_matches_nothing_is_an_error_with_the_nearest_name():
    with pytest.raises(LogError, match="the nearest is '城管局'"):
        made(aliases=[dict(alias="城菅局", unit="城管局")])
    assert hops(made(put(2, 2, "住建局"), aliases=[dict(alias="住建局", unit="市住建局(本级)")])) == (0, 0)


# scales, words, labels


@pytest.mark.parametrize(
    "said", ["54321", [5.0, 4.0, 1.0], ["5星", "4星", "1星"], ["★★★★★", "★★★★", "★"], ["10", "8", "0"], ["90", "80", "3"]]
)
def test_grades_are_asked_about_and_then_counted(said):
    calls = pd.DataFrame({"工单编号": [f"W{i:03}" for i in range(len(said))], "满意度": list(said)})
    with pytest.raises(Question, match=r"scale\.satisfied") as e:
        made(callbacks=calls)
    assert e.value.key == "scale.satisfied"
    best = max(map(grade, map(str, said)))
    log = made(callbacks=calls, scale={"satisfied": best})
    assert log.callbacks.order_by("case_id").execute().satisfied.tolist() == [float(grade(str(s)) == best) for s in said]
    assert "word_satisfied" not in check(log, "en").code.tolist()


def test_zero_and_one_are_no_and_yes_and_numbers_with_words_are_codes():
    calls = pd.DataFrame({"工单编号": ["W001", "W002"], "满意度": ["1", "0"]})
    assert made(callbacks=calls).callbacks.order_by("case_id").execute().satisfied.tolist() == [1, 0]
    calls["满意度"] = ["1", "2"]
    assert made(callbacks=calls, words={"satisfied": {"1": True, "2": "不满意"}}).callbacks.order_by(
        "case_id"
    ).execute().satisfied.tolist() == [1, 0]


def test_words_mean_codes_or_labels_or_it_is_an_error():
    assert made(put(2, 3, "现场接活"), words={"activity": {"现场接活": "签收"}}).has("claimed")
    with pytest.raises(LogError, match="nearest is transferred"):
        Mapping(words={"activity": {"x": "transfered"}})
    with pytest.raises(LogError, match="satisfied"):
        Mapping(words={"satisfied": {"x": "maybe"}})


def test_a_log_in_which_nothing_closes_is_asked_about_unless_it_is_young():
    rows = [(str(i), f"2022-{1 + i // 3:02}-01", "城管局", "了结") for i in range(36)]
    with pytest.raises(Question, match="complete = true"):
        made(rows)
    assert made(rows, complete=True).counts["cases"] == 36
    assert made(rows, words={"activity": {"销号": "closed"}}).counts["cases"] == 36
    assert made([(i, f"2022-01-{1 + int(i) % 28:02}", *r) for i, _, *r in rows]).counts["cases"] == 36


def test_units_of_one_label_are_told_apart():
    units = [dict(unit=u, zh="卫健局", en="Health") for u in ("热线办", "城管局")]
    log = made(units=units)
    assert log.units.zh.tolist()[:2] == ["卫健局（热线办）", "卫健局（城管局）"] and log.units.en.is_unique


def test_no_share_is_above_one():
    wide = pd.DataFrame(
        dict(no=["1", "2", "3"], got=["2022-02-17"] * 3, unit=["A"] * 3, said=["还行", "一般般", "还行"], called=["2022-02-19", None, None])
    )
    steps = [dict(activity="dispatched", time="got", unit="unit")]
    log = CaseLog.from_frame(wide, layout="wide", steps=steps, case_id="no", satisfied="said", called_at="called")
    assert (check(log, "en").share.dropna() <= 1).all()


def test_numbers_that_start_anew_each_year_are_asked_about_and_told_apart():
    "Fifteen numbers in two years: thirty cases of a day each, not fifteen of a year"
    rows = [
        (f"{i:04}", f"{y}-{1 + i % 12:02}-{d}", "城管局", a)
        for y in (2022, 2023)
        for i in range(15)
        for d, a in (("03", "受理"), ("04", "办结"))
    ]
    with pytest.raises(Question) as e:
        made(rows)
    assert e.value.key == "ids" and list(e.value.answers) == ["yearly", "unique"] and len(e.value.rows) == 3
    cases = pd.DataFrame(
        [(f"{i:04}", f"{y}-{1 + i % 12:02}-02", f"{y}区") for y in (2022, 2023) for i in range(15)],
        columns=["工单编号", "受理时间", "区县"],
    )
    log = made(rows, ids="yearly", cases=cases)
    assert log.counts["cases"] == 30 and custody.cases(log).duration_seconds.max().execute() == 2 * 86400
    by = metrics.compute(log, "n_cases", by="area").set_index("area").value
    assert by.to_dict() == {"2022区": 15, "2023区": 15}
    assert made(rows, ids="unique").counts["cases"] == 15
