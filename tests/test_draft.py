"A draft of a mapping: valid for any file, the same every run, silent about people, and its questions answered in the terminal"

import io
import random
import re
import tomllib
from pathlib import Path

import ibis
import pandas as pd
import pytest
from rich.console import Console

from liuan_eval.intake import draft as room
from liuan_eval.intake.draft import draft, drafted, nearest, raised, toml_of, with_answer
from liuan_eval.intake.guess import tree_of
from liuan_eval.intake.log import read_log
from liuan_eval.intake.mapping import Mapping
from liuan_eval.intake.profile import look, profile
from liuan_eval.report.ask import dialogue
from liuan_eval.report.cli import run
from liuan_eval.words.text import LogError, Question, Text

SECRET = {"来电人": ["张三丰", "李四光"], "联系电话": ["13800138000", "13900139000"], "诉求标题": ["路灯不亮", "井盖丢失"]}


def events(n=40):
    "Cases that begin with the desk 总台, which only routes, under names that no dictionary knows"
    rows = []
    for i in range(n):
        steps = [("总台", "受理"), ("总台", "派单"), (f"裕安区{'城管住建'[i % 2 * 2 :][:2]}局", "签收了"), ("裕安区政府", "移送")]
        if i % 4 == 0:
            steps.insert(3, ("裕安区城管局", "退单"))
        steps.append((steps[-1][0], "办结"))
        rows += [
            (f"X{i:03d}", f"2022-03-{1 + i % 28:02d} {8 + h}:15", u, a, "12345" if i % 3 else "信访") for h, (u, a) in enumerate(steps)
        ]
    frame = pd.DataFrame(rows, columns=["甲", "乙", "丙", "丁", "戊"])
    return frame.assign(**{k: [v[i % 2] for i in range(len(frame))] for k, v in SECRET.items()}, 行=range(1, len(frame) + 1))


def tickets(n=30):
    at = [f"2022-03-{1 + i % 20:02d}" for i in range(n)]
    frame = dict(
        流水=[f"T{i}" for i in range(n)],
        受理时间=at,
        首派单位="城管局",
        派单时间=at,
        退回时间=None,
        退回单位=None,
        承办单位="住建局",
        办结时间=at,
    )
    frame = pd.DataFrame(frame)
    frame.loc[::5, ["退回时间", "退回单位"]] = ["2022-03-21", "城管局"]
    return frame.assign(满意度=["满意", "基本满意", "一般般"] * (n // 3), 制表日期="2022-04-01")


def test_columns_without_a_known_name_are_found_by_their_values():
    text = draft(events())
    m = Mapping.make(tomllib.loads(text))
    assert m.columns == dict(case_id="甲", timestamp="乙", unit="丙", activity="丁", channel="戊")
    assert "按值判断" in text and "by its values" in text
    assert m.dispatchers == ()  # only its name would do; what it does is a proposal
    assert '# dispatchers = ["总台"]   # 100% 的工单先到它手里，最后留在它手里的占 0%' in text


def test_a_dispatcher_is_taken_by_its_name_unless_it_closes_what_it_gets():
    frame = events().replace("总台", "市12345热线中心")
    assert tomllib.loads(draft(frame))["dispatchers"] == ["市12345热线中心"]
    frame.loc[frame.丁 == "办结", "丙"] = "市12345热线中心"
    assert "dispatchers" not in tomllib.loads(draft(frame))


def test_questions_come_first_numbered_in_both_languages_with_rows_and_a_line_that_answers():
    lines = draft(events()).splitlines()
    at = [i for i, x in enumerate(lines) if re.match(r"# \? \d+\. ", x)]
    assert [int(re.match(r"# \? (\d+)", lines[i])[1]) for i in at] == list(range(1, len(at) + 1))
    assert max(at) < lines.index('layout = "events"')
    first = lines[at[0] : at[1]]
    assert "退单" in first[0] and "hands back" in first[1]
    assert [x for x in first if " line " in x] == [
        f"#   第 {n} 行 line {n}: X{i:03d} | 2022-03-{1 + i:02d} 11:15 | 裕安区城管局 | 退单" for i, n in ((0, 4), (4, 25), (8, 46))
    ]
    assert '# returned = "unit_to_dispatcher"' in first[-3]


def test_every_unknown_word_has_codes_beside_it_and_no_placeholder_is_left():
    text = draft(events())
    assert '# words.activity."签收了" = "claimed"   # 签收 · Claimed' in text and '"supervised" 督办' in text
    assert "..." not in text and "…" not in text


def test_every_line_that_answers_can_be_uncommented_where_it_stands():
    for frame in (events(), tickets()):
        text = draft(frame)
        lines = text.splitlines()
        answers = [
            i
            for i, x in enumerate(lines)
            if re.match(r"# [\w.\"\u4e00-\u9fff]+ = ", x) and not x.startswith(("# unit =", "# kind =", "# parent ="))
        ]
        assert len(answers) > 8
        for i in answers:
            key = lines[i][2:].split(" = ")[0]
            one = [x for x in lines if not x.startswith(f"{key} = ")]
            at = one.index(lines[i])
            Mapping.make(tomllib.loads("\n".join([*one[:at], one[at][2:], *one[at + 1 :]])))
        tree = re.sub(r"^# (\[\[units|(unit|kind|parent) =)", r"\1", text, flags=re.M)
        Mapping.make(tomllib.loads(tree))


def test_nothing_of_people_stands_in_a_draft():
    text = draft(events())
    assert [w for words in SECRET.values() for w in words if w in text] == []
    phones = pd.DataFrame(
        {
            "a": [f"139{i:08d}" for i in range(50)],
            "b": ["2022-01-01"] * 50,
            "c": ["求助人说了很长很长的一段话，里面什么都有，不能给别人看见" + str(i) for i in range(50)],
        }
    )
    text = draft(phones)
    assert "139000" not in text and "很长" not in text
    assert profile(look(phones).table)["a"].values == {}


def test_the_same_file_gives_the_same_draft_whatever_the_threads_and_the_order_of_rows(tmp_path):
    frame = events(200)
    frame.to_csv(tmp_path / "a.csv", index=False)
    once = draft(tmp_path / "a.csv")
    assert once == draft(tmp_path / "a.csv")
    drafts = []
    for threads in (1, 4):
        con = ibis.duckdb.connect(threads=threads)
        drafts.append(draft(con.create_table("t", frame.astype(str))))
    assert drafts[0] == drafts[1]
    other = frame.sample(frac=1, random_state=1).drop(columns="行")
    lines = [[x for x in draft(f).splitlines() if " line " not in x] for f in (frame.drop(columns="行"), other)]
    assert lines[0] == lines[1]


WORDS = [
    "",
    None,
    "—",
    "合计",
    "#",
    '"',
    "'",
    "\\",
    "\x07",
    "\u2028",
    "a\nb",
    "是",
    "满意",
    "退单",
    "12345",
    "2022-02-17",
    "1e400",
    "🐟",
    "城管局",
    "x" * 300,
]
NAMES = [
    "工单编号",
    "时间",
    "承办单位",
    "环节",
    "满意度",
    "受理时间",
    "办结时间",
    "退回时间",
    '["a"]',
    "a.b = 1",
    "# x",
    "列\n名",
    "__line",
    "\x07",
    "环节 ",
    "unit",
    "self",
    "12",
]


@pytest.mark.parametrize("seed", range(8))
def test_a_draft_is_a_valid_mapping_for_any_table_and_survives_the_way_back(seed):
    dice = random.Random(seed)
    frame = pd.DataFrame({n: [dice.choice(WORDS) for _i in range(dice.choice([1, 2, 30]))] * 1 for n in dice.sample(NAMES, 1)})
    for n in dice.sample(NAMES, dice.randint(0, 8)):
        frame[n] = [dice.choice(WORDS[dice.randint(0, 12) :]) for _i in range(len(frame))]
    try:
        text = draft(frame)
    except LogError:
        return  # a frame that cannot be opened at all
    m = Mapping.make(tomllib.loads(text))
    assert Mapping.make(tomllib.loads(m.toml())) == m
    assert all(x.isprintable() for x in text.splitlines())


def test_steps_have_units_of_their_own_and_times_without_a_name_are_asked():
    text = draft(tickets())
    table = tomllib.loads(text)
    assert (table["layout"], table["columns"]["case_id"]) == ("wide", "流水")
    steps = {s["time"]: (s["activity"], s.get("unit")) for s in table["steps"]}
    assert steps["派单时间"] == ("dispatched", "首派单位") and steps["退回时间"] == ("退回", "退回单位")
    assert "“制表日期”一列是时间" in text and "制表日期" not in steps
    assert '# words.satisfied."一般般"' in text and "基本满意" in text


def test_a_table_of_stays_is_told_from_one_of_tickets():
    frame = pd.DataFrame(
        {
            "工单编号": ["1", "1", "2", "3"],
            "承办单位": ["甲局", "乙局", "甲局", "丙局"],
            "接收时间": ["2022-03-01 09:00", "2022-03-02 09:00", "2022-03-01 10:00", "2022-03-01 11:00"],
            "转出时间": ["2022-03-02 09:00", "2022-03-03 09:00", None, None],
            "处理结果": ["移送", "办结", None, None],
        }
    )
    text = draft(frame)
    assert tomllib.loads(text)["layout"] == "stays" and "# ? 1. 没有“环节”一列" in text
    log = read_log(frame, Mapping.make(tomllib.loads(text)))
    assert log.counts["cases"] == 3


def test_the_tree_of_units_follows_names_and_holds_together():
    rows = tree_of(
        ["市热线办", "市城管局", "裕安区城管局", "裕安区鼓楼街道办事处", "金安区民政局", "金安区住建局", "六安市供水公司", "A10", "A1"],
        ["市热线办"],
    )
    by_unit = {r["unit"]: (r.get("kind"), r.get("parent")) for r in rows}
    assert by_unit["金安区民政局"] == ("county_department", "金安区") and by_unit["金安区"] == ("county", None)
    assert by_unit["裕安区鼓楼街道办事处"] == ("township", "裕安区") and by_unit["A10"] == (None, None)
    assert by_unit["市热线办"] == ("dispatcher", None) and by_unit["六安市供水公司"] == ("public_company", None)
    Mapping(units=tuple(rows))


def test_questions_of_reading_are_collected_and_marked_open(monkeypatch):
    def reads(source, mapping):
        for key, n in (("several", mapping.several), ("scale.satisfied", mapping.scale), ('times."办结时间".order', mapping.times)):
            if not n:
                answers = (
                    {"first": Text("甲", "a")}
                    if key == "several"
                    else {4: Text("四", "four")}
                    if key[0] == "s"
                    else {"dmy": Text("日月", "day first")}
                )
                raise Question("问", "Which?", key, answers, ("第 9 行 line 9: x",))

    monkeypatch.setattr(room, "read_log", reads)
    d = raised(drafted(look(tickets())))
    assert [q.key for q in d.asked[:3]] == ["several", "scale.satisfied", 'times."办结时间".order'] and d.stop is None
    text = toml_of(d)
    assert '# times."办结时间".order = "dmy"   # 日月 · day first' in text and "line 9: x" in text
    Mapping.make(tomllib.loads(text.replace("# times.", "times.").replace("# scale", "scale")))


def test_what_keeps_a_file_from_being_read_is_said_in_the_draft():
    frame = events().assign(乙="2022-13-45").rename(columns={"甲": "工单编号", "乙": "时间", "丙": "单位", "丁": "环节"})
    text = draft(frame)
    assert "# ! 按现有的判断，数据还不能读" in text and "cannot be read" in text
    Mapping.make(tomllib.loads(text))


def test_answers_go_where_their_key_says():
    table = with_answer({"steps": [{"activity": "closed", "time": "办结时间"}]}, "steps.制表日期.activity", "archived")
    assert table["steps"][1] == {"time": "制表日期", "activity": "archived"}
    assert with_answer({"aliases": [{"alias": "a", "unit": "b"}]}, "aliases", [{"alias": "c", "unit": "b"}])["aliases"][1]["alias"] == "c"
    assert nearest("已转处置", "activity")[0][0] == "replied"


def answers(d, *keys, lang="zh"):
    screen = Console(file=io.StringIO(), width=100)
    return dialogue(d, lang, screen, io.StringIO("\n".join(keys) + "\n")), screen.file.getvalue()


def test_an_answer_changes_what_is_asked_next():
    frame = events().assign(主管=lambda t: t.丙.map(lambda u: "市热线办" if u == "总台" else "市政府办"))
    d = drafted(look(frame))
    assert [q.key for q in d.asked[:4]] == ["returned", "columns.case_id", "columns.timestamp", "columns.unit"]
    d, said = answers(d, "", "1", "", "", "主管")
    assert d.answers["columns.unit"] == "主管" and "dispatchers" not in d.answers
    assert d.table["dispatchers"] == ["市热线办"] and "units" not in [q.key for q in d.open]
    assert said.count("[必须回答]") == 2


def test_questions_that_appear_after_an_answer_are_asked_too(monkeypatch):
    def reads(source, mapping):
        if mapping.several is None:
            raise Question("一格里有几个单位", "Several units in a cell", "several", {"first": Text("甲", "a"), "one": Text("乙", "b")})
        if mapping.several == "one" and not mapping.ids:
            raise Question("编号重复", "Numbers again", "ids", {"yearly": Text("年", "year"), "unique": Text("否", "no")})

    monkeypatch.setattr(room, "read_log", reads)
    d = drafted(look(tickets()))
    d, said = answers(d, *["1"] * len(d.asked), "2", "1")
    assert (d.answers["several"], d.answers["ids"]) == ("one", "yearly") and "编号重复" in said
    assert Mapping.make(tomllib.loads(toml_of(d))).ids == "yearly"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_ask_writes_the_mapping_and_ends_with_check(tmp_path, monkeypatch, capsys, lang):
    monkeypatch.chdir(tmp_path)
    frame = events().drop(columns=list(SECRET))
    frame.to_csv("导出.csv", index=False)
    d = drafted(look(frame))
    order = [q.key for q in d.asked]
    typed = ["1" if q.must or q.key in ("dispatchers", "units") or q.key.startswith("words") else "" for q in d.asked]
    typed = ["9", "?", *typed]  # no such answer, then more rows
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(typed) + "\n"))
    run(["mapping", "导出.csv", "--ask", "--out", "m.toml", "--lang", lang])
    out = capsys.readouterr().out
    m = Mapping.read("m.toml")
    assert order[0] == "returned" and m.returned == "unit_to_dispatcher" and m.dispatchers == ("总台",)
    assert m.words["activity"] == {"签收了": "claimed"} and {"裕安区政府"} == {u["parent"] for u in m.units if "parent" in u}
    assert out.count("退单 |") == 0 and out.count("| 退单") == 3 + 10  # three rows, then all ten
    assert ("请输入 1 至 2 的编号" if lang == "zh" else "Type a number from 1 to 2") in out
    assert ("40 件工单" if lang == "zh" else "40 cases") in out.replace("\n", "")
    said = "\n".join(x for x in out.splitlines() if "|" not in x and "│" not in x)
    if lang == "en":
        assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"[甲乙丙丁戊行总台导出签收了退单、]|裕安区\w+", "", said)), said


def test_where_nobody_types_any_more_the_rest_stays_open(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    events().to_csv("a.csv", index=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n"))
    run(["mapping", "a.csv", "--ask"])
    assert Mapping.read("hotline.toml").returned == "unit_to_dispatcher" and "# ? " in Path("hotline.toml").read_text("utf-8")
    with pytest.raises(LogError, match="stays as it is"):
        run(["mapping", "a.csv", "--ask"])
    run(["mapping", "a.csv", "--out", "b.toml"])
    assert Path("b.toml").read_text("utf-8").startswith("# 映射草稿")
