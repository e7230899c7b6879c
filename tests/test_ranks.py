"Places that the cases leave open: the authors' own example, exact tests against scipy, bands and their promise"

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from liuan_eval.judge import ranks
from liuan_eval.judge.ranks import (
    among_best,
    band_words,
    bands,
    likely_places,
    normal_draws,
    own_places,
    places_left,
    surely_better,
    surely_higher,
)

SHOWN = ["Japan", "Korea", "Estonia", "Netherlands", "United States"]


@pytest.fixture
def pisa(data_dir):
    d = pd.read_csv(data_dir("csranks_pisa") / "pisa.csv")
    return d.jurisdiction, d.math_score, normal_draws(d.math_se, 10_000)


def sets(names, found):
    f = found.set_index(names)
    return [tuple(f.loc[next(n for n in names if n.startswith(k))]) for k in SHOWN]


def test_pisa_2018_mathematics_as_the_authors_r_package_ranks_it(pisa):
    names, score, drawn = pisa
    assert sets(names, own_places(score, drawn, down=False)) == [(1, 4), (1, 6), (1, 6), (1, 7), (25, 31)]
    assert sets(names, own_places(score, drawn))[1] == (1, 4)  # stepping down
    assert sets(names, places_left(surely_better(score, drawn))) == [(1, 6), (1, 7), (1, 6), (1, 11), (23, 32)]
    assert among_best(score, drawn, 5).sum() == 12
    assert sorted(names[among_best(-score, drawn, 3)]) == ["Chile", "Colombia", "Mexico"]


def test_pairs_of_rates_are_judged_by_fishers_exact_test_and_holm():
    rng = np.random.default_rng(1)
    n = rng.integers(3, 60, 9)
    x = rng.binomial(n, rng.uniform(0.1, 0.9, 9))
    pairs = [(j, k) for j in range(9) for k in range(9) if j != k]
    p = [fisher_exact([[x[k], n[k] - x[k]], [x[j], n[j] - x[j]]], alternative="greater").pvalue for j, k in pairs]
    order, sure = np.argsort(p), set()
    for i, o in enumerate(order):
        if p[o] > 0.05 / (len(p) - i):
            break
        sure.add(pairs[o])
    want = [[1 + sum((j, k) in sure for k in range(9)), 9 - sum((k, j) in sure for k in range(9))] for j in range(9)]
    assert places_left(surely_higher(x, n)).values.tolist() == want and 0 < len(sure) < len(p)


SETS = st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 3)), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(SETS)
def test_whoever_begins_in_a_later_band_is_surely_behind_some_unit_of_each_earlier_one(units):
    value, se = map(np.array, zip(*units))
    better = surely_better(value, normal_draws(se, 300))
    s, b = places_left(better), bands(better)
    own = 1 + (value[:, None] < value).sum(axis=1)
    assert ((s["first"] <= own) & (own <= s["last"])).all()  # what is printed is always possible
    assert (b.band <= b.band_last).all() and set(range(1, b.band_last.max() + 1)) == set(b.band)
    for i in range(len(b)):  # by a chain of units each surely better than the next
        behind, reached = better[i].copy(), {i}
        while reached != (reached := reached | set(np.flatnonzero(better[list(reached)].any(axis=0)))):
            behind[list(reached - {i})] = True
        assert set(range(1, b.band[i])) <= set(b.band[behind]) and b.band[behind].max() < b.band[i] if behind.any() else b.band[i] == 1


def test_a_step_down_never_widens_and_one_unit_never_asks_for_more_than_all():
    rng = np.random.default_rng(2)
    value, se = rng.normal(0, 3, 12), rng.uniform(0.3, 1.5, 12)
    drawn = normal_draws(se, 2000)
    every = [places_left(surely_better(value, drawn, down=d)) for d in (True, False)]
    own = [own_places(value, drawn, down=d) for d in (True, False)]
    wide = [f["last"] - f["first"] for f in (*own, *every)]
    assert (wide[0] <= wide[1]).all() and (wide[2] <= wide[3]).all() and wide[0].sum() < wide[2].sum()


def test_units_without_cases_may_have_any_place_and_the_words_say_bands_in_both_languages():
    better = surely_higher([90, 10, 0], [100, 100, 0])
    assert places_left(better).values.tolist() == [[1, 2], [2, 3], [1, 3]]
    b = bands(better)
    assert [(t.zh, t.en) for t in band_words(b)] == [("第 1 档", "band 1"), ("第 2 档", "band 2"), ("第 1–2 档", "bands 1–2")]
    none = pd.DataFrame(dict(band=[pd.NA], band_last=[pd.NA]))
    assert band_words(none)[0].en == ""
    assert likely_places([90, 10, 50], [100, 100, 100]).values.tolist() == [[1, 1], [3, 3], [2, 2]]


def test_what_is_promised_of_places_is_kept_or_said():
    assert ranks.promises() and all(p.kept or p.said.en for p in ranks.promises())
