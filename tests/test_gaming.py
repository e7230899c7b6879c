"Signs of units writing for the indicator: what is counted, against plain loops; how often the tests reject when nothing is there; published intervals"

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from chinese_calendar import is_workday
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from liuan_eval.intake.log import CaseLog
from liuan_eval.judge import gaming
from liuan_eval.truth.city import City, simulate
from liuan_eval.words.text import LogError


def log_of(city):
    s = simulate(city)
    own = s.mapping()
    own.pop("tables")
    return s, CaseLog.from_frame(s.events, cases=s.cases, callbacks=s.callbacks, mapping=own)


@pytest.fixture(scope="module")
def small():
    return log_of(City(seed=5, n_cases=1500, gamers=("市监七局",)))


def working_days_after(first, last):
    "Working days after the day of `first` up to the day of `last`"
    day, n = first.date(), 0
    while day < last.date():
        day += timedelta(days=1)
        n += is_workday(day)
    return n


def test_days_of_closing_are_those_of_a_walk_through_the_calendar(small):
    s, log = small
    first = s.events[s.events.activity == "closed"].groupby("case_id").timestamp.min()
    rows = []
    for c in s.cases.itertuples():
        stop = first.get(c.case_id)
        shut = stop is not None and pd.notna(stop)
        rows.append(
            (
                working_days_after(c.submitted_at, c.due_at),
                working_days_after(c.submitted_at, stop if shut else log.end),
                int(shut),
            )
        )
    want = pd.DataFrame(rows, columns=["limit_days", "day", "closed"])
    want = want.groupby(["limit_days", "day"]).agg(closed=("closed", "sum"), n=("closed", "size")).reset_index()
    got = gaming.last_days(log).sort_values(["limit_days", "day"], ignore_index=True)
    pd.testing.assert_frame_equal(got.astype("int64"), want.astype("int64"))


def drawn(rng, n, limit, moved=0.0):
    "Cases whose chance of being closed rises and then falls with the day; `moved` of those due to close within two days after the limit are closed on it."
    day = np.arange(40)
    h = 1 / (1 + np.exp(1.2 - 1.1 * np.log1p(day) + 0.35 * np.log1p(day) ** 2))
    when = np.array([np.argmax(u < h) if (u < h).any() else 39 for u in rng.random((n, 40))])
    late = np.isin(when, [limit + 1, limit + 2]) & (rng.random(n) < moved)
    when = np.where(late, limit, when)
    c = pd.Series(when).value_counts().rename_axis("day").reset_index(name="n")
    return c.assign(limit_days=limit, closed=c.n)


def test_the_test_of_the_last_day_rejects_one_time_in_twenty_when_nothing_is_there():
    rng = np.random.default_rng(3)
    p = [gaming.excess_on_last_day(drawn(rng, 1500, 6))["p"] for _ in range(300)]
    share = np.mean(np.array(p) < 0.05)
    assert share < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 300)
    assert 0.3 < np.mean(p) < 0.75  # and is no test that never speaks


def test_cases_moved_to_the_last_day_are_found_and_their_number_is_near():
    rng = np.random.default_rng(4)
    found = [gaming.excess_on_last_day(drawn(rng, 3000, 6, moved=0.5)) for _ in range(30)]
    assert np.mean([f["p"] < 0.05 for f in found]) > 0.9
    plain = [gaming.excess_on_last_day(drawn(rng, 3000, 6)) for _ in range(30)]
    assert abs(np.mean([f["expected"] for f in found]) / np.mean([f["expected"] for f in plain]) - 1) < 0.1
    assert np.mean([f["low"] > 1 for f in found]) > 0.8 and np.mean([f["low"] <= 1 <= f["high"] for f in plain]) > 0.8


def test_newcombe_1998_first_example_method_10():
    low, high = gaming.newcombe(56, 70, 48, 80)
    assert (round(float(low), 4), round(float(high), 4)) == (0.0524, 0.3339)


def test_intervals_of_a_difference_are_those_of_statsmodels_newcomb():
    rng = np.random.default_rng(0)
    for _ in range(50):
        n1, n2 = rng.integers(5, 200, 2)
        x1, x2 = rng.integers(1, n1), rng.integers(1, n2)
        want = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", compare="diff")
        np.testing.assert_allclose([float(v) for v in gaming.newcombe(x1, n1, x2, n2)], want, atol=1e-10)


def test_exclusions_move_rates_as_counted_by_hand(small):
    s, log = small
    e = gaming.exclusions(log).set_index("indicator")
    first = s.callbacks[s.callbacks["round"] == "first"].merge(s.cases[["case_id", "excluded"]], on="case_id")
    rated = first[first.satisfied.notna()]
    kept = rated[~rated.excluded]
    r = e.loc["satisfaction_rate"]
    assert (r.all_n, r.kept_n, r.left_out) == (len(rated), len(kept), len(rated) - len(kept))
    assert r.moved == pytest.approx(float(kept.satisfied.mean()) - float(rated.satisfied.mean()))
    assert r.low <= r.moved <= r.high


def test_each_unit_is_held_against_the_spread_of_the_others_and_small_ones_not_at_all(small):
    from liuan_eval.judge.peers import against_peers

    _s, log = small
    f = gaming._mixed(log, "comeback_rate", 30)
    assert (f.denominator >= 30).all() and (f.rest * f.denominator).sum() == pytest.approx(f.numerator.sum(), rel=0.1)
    t = gaming._judged([f.reindex(columns=gaming._SIGN).assign(sign="comeback_rate")])
    one = against_peers([f[["unit", "observed", "size", "expected"]]])[0]
    assert t.p.tolist() == one.units.above.tolist() and (t.spread == one.sd).all()
    assert gaming._mixed(log, "comeback_rate", 10**6).empty


def test_where_tails_are_heavy_nothing_is_marked():
    t = pd.DataFrame(dict(p=[1e-9, 0.5, 1e-9, 1e-9], heavy=[0.1, 0.1, 0.9, np.nan]))
    assert gaming._marks(t).marked.tolist() == [True, False, True, False]  # sorted by p; the city itself has no tails


def test_leaving_out_is_judged_by_fishers_exact_test(small):
    s, log = small
    first = s.callbacks[(s.callbacks["round"] == "first") & s.callbacks.satisfied.notna()].drop_duplicates("case_id")
    t = first.merge(s.cases[["case_id", "excluded"]], on="case_id")
    bad = ~t.satisfied.astype(bool)
    table = [[(bad & t.excluded).sum(), (bad & ~t.excluded).sum()], [(~bad & t.excluded).sum(), (~bad & ~t.excluded).sum()]]
    r = gaming.signs(log).query("sign == 'excluded_unhappy' and unit.isna()").iloc[0]
    assert (r.numerator, r.denominator) == (table[0][0], sum(table[0]))
    assert r.p == pytest.approx(fisher_exact(table, alternative="greater").pvalue)


def test_one_error_rate_for_the_whole_table(small):
    from statsmodels.stats.multitest import multipletests

    t = gaming.signs(small[1])
    np.testing.assert_allclose(t.p_holm, multipletests(t.p, method="holm")[1])
    assert (t.marked <= (t.p_holm < 0.05)).all() and set(t.sign) <= set(gaming.SIGNS)
    tested = t[t.sign.isin(["hollow_rate", "no_contact_rate", "comeback_rate"])]
    assert (tested.denominator >= small[1].mapping.minimum).all()


def test_a_log_that_can_show_no_sign_has_an_empty_table_and_says_what_it_lacks():
    bare = CaseLog.from_frame(pd.DataFrame(dict(case_id=["1"], timestamp="2022-02-17", unit="A", activity="closed")))
    assert gaming.signs(bare).empty
    with pytest.raises(LogError, match="due_at"):
        gaming.bunching(bare)
    with pytest.raises(LogError, match="excluded"):
        gaming.exclusions(bare)


def test_what_marks_promise_is_kept_or_said():
    assert len(gaming.promises()) == 7 and all(p.kept or p.said.en for p in gaming.promises())
