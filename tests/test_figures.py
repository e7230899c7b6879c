"Figures draw in both languages and say what they are"

import logging
import re
import warnings

import pandas as pd
import pytest

from liuan_eval import figures
from liuan_eval.figures import look
from liuan_eval.figures.flow import grouped, square
from liuan_eval.figures.waiting import open_share
from liuan_eval.indicators.shapes import INDICATORS
from liuan_eval.intake.log import CaseLog, read_log
from liuan_eval.metrics import catalogue, compute
from liuan_eval.words.text import LogError, Text

CHINESE = re.compile("[\u4e00-\u9fff]")
SERVED = [n for n in catalogue("en").name if n != "defied_designation_rate"]  # nobody is designated in the sample
FIGURES = dict(
    matrix=figures.flow_matrix,
    map=figures.flow_map,
    map_all=lambda g, lang: figures.flow_map(g, lang, kinds=None, top=40),
    hops=figures.hops_distribution,
    curve=figures.resolution_curve,
    curve_by=lambda g, lang: figures.resolution_curve(g, lang, by="channel"),
    curve_unit=lambda g, lang: figures.resolution_curve(g, lang, by="unit"),
    channel=lambda g, lang: figures.indicator_by_unit(g, "on_time_rate", lang, by="channel"),
    pairs=figures.pingpong_bars,
    limbo=figures.limbo_curves,
    competence=figures.competence_map,
    verdicts=figures.verdict_bars,
    funnel=figures.funnel,
    change=figures.flow_change_dots,
    scorecard=lambda g, lang: figures.scorecard_dots(g, "lianyungang_2022-02", lang),
    ends=figures.ends_curves,
    unheard=lambda g, lang: figures.unheard_curve(g, lang, target=0.8),
    unheard_after=lambda g, lang: figures.unheard_curve(g, lang, what="resolved", period="2022-02-17", group="after"),
    chain=figures.chain_bars,
    chain_unit=lambda g, lang: figures.chain_grid(g, lang, by="unit"),
    chain_month=lambda g, lang: figures.chain_grid(g, lang, by="month"),
    chain_of=lambda g, lang: figures.chain_bars(g, lang, month="2022-05-01"),
    last_day=figures.last_day,
    **{f"unit_{n}": lambda g, lang, n=n: figures.indicator_by_unit(g, n, lang) for n in SERVED[::2]},
    **{f"series_{n}": lambda g, lang, n=n: figures.indicator_by_period(g, n, lang, start="2022-02-17") for n in SERVED[::4]},
)


@pytest.fixture(scope="module")
def city():
    return read_log()


def texts(fig):
    fig.draw_without_rendering()
    found = [t for t in fig.findobj(lambda o: hasattr(o, "get_text")) if t.get_visible()]
    return [" ".join(t.get_text().split("\n")) for t in found if t.get_text()]


def path_log(units=(), **paths):
    rows = [
        (case, pd.Timestamp("2022-02-17") + pd.Timedelta(hours=i), u, "closed" if i == len(p.split()) - 1 else "replied")
        for case, p in paths.items()
        for i, u in enumerate(p.split())
    ]
    return CaseLog.from_frame(
        pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]), dispatchers=["H"], units=list(units)
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", FIGURES)
def test_draws_in_its_language(city, name, lang, caplog):
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, "matplotlib"):
        warnings.simplefilter("error", UserWarning)
        fig = FIGURES[name](city, lang)
        fig.canvas.draw()
    assert not caplog.records
    found = texts(fig)
    assert any("SIMULATED" in t and "模拟数据" in t for t in found)
    assert any("20,000" in t or " = " in t or "%" in t for t in found)
    title, *rest = [t.get_text() for t in fig.texts]
    if lang == "zh":
        assert all(CHINESE.search(t) for t in (title, *rest))
    else:
        topics = set(city.attributes.topic.execute()) if name == "competence" else set()  # the log's own words
        assert [t for t in found if CHINESE.search(t) and t not in topics] == ["SIMULATED 模拟数据"]


def test_font_survives_a_new_theme(city):
    import seaborn as sns

    figures.theme()
    sns.set_theme()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        figures.hops_distribution(city, "zh").canvas.draw()


def test_no_mark_on_a_real_log():
    log = path_log(a="A B A", b="B")
    assert not any("SIMULATED" in t for t in texts(figures.hops_distribution(log, "en")))


@pytest.mark.parametrize("draw", [figures.flow_matrix, figures.flow_map])
def test_no_flow_is_said(draw):
    with pytest.raises(LogError, match=r"没有.*\n.*no case was passed on"):
        draw(path_log(a="A", b="H"))


def test_only_bounces():
    log = path_log(a="H A H A")
    assert "1" in texts(figures.flow_matrix(log, "en"))
    with pytest.raises(LogError):
        figures.flow_map(log)


def test_nobody_held_a_case():
    log = path_log(a="H", b="H")
    with pytest.raises(LogError, match="No unit ever held"):
        figures.hops_distribution(log)


def test_no_closing():
    rows = pd.DataFrame([("1", "2022-02-17", "A", "replied")], columns=["case_id", "timestamp", "unit", "activity"])
    with pytest.raises(LogError, match="needs closings"):
        figures.resolution_curve(CaseLog.from_frame(rows))


def test_one_case():
    log = path_log(a="A B")
    for draw in (
        figures.flow_matrix,
        figures.flow_map,
        figures.hops_distribution,
        figures.resolution_curve,
        lambda g: figures.indicator_by_unit(g, "resolution_days"),
        lambda g: figures.indicator_by_period(g, "pingpong_rate"),
        lambda g: figures.indicator_by_period(g, "hops_per_case"),
    ):
        draw(log).canvas.draw()


def test_closed_at_once():
    log = path_log(a="A", b="A")
    figures.resolution_curve(log).canvas.draw()


def test_matrix_counts_every_hop(city):
    from liuan_eval.flow.graph import edges

    e = edges(city)
    place, order = grouped(city, e, "zh", 5)
    m = square(e, place, order)
    assert m.to_numpy().sum() == e.hops.sum() and len(m) == len(order) > 5
    assert m.loc[place["城管二局"], place["自规三局"]] == e.set_index(["from_unit", "to_unit"]).hops[("城管二局", "自规三局")]


def test_unit_without_cases_has_no_dot():
    log = path_log(a="A B A", units=[dict(unit=u) for u in "ABC"])
    fig = figures.indicator_by_unit(log, "pingpong_rate", "en")
    assert "no cases" in texts(fig) and "无工单" in texts(figures.indicator_by_unit(log, "pingpong_rate", "zh"))
    dots = next(line for line in fig.axes[0].lines if line.get_marker() == "o")
    assert pd.isna(dots.get_xdata()).sum() == 1


def test_at_most_so_many_units(city):
    fig = figures.indicator_by_unit(city, "bounce_rate", "en", top=7)
    assert len(fig.axes[0].get_yticks()) == 7 and any("52 are not drawn" in t for t in texts(fig))


def test_a_table_or_a_name(city, tmp_path):
    table = compute(city, "bounce_rate", by="unit")
    figures.save(figures.indicator_by_unit(city, table), tmp_path, "bounce")
    before = [f.stat().st_mtime_ns for f in sorted(tmp_path.iterdir())]
    figures.save(figures.indicator_by_unit(city, "bounce_rate"), tmp_path, "bounce")
    assert [f.stat().st_mtime_ns for f in sorted(tmp_path.iterdir())] == before, "a name draws what its table draws"
    figures.indicator_by_period(city, compute(city, "bounce_rate", period="quarter"), period="quarter")
    for wrong in (
        compute(city, "bounce_rate"),
        compute(city, ["bounce_rate", "return_rate"], by="unit"),
        compute(city, "bounce_rate", by="unit", period="year"),
    ):
        with pytest.raises(LogError):
            figures.indicator_by_unit(city, wrong)
    with pytest.raises(LogError):
        figures.indicator_by_period(city, table)


def test_the_last_days_of_a_log_are_grey_where_their_cases_are_too_young(city):
    days = INDICATORS["reopening_rate"].matures(city)
    fig = figures.indicator_by_period(city, "reopening_rate", "en")
    assert days > 7 and any(f"Grey band: the last {days} days" in t for t in texts(fig))
    (band,) = fig.axes[0].patches
    assert band.get_width() == pytest.approx(days)
    assert not any("Grey band" in t for t in texts(figures.indicator_by_period(city, "n_cases", "en")))


def test_start(city):
    assert any("campaign begins 2022-02-17" in t for t in texts(figures.indicator_by_period(city, "n_cases", "en", start="2022-02-17")))
    assert any("not an effect" in t for t in texts(figures.indicator_by_period(city, "n_cases", "en", start="2022-02-17")))
    assert not any("campaign" in t for t in texts(figures.indicator_by_period(city, "n_cases", "en", start="")))


def test_days_are_not_called_cases(city):
    assert any("(days = " in t for t in texts(figures.indicator_by_unit(city, "limbo_share", "en")))
    assert not any("n = " in t for t in texts(figures.indicator_by_period(city, "limbo_share", "en")))


@pytest.mark.parametrize("start", ["2022-02-17", pd.Timestamp("2022-02-17 08:00"), pd.Timestamp("2022-02-17").date()])
def test_start_may_be_a_date(city, start):
    assert "campaign begins 2022-02-17" in texts(figures.indicator_by_period(city, "n_cases", "en", start=start))


def test_curve_is_the_life_table():
    rows = [(str(i), "2022-02-01", "A", "dispatched") for i in range(1, 6)]
    rows += [(str(i), f"2022-02-0{i + 1}", "A", "closed") for i in range(1, 5)]
    log = CaseLog.from_frame(
        pd.DataFrame([*rows, ("5", "2022-02-09", "A", "replied")], columns=["case_id", "timestamp", "unit", "activity"])
    )
    curve, risk, days = open_share(log, None, 1)
    assert curve.surv.tolist() == pytest.approx([0.8, 0.6, 0.4, 0.2]) and days.tolist() == [0, 1, 2, 3, 4]
    assert risk.iloc[0].tolist() == [5, 5, 5, 4, 3, 2]


def test_curve_is_thinned(city):
    curve, _risk, days = open_share(city, None, 1)
    assert len(curve) <= 301 and curve.surv.is_monotonic_decreasing and curve.days.max() <= days[-1]


def test_wrap_keeps_every_word():
    en = "Arrows point from giver to receiver, width by hops. Orange: ping-pong."
    assert " ".join(look.wrap(en, 20)) == en and max(map(len, look.wrap(en, 20))) <= 20
    zh = "箭头由转出指向转入，宽度按次数。橙色：来回推转，即两单位之间的转手随即被转回。"
    assert "".join(look.wrap(zh, 20)) == zh and not any(line[0] in "，。" for line in look.wrap(zh, 20))


NEW = dict(
    pairs=figures.pingpong_bars,
    limbo=figures.limbo_curves,
    verdicts=figures.verdict_bars,
    funnel=figures.funnel,
    change=figures.flow_change_dots,
)


@pytest.mark.parametrize("name", NEW)
def test_what_is_not_there_is_not_drawn_empty(name):
    with pytest.raises(LogError) as e:
        NEW[name](path_log(a="A", b="B"), "en")
    assert e.value.text.zh != e.value.text.en


def test_a_unit_whose_cases_have_no_clear_owner_is_marked():
    ways = {f"a{i}": "A B" if i % 2 else "B A" for i in range(30)}
    log = path_log(**ways)
    cases = pd.DataFrame(dict(case_id=list(ways), topic="one for all"))
    log = CaseLog.from_frame(log.events.execute()[["case_id", "timestamp", "unit", "activity"]], cases=cases)
    assert any("A †" in t for t in texts(figures.verdict_bars(log, "en")))


def test_six_hundred_teams_are_drawn(data_dir):
    from conftest import ROOT

    path = next(data_dir("bpic2013_incidents").glob("*.xes.gz"))
    log = read_log(path, mapping=ROOT / "data/mappings/bpic2013_incidents.toml")
    for draw in (
        figures.flow_map,
        figures.flow_matrix,
        figures.pingpong_bars,
        figures.limbo_curves,
        figures.verdict_bars,
        figures.funnel,
        figures.competence_map,
    ):
        fig = draw(log, "en")
        fig.canvas.draw()
        assert not any("SIMULATED" in t for t in texts(fig))


def test_units_set_apart_are_counted_and_those_with_few_cases_are_hollow():
    from liuan_eval.judge.scorecard import Item, Scorecard

    log = path_log(a="A B", b="B A", c="C", d="D")
    card = Scorecard(Text("试", "try"), "-", "read", (Item("r", 10, "line", Text("率", "rate")),), min_cases=5)
    rates = pd.DataFrame(
        [("r", "A", 9, 10), ("r", "B", 8, 10), ("r", "C", 1, 2), ("r", "D", 0, 0)],
        columns=["indicator", "unit", "numerator", "denominator"],
    )
    found = texts(figures.scorecard_dots(log, card, "en", table=rates))
    assert "try: 2 units in 1 band, 1 with too few and 1 without cases in some item, set apart" in found
    assert any("Hollow" in t for t in found) and "D" not in found and "C" in found
    assert any("Not drawn: 1 units in the middle" in t for t in texts(figures.scorecard_dots(log, card, "en", table=rates, top=2)))
    for wrong in (rates[rates.unit == "D"], rates.assign(period="2022")):
        with pytest.raises(LogError, match=r"一个时期.*\n.*one period"):
            figures.scorecard_dots(log, card, "en", table=wrong)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_an_item_and_five_cases_on_it(lang):
    card = "lianyungang_2022-02"
    found = texts(figures.item_shape(card, "on_time_rate", 4, 5, lang))
    assert "4/5 = 80.0% → 5" in found and dict(zh="按时办结率", en="Closed on time")[lang] in found
    assert any(dict(zh="推断", en="inferred")[lang] in t for t in found)
    assert (lang == "zh") == any(CHINESE.search(t) for t in found)
    figures.item_shape(card, "on_time_rate", 5, 5, lang).canvas.draw()
    figures.item_shape(card, "satisfaction_rate", 499.5, 1000, lang).canvas.draw()
    for name, n in (("on_time_rate", 0), ("on_time", 5)):
        with pytest.raises(LogError, match=r"请给出.*\n.*on_time_rate, satisfaction_rate"):
            figures.item_shape(card, name, 0, n, lang)
