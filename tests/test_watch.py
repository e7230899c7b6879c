"A year of looking at units: the evidence against a plain sum, its mean under no change, and what it promises"

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import binom, norm

from liuan_eval.intake.log import read_log
from liuan_eval.judge import watch
from liuan_eval.words.text import LogError


def test_evidence_is_the_mean_likelihood_ratio_over_starts_and_shifts():
    x, n, e, sd = np.array([[4.0, 9, 7]]), np.full((1, 3), 40.0), np.array([[4.0, 5, 4]]), 0.3
    logit = np.log(e / (n - e))[0]

    def likely(shift, start):
        def density(b):
            p = 1 / (1 + np.exp(-(logit + b + shift * (np.arange(3) >= start))))
            return norm.pdf(b, 0, sd) * np.prod(binom.pmf(x[0], 40, p))

        return quad(density, -3, 3)[0]

    always = likely(0, 0)
    want = 1 + sum((likely(h, s) / always - 1) / 12 / 2 for h in (0.5, 1.0) for s in range(3))
    assert watch._evidence(x, n, e, sd, 0.0, 12)[0, -1] == pytest.approx(want, rel=1e-3)


def test_under_no_change_evidence_is_one_on_average_at_every_time():
    "Over all that two months of ten cases can bring, each with its probability: evidence is too skewed to be averaged over draws"
    x = np.array([(i, j) for i in range(11) for j in range(11)], float)
    n, logit, sd = np.full(x.shape, 10.0), -2.2, 0.2
    b = np.linspace(-6, 6, 2001) * sd
    weight = norm.pdf(b, 0, sd) / norm.pdf(b, 0, sd).sum()
    pmf = binom.pmf(np.arange(11)[:, None], 10, 1 / (1 + np.exp(-(logit + b))))
    chance = (pmf[x[:, 0].astype(int)] * pmf[x[:, 1].astype(int)] * weight).sum(axis=1)
    got = watch._evidence(x, n, n / (1 + np.exp(-logit)), sd, 0.0, 12)
    assert np.isclose(chance.sum(), 1) and np.allclose(chance @ got, 1, atol=2e-3)


def test_evidence_of_twenty_is_rare_where_nothing_changed():
    rng = np.random.default_rng(1)
    n = np.full((1500, 6), 50.0)
    x = rng.binomial(50, 1 / (1 + np.exp(2.2 - 0.2 * rng.standard_normal((1500, 1)))), n.shape).astype(float)
    assert (watch._evidence(x, n, n / (1 + np.exp(2.2)), 0.2, 0.0, 12).max(axis=1) >= 20).mean() <= 0.05


def test_spread_and_wobble_are_found_again():
    rng = np.random.default_rng(2)
    n = np.full((60, 12), 300.0)
    for sd, wobble in ((0.3, 0.0), (0.1, 0.3)):
        x = rng.binomial(300, 1 / (1 + np.exp(2 - sd * rng.standard_normal((60, 1)) - wobble * rng.standard_normal((60, 12)))))
        got = watch._spreads(x.astype(float), n, n * x.sum() / n.sum())
        assert np.allclose(got, (np.hypot(sd, wobble / np.sqrt(12)), wobble), atol=0.08)


def test_small_and_empty_tables_raise_no_alarm_and_wrong_indicators_are_refused():
    one = pd.DataFrame(dict(unit="A", period=[1, 2], observed=[5, 9], size=[10, 10]))
    assert not watch.watch(one).alarm.any() and (watch.watch(one).evidence == 1).all()
    two = pd.concat([one, one.assign(unit="B", observed=0)])
    assert not watch.watch(two).alarm.any()
    for wrong in ("n_cases", "close_hours", "nothing"):
        with pytest.raises(LogError, match="no share with a better side"):
            watch.watch_units(read_log(), wrong, "2022-01")


def test_what_a_year_promises_is_kept():
    assert len(watch.promises()) == 4 and all(p.kept for p in watch.promises())
