"What people call: whatever is wrong with a call is said in both languages with what to do, and never comes from five floors below"

import importlib
import inspect
import pydoc
from functools import partial
from typing import Any, Literal, Union, get_args, get_origin

import ibis
import pandas as pd
import pytest

from liuan_eval import CaseLog, custody, figures, metrics, read_log
from liuan_eval.effects.evaluate import usual_plan
from liuan_eval.effects.panel import panel
from liuan_eval.flow import excess, graph
from liuan_eval.intake import balance, checks
from liuan_eval.intake.mapping import Mapping, amend
from liuan_eval.judge import gaming
from liuan_eval.report.study import Study, month_of, start_of
from liuan_eval.words.face import documented, fits
from liuan_eval.words.text import Lang, LogError, Text
from tests.test_house import FLOORS, MODULES, floor, name

EVENTS = pd.DataFrame(dict(c=["1", "1"], t=["2024-01-01", "2024-01-02"], u=["A", "B"], a=["replied", "closed"]))
COLUMNS = dict(case_id="c", timestamp="t", unit="u", activity="a")


@pytest.fixture(scope="module")
def city():
    return read_log()


def refused(call, *words):
    "The error of a call: in both languages, one or two sentences of each, and with the words that it must hold"
    with pytest.raises(LogError) as e:
        call()
    text = e.value.text
    assert any("\u4e00" <= c <= "\u9fff" for c in text.zh) and text.en.isprintable() and any("a" <= c <= "z" for c in text.en)
    assert len(text.en) < 900 and "\n" not in text.en
    assert not [w for w in words if w not in text.en], text.en
    return text


# --- every function that people call, and everything it takes


def public():
    "(name, function) of every public function and method of the rooms from metrics' floor up, and of the rooms that take a log"
    for path in MODULES:
        module = importlib.import_module(name(path))
        for word in getattr(module, "__all__", ()):
            o = inspect.getattr_static(module, word, None)
            if inspect.isfunction(o) and o.__module__ == module.__name__:
                yield f"{module.__name__}.{word}", o
            elif inspect.isclass(o) and o.__module__ == module.__name__:
                for key, m in vars(o).items():
                    m = getattr(m, "__func__", m)
                    if inspect.isfunction(m) and (not key.startswith("_") or key == "__call__"):
                        yield f"{module.__name__}.{word}.{key}", m


FACES = {n: f for n, f in public() if hasattr(f, "__wrapped__") and (f.__doc__ or "").count("----------")}


def right(kind: Any) -> Any:
    "Something of a kind"
    what, args = get_origin(kind) or kind, get_args(kind)
    if what is Literal:
        return args[0]
    if what in (Union, type(int | str)):
        return right(args[0])
    made = {str: "x", int: 1, float: 0.5, bool: True, pd.DataFrame: pd.DataFrame(), Any: None}
    if what in made:
        return made[what]
    if args:
        return (
            {}
            if issubclass(what, dict | importlib.import_module("collections.abc").Mapping)
            else (lambda *_: None)
            if what.__name__ == "Callable"
            else []
        )
    return ibis.memtable({"a": [1]}) if what is ibis.Table else object.__new__(what)


def wrong_calls():
    "(function, parameter, call) for everything whose kind is told"
    for n, f in FACES.items():
        takes = {k: p for k, p in inspect.signature(f).parameters.items() if k not in ("self", "cls") and p.kind not in (2, 4)}
        own = [None] if "self" in inspect.signature(f).parameters or "cls" in inspect.signature(f).parameters else []
        needed = {k: right(p.annotation) for k, p in takes.items() if p.default is p.empty}
        for k, p in takes.items():
            if not fits(object(), p.annotation) and not isinstance(p.annotation, str):
                yield f"{n}({k})", k, lambda f=f, own=own, given=needed | {k: object()}: f(*own, **given)


def test_everything_that_people_call_says_what_it_was_given_in_place_of_what_it_takes():
    calls = list(wrong_calls())
    assert len(calls) > 250 and len(FACES) > 95
    for called, parameter, call in calls:
        text = refused(call, f"{parameter} must be", "not object")
        assert parameter in text.zh, called


INNER = {  # takes a log or a language, and is called by our rooms only
    "custody": {"in_names", "widened", "with_scope", "threads", "helpers"},
    "indicators": {"lacking", "level_of", "with_end", "rows", "narrow", "every_unit", "full_table", "named_table", "missing", "together", "values_per_case", "once", "office_cases", "office_spells", "same_topic", "same_area", "show", "cluster_words", "window_days", "matures", "within", "counts_by_then", "came_in_time", "followed", "limits"},
    "metrics": {"checked_table"},
    "intake": {"closings", "sheets", "assisting", "acting", "runs", "whole_runs", "overlaps"},
    "effects": {"words", "deviations"},
    "figures": {"grouped", "row_labels", "page", "simulated", "span", "unit_labels", "no_case", "no_flow", "start_line", "open_share"},
    "words": {"apart", "in_one", "label", "limit_text", "words", "scope", "table", "__getitem__"},
    "judge": {"hanging"},
    "report": {"hang_together", "render", "tell_missing", "html_of", "dialogue", "ask", "not_served", "bullets", "as_html", "readable", "printed", "summary", "rule_of", "defended", "side_by_side", "mapping", "check", "metrics", "graph", "overview", "help_of", "each_reading"},
}  # fmt: skip


def test_what_takes_a_log_or_a_language_is_marked():
    missing = []
    for n, f in public():
        kinds = [p.annotation for p in inspect.signature(f).parameters.values()]
        takes = CaseLog in kinds or any(k in (Lang, Lang | None) for k in kinds)
        if takes and n not in FACES and n.rpartition(".")[2] not in INNER.get(floor(n), ()):
            missing.append(n)
    assert missing == [], "mark them @face, or say in INNER that only our own rooms call them"
    assert set(INNER) <= set(FLOORS)


def test_help_tells_every_parameter_and_the_result():
    for n, f in FACES.items():
        p = inspect.signature(f).parameters
        assert all(f"{k} : " in f.__doc__ for k in p if k not in ("self", "cls")), n
        assert f.__doc__.splitlines()[0] == (f.__wrapped__.__doc__ or "").splitlines()[0]
    text = pydoc.render_doc(metrics.compute, renderer=pydoc.plaintext)
    for word in (
        "names or labels from `catalogue`",
        "any columns known to cases",
        "`day`, `week`, `month`",
        "None keeps the stable codes",
        "numerator, denominator",
    ):
        assert word in text
    assert 'case_id="工单编号"' in CaseLog.from_frame.__doc__ and "embedded sample" in read_log.__doc__
    assert documented(compile_without_source()) == "One."


def compile_without_source():
    "A function whose source is nowhere"
    space: dict = {}
    exec('def one(x: int):\n    "One."', space)
    return space["one"]


def test_the_face_completes_and_imports():
    import liuan_eval

    assert {"CaseLog", "metrics", "read_log", "compute", "catalogue"} <= set(dir(liuan_eval)) and "compute" in dir(metrics)
    space: dict = {}
    exec("from liuan_eval import *", space)
    assert space["read_log"] is read_log


# --- words that are none


def test_calls_of_the_door(city):
    on_time, c = "on_time_rate", metrics.compute
    df = c(city, on_time, by="unit")
    for call, words in (
        (lambda: c(df), "Make a log first: log = read_log("),
        (lambda: c(None), "Make a log first"),
        (lambda: c("sample.csv"), "not 'sample.csv'. Make a log first"),
        (lambda: c(), "log is missing"),
        (lambda: c(city, on_time, lng="zh"), "no parameter lng; did you mean lang"),
        (lambda: c(city, []), "leave the argument out"),
        (lambda: c(city, ()), "leave the argument out"),
        (lambda: c(city, "on_time"), "did you mean on_time_rate (On-time rate)"),
        (lambda: c(city, "按时办结"), "did you mean on_time_rate"),
        (lambda: c(city, "on_time_rate,return_rate"), "metrics.catalogue() lists all"),
        (lambda: c(city, ""), "metrics.catalogue() lists all"),
        (lambda: c(city, [on_time, 5]), "not ['on_time_rate', 5]"),
        (lambda: c(city, {on_time: 1}), "indicators must be text or a list of texts"),
        (lambda: c(city, metrics.catalogue()), "not DataFrame"),
        (lambda: c(city, on_time, lang="cn"), "'zh' or 'en' or None, not 'cn'"),
        (lambda: c(city, on_time, lang=["zh"]), "'zh' or 'en'"),
        (lambda: c(city, on_time, by=["unit", "unit"]), "'unit' stands twice"),
        (lambda: c(city, "limbo_share", by=["unit", "unit"]), "'unit' stands twice"),
        (lambda: c(city, "resolution_days", by=["channel", "channel"]), "'channel' stands twice"),
        (lambda: c(city, on_time, by="Unit"), "Did you mean unit?"),
        (lambda: c(city, on_time, by="chanel"), "Did you mean channel?"),
        (lambda: c(city, on_time, by="渠道"), "Did you mean channel?"),
        (lambda: c(city, on_time, by="period"), "It can by: unit"),
        (lambda: c(city, on_time, by="case_id"), "It can by: unit"),
        (lambda: c(city, on_time, by=""), "It can by: unit"),
        (lambda: c(city, on_time, by=5), "by must be text or a list of texts"),
        (lambda: c(city, on_time, by=["unit", None]), "by must be"),
        (lambda: c(city, on_time, by={"unit": 1}), "by must be"),
        (lambda: c(city, on_time, period=2022), "period must be text or a date or None, not 2022"),
        (lambda: c(city, on_time, period=["month"]), "period must be"),
        (lambda: c(city, on_time, period="M"), "month"),
        (lambda: c(city, on_time, period=""), "month"),
        (lambda: c(city, on_time, period="2022"), "such as 2022-02-17"),
        (lambda: c(city, on_time, period="March 1, 2022"), "such as 2022-02-17"),
        (lambda: metrics.catalogue("cn"), "'zh' or 'en'"),
        (lambda: metrics.available(df), "Make a log first"),
        (lambda: metrics.header("unit", "cn"), "'zh' or 'en'"),
        (lambda: metrics.translated(city, df, "cn"), "'zh' or 'en'"),
        (lambda: metrics.translated(df, df, "zh"), "Make a log first"),
        (lambda: metrics.INDICATORS[on_time](df), "on_time_rate: log must be"),
        (lambda: Text("甲", "A")["cn"], "zh or en"),
        (lambda: Text("甲", "A")[0], "zh or en"),
    ):
        refused(call, words)


def test_an_indicator_is_known_by_its_label_too(city, monkeypatch):
    names = ["n_cases", "on_time_rate", "on_time_closed_rate"]
    for lang in ("zh", "en"):
        labels = metrics.catalogue(lang).set_index(metrics.catalogue(lang).columns[0]).iloc[:, 0]
        assert metrics.compute(city, labels[names]).indicator.tolist() == names
    assert metrics.compute(city, [" on-time RATE ", "按时办结率", "on_time_rate"]).indicator.tolist() == ["on_time_rate"]
    assert metrics.compute(city, set(names), by=()).indicator.nunique() == 3
    object.__setattr__(metrics.INDICATORS["return_rate"], "label", Text("按时办结率", "On-time rate"))
    try:
        refused(lambda: metrics.compute(city, "按时办结率"), "Several indicators", "on_time_rate", "return_rate")
    finally:
        object.__setattr__(metrics.INDICATORS["return_rate"], "label", Text("退单率", "Return rate"))
    figures.indicator_by_unit(city, "按时办结率")
    assert panel(city, "按时办结率").indicator == "on_time_rate"


def test_a_day_is_a_period_and_a_column_without_a_value_is_a_group(city):
    by_text, by_day = (metrics.compute(city, "n_cases", period=p) for p in ("2022-02-17", pd.Timestamp("2022-02-17")))
    pd.testing.assert_frame_equal(by_text, by_day)
    log = CaseLog.from_frame(
        EVENTS, pd.DataFrame(dict(c=["1"], area=pd.Series([None], dtype="string"))), mapping=dict(columns=COLUMNS | dict(area="area"))
    )
    assert metrics.compute(log, "n_cases", by="area").numerator.tolist() == [1]
    figures.indicator_by_unit(log, "n_cases", by="area")


NO_DAYS = (
    "March 1, 2022",
    "1/3/2022",
    "03/01/2022",
    "2022/3/1",
    "2022-3-1",
    "20220301",
    "2022",
    "2022年3月1日",
    "2022-02-30",
    "soon",
    "2022-13-01",
)


@pytest.mark.parametrize("day", NO_DAYS)
def test_a_start_is_written_in_one_way(city, day):
    for call in (
        lambda: start_of(city, day),
        lambda: usual_plan(city, day),
        lambda: panel(city, "on_time_rate", start=day),
        lambda: excess.changed_flows(city, day),
        lambda: figures.flow_change_dots(city, start=day),
        lambda: figures.indicator_by_period(city, "on_time_rate", start=day),
        lambda: city.only(since=day),
        lambda: city.only(until=day),
        lambda: CaseLog.from_frame(EVENTS, **COLUMNS, start=day),
        lambda: Mapping(aliases=({"alias": "甲", "unit": "乙", "valid_from": day},)),
        lambda: Mapping(span={"from": day}),
    ):
        refused(call, day)


def test_words_of_other_rooms(city):
    for call, word in (
        (lambda: checks.check(city, "cn"), "'zh' or 'en'"),
        (lambda: checks.concerned(city, "nothing"), "nothing"),
        (lambda: balance.balance(city, "cn"), "'zh' or 'en'"),
        (lambda: city.summary("cn"), "'zh' or 'en'"),
        (lambda: city.only(channel=["hotline"]), "channel must be"),
        (lambda: city.only(area=5), "'5'; there are"),
        (lambda: graph.paths(city, ["Unit"]), "Did you mean unit?"),
        (lambda: graph.paths(city, period="M"), "M"),
        (lambda: gaming.last_days(city, by=["Unit"]), "Did you mean unit?"),
        (lambda: gaming.bunching(city, by="Unit"), "Did you mean unit?"),
        (lambda: gaming.exclusions(city, by="Unit"), "Did you mean unit?"),
        (lambda: month_of(city, "March"), "write a month of the log"),
        (lambda: month_of(city, 5), "month must be"),
        (lambda: Study.open(lang="cn"), "'zh' or 'en'"),
        (lambda: panel(city, "on_time"), "did you mean on_time_rate"),
        (lambda: panel(city, "on_time_rate", by="Unit"), "Did you mean unit?"),
        (lambda: panel(city, "on_time_rate", period="M"), "M"),
        (lambda: custody.spells(EVENTS), "Make a log first"),
    ):
        refused(call, word)


# --- logs and mappings


def made(*frames, **more):
    return lambda: CaseLog.from_frame(*frames, **(COLUMNS | more))


def test_what_is_no_log():
    levels = EVENTS.set_axis(pd.MultiIndex.from_product([["x"], EVENTS.columns]), axis=1)
    for call, word in (
        (made(None), "no table of events"),
        (made([1, 2]), "no table"),
        (made(EVENTS.c), "no table"),
        (made(EVENTS.to_numpy()), "no table"),
        (made(EVENTS.to_dict("records")), "no table"),
        (made(5), "no table"),
        (made(EVENTS, 5), "no table"),
        (made(EVENTS.iloc[:0]), "has no row"),
        (made(pd.DataFrame()), "has no row"),
        (made(EVENTS.set_index("c")), "df.reset_index()"),
        (made(EVENTS.set_index(["c", "t"])), "df.reset_index()"),
        (made(levels), "several levels"),
        (made(pd.concat([EVENTS, EVENTS], axis=1)), "two columns called 'c'"),
        (made(EVENTS, unit="uu"), "The columns are: c, t, u, a"),
        (made(EVENTS, unit=5), "name of a column"),
        (made(EVENTS, unit=None), "leave it out"),
        (made(EVENTS, unti="u"), "Did you mean unit?"),
        (made(EVENTS, dispatcher=["A"]), "Did you mean dispatchers?"),
        (made(EVENTS, foo=1), "no argument or column 'foo'"),
        (made(EVENTS, mapping=5), "mapping must be a mapping"),
        (made(EVENTS, mapping=[1]), "mapping must be"),
        (made(EVENTS, mapping=EVENTS), "not DataFrame"),
        (made(EVENTS, mapping="nowhere.toml"), "nowhere.toml"),
        (lambda: CaseLog(EVENTS), "Make a log first"),
        (lambda: CaseLog.from_frame(), "events is missing"),
        (lambda: read_log(5), "no table"),
        (lambda: read_log([5]), "no table"),
        (lambda: read_log([]), "list of files is empty"),
        (lambda: read_log(b"x.csv"), "no table"),
        (lambda: read_log(EVENTS, 5), "mapping must be"),
        (lambda: read_log(EVENTS, mappnig="x.toml"), "Did you mean mapping?"),
    ):
        refused(call, word)
    log = read_log(EVENTS, **COLUMNS)
    refused(lambda: read_log(log), "no table")
    assert repr(made(EVENTS, dispatchers={"A"})()) == repr(made(EVENTS, dispatchers=pd.Series(["A"]))()) and log.counts["events"] == 2


def test_a_mapping_of_the_wrong_kind():
    for field, value in (
        ("dispatchers", "A"),
        ("dispatchers", [5]),
        ("dispatchers", 5),
        ("units", [{"unit": 5}]),
        ("units", [{"unit": "A", "parent": 5}]),
        ("units", [{"unit": "A", "zh": 5}]),
        ("units", ["A"]),
        ("units", "A"),
        ("units", pd.DataFrame({"unit": ["A"]})),
        ("aliases", [{"alias": 5, "unit": "A"}]),
        ("aliases", [{"alias": "a", "unit": "A", "valid_to": 5}]),
        ("steps", [{"activity": 5, "time": "t"}]),
        ("steps", [{"activity": "a", "time": "t", "unit": 5}]),
        ("start", 5),
        ("start", "March 1, 2022"),
        ("accept", "all"),
        ("accept", 5),
        ("accept", True),
        ("timezone", "Beijing"),
        ("timezone", 5),
        ("layout", "long"),
        ("layout", ["events"]),
        ("complete", "yes"),
        ("words", {"activity": {5: 6}}),
        ("words", 5),
        ("owners", 5),
        ("owners", {"a": 5}),
        ("rules", "anhui_2022"),
        ("rules", [5]),
        ("calendar", {"hours": 5}),
        ("calendar", {"hours": ["09:00", "17:00"]}),
        ("calendar", {"cutoff": 5}),
        ("calendar", {"holidays": 5}),
        ("calendar", []),
        ("span", {"from": 5}),
        ("span", []),
        ("times", {"order": 5}),
        ("times", 5),
        ("minimum", "ten"),
        ("minimum", -1),
        ("basically_satisfied", 2),
        ("scale", {"satisfied": "4"}),
        ("several", "both"),
        ("several", ["first"]),
        ("missing", "无"),
        ("sheets", "Sheet1"),
    ):
        refused(partial(amend, None, **{field: value}), field if field != "timezone" or value == 5 else "Beijing")
        refused(partial(amend, {field: value}))


# --- tables handed on


def test_a_figure_takes_a_table_of_its_log_and_of_nothing_else(city):
    one, two = metrics.compute(city, "on_time_rate", by="unit"), metrics.compute(city, ["on_time_rate", "return_rate"], by="unit")
    draw = figures.indicator_by_unit
    for call, word in (
        (lambda: draw(city, metrics.compute(city, "on_time_rate", by="unit", lang="zh")), "for people"),
        (lambda: draw(city, metrics.compute(city, "on_time_rate", by="unit", lang="en")), "for people"),
        (lambda: draw(city, two), "one indicator"),
        (lambda: draw(city, one.iloc[:0]), "one indicator"),
        (lambda: draw(city, one.drop(columns="value")), "no table of metrics.compute"),
        (lambda: draw(city, one.assign(indicator="own")), "indicator = own"),
        (lambda: draw(city, city.units), "no table of metrics.compute"),
        (lambda: draw(city, pd.DataFrame()), "no table of metrics.compute"),
        (lambda: draw(city, one.assign(unit="somewhere else")), "is of another"),
        (lambda: draw(city, one.assign(period="2022")), "without period"),
        (lambda: draw(city, 5), "what must be text or a pandas table"),
        (lambda: draw(city, one, whole=one.iloc[:0]), "whole must be one row"),
        (lambda: draw(city, one, whole=metrics.compute(city, "return_rate")), "whole must be one row"),
        (lambda: draw(one, "on_time_rate"), "Make a log first"),
        (lambda: draw(city, "on_time_rate", by="Unit"), "Did you mean unit?"),
        (lambda: draw(city, "on_time_rate", top="all"), "a whole number"),
        (lambda: figures.indicator_by_period(city, one), "by period alone"),
        (lambda: figures.indicator_by_period(city, "on_time_rate", period="2022-02-17"), "'month'"),
        (lambda: figures.flow_map(city, kinds=["sideways"]), "'lateral' or 'down' or 'up'"),
        (lambda: figures.flow_map(city, kinds="lateral"), "a list of"),
        (lambda: figures.resolution_curve(city, by="Unit"), "Did you mean unit?"),
        (lambda: figures.limbo_curves(city, by="Unit"), "Did you mean unit?"),
        (lambda: figures.unheard_curve(city, what="happy"), "'satisfied' or 'resolved'"),
        (lambda: figures.unheard_curve(city, period="2022-02-17", group="later"), "group is 'later'"),
        (lambda: figures.chain_bars(city, month="1999-01-01"), "month is '1999-01-01'"),
        (lambda: figures.chain_bars(city, month="March"), "2022-02-17"),
        (lambda: figures.chain_grid(city, by="Unit"), "Did you mean unit?"),
        (lambda: figures.funnel(city, comparison=one), "Compare first"),
        (lambda: figures.scorecard_dots(city, "nothing"), "nothing"),
        (lambda: figures.scorecard_dots(city, "petitions_2022", table=one), "no '"),
        (lambda: figures.specifications(one), "no column 'null'"),
        (lambda: figures.estimate_dots({"a": 5}), "estimates must be"),
        (lambda: figures.effect(city), "an estimate of a design"),
        (lambda: figures.cities(city), "Make a panel first"),
    ):
        refused(call, word)


# --- what a notebook shows


def test_what_is_ours_shows_itself_in_a_few_lines(city):
    tables = [custody.spells(city), custody.hops(city), custody.cases(city), custody.milestones(city), custody.deadlines(city)]
    tables += [city.events, city.core, city.attributes, city.callbacks, custody.coded_cases(city)]
    others = [city, city.mapping, city.rules, city.calendar, city.only(since="2023-01-01"), panel(city, "on_time_rate"), usual_plan(city)]
    for o in (*tables, *others):
        shown = repr(o)
        assert len(shown.splitlines()) <= 15 and len(shown) < 1600, (type(o), len(shown))
    assert all(isinstance(t, ibis.Table) for t in tables)
    spells = tables[0]
    assert "unit string" in repr(spells) and ".head().to_pandas()" in repr(spells)
    assert spells.filter(spells.exit == "passed").count().execute() == (spells.to_pandas().exit == "passed").sum()
    alone = custody.spells(read_log(EVENTS, **COLUMNS))  # the log itself is gone
    assert alone.to_pandas().unit.tolist() == ["A", "B"]


# --- the command line


def test_options_that_are_wrong_are_told_with_exit_code_2(cli):
    EVENTS.set_axis([*COLUMNS], axis=1).to_csv("a.csv", index=False)
    for words, said in (
        (["metrics", "a.csv", "--lang", "cn"], "zh 或 en"),
        (["metrics", "a.csv", "--lang="], "--lang"),
        (["metrics", "a.csv", "--period", "M"], "month"),
        (["metrics", "a.csv", "--period", ""], "--period needs a value"),
        (["metrics", "a.csv", "--period"], "--period needs a value"),
        (["metrics", "a.csv", "--period", "month", "--period", "year"], "--period is given twice"),
        (["metrics", "a.csv", "-m", "x.toml", "--mapping", "y.toml"], "--mapping is given twice"),
        (["metrics", "a.csv", "--by", "Unit"], "Did you mean unit?"),
        (["metrics", "a.csv", "--by", "unit", "--by", "unit"], "twice"),
        (["metrics", "a.csv", "-by", "unit"], "Did you mean --by?"),
        (["metrics", "a.csv", "--peroid", "month"], "Did you mean --period?"),
        (["metrics", "a.csv", "--month", "2022-01"], "--month belongs to bulletin"),
        (["metrics", "a.csv", "-i", "on_time"], "on_time_rate"),
        (["metrics", "a.csv", "-i", ""], "--indicator needs a value"),
        (["metrics", "a.csv", "--accept", "all"], "from 0 to 1"),
        (["metrics", "a.csv", "--accept", "20%"], "from 0 to 1"),
        (["metrics", "a.csv", "--only", "aera=1"], "write area"),
        (["metrics", "a.csv", "--only", "since=March 1"], "2022-02-17"),
        (["metrics", "a.csv", "--only", "since=2022-01-01", "--only", "since=2023-01-01"], "names since twice"),
        (["metrics", "a.csv", "b.csv"], "One file"),
        (["check", ""], "empty"),
        (["check", "a.csv", "--rows", "nothing"], "nothing"),
        (["report", "a.csv", "--start", "March 1, 2022"], "2022-02-17"),
        (["report", "a.csv", "--start", "2022"], "2022-02-17"),
        (["mapping", "a.csv", "--ask=1"], "takes no value"),
        (["metrisc"], "Did you mean metrics?"),
    ):
        ran = cli(*(() if "--lang" in " ".join(words) else ("--lang", "en")), *words)
        assert (ran.returncode, ran.stdout) == (2, ""), (words, ran)
        assert said in ran.stderr and len(ran.stderr.splitlines()) == 1, (words, ran.stderr)
    assert cli("metrics", "a.csv", "-i", "工单数", "-i", "件均流转次数").stdout.splitlines()[1].startswith("n_cases,1")
    for command in ("report", "buckpassing", "bulletin", "campaign", "mapping", "check", "metrics", "graph"):
        ran = cli(command, "-h")
        assert ran.returncode == 0 and "--lang" in ran.stdout and not ran.stderr
