"""Numbers as people write them mean the distributions that the format promises."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit

from bsm.spec.model import Distribution, Ref
from bsm.spec.quantiles import quantile
from bsm.spec.quantities import (
    FAMILIES,
    Interval,
    QuantityError,
    fit,
    interval_prior,
    median,
    natural_support,
    number,
    parse,
    written,
)

PEERS = {
    "normal": lambda m, s: stats.norm(m, s),
    "lognormal": lambda m, s: stats.lognorm(s, scale=math.exp(m)),
    "beta": lambda a, b: stats.beta(a, b),
    "gamma": lambda shape, rate: stats.gamma(shape, scale=1 / rate),
    "uniform": lambda low, high: stats.uniform(low, high - low),
    "half_normal": lambda s: stats.halfnorm(scale=s),
}
ends = st.tuples(st.floats(1e-6, 1 - 1e-6), st.floats(1e-6, 1 - 1e-6)).map(sorted).filter(lambda p: p[1] - p[0] > 1e-6)


@given(ends)
def test_an_interval_holds_the_central_90_percent(pair):
    """5 % of the prior lies below the low end and 5 % above the high one, in each kind of place."""
    low, high = pair
    probability = interval_prior(Interval(low, high), "probability")
    assert probability.family == "logit_normal"
    assert stats.norm(*probability.args).cdf([logit(low), logit(high)]) == pytest.approx([0.05, 0.95], abs=1e-9)
    positive = interval_prior(Interval(low * 100, high * 100), "positive")
    assert positive.family == "lognormal"
    assert PEERS["lognormal"](*positive.args).cdf([low * 100, high * 100]) == pytest.approx([0.05, 0.95], abs=1e-9)
    real = interval_prior(Interval(low - 0.5, high - 0.5), "real")
    assert real.family == "normal"
    assert PEERS["normal"](*real.args).cdf([low - 0.5, high - 0.5]) == pytest.approx([0.05, 0.95], abs=1e-9)


@pytest.mark.parametrize(
    "prior",
    [
        Distribution("normal", (-2.0, 0.5)),
        Distribution("lognormal", (1.0, 2.0)),
        Distribution("beta", (0.3, 4.0)),
        Distribution("gamma", (0.7, 3.0)),
        Distribution("uniform", (-1.0, 3.0)),
        Distribution("half_normal", (2.0,)),
    ],
    ids=lambda prior: prior.family,
)
def test_the_median_splits_the_prior_in_halves(prior):
    assert PEERS[prior.family](*prior.args).cdf(median(prior)) == pytest.approx(0.5, abs=1e-9)
    for part in (1e-4, 0.05, 0.9999):
        assert PEERS[prior.family](*prior.args).cdf(quantile(prior, part)) == pytest.approx(part, abs=1e-9)


def test_quantiles_of_an_interval_are_its_ends():
    prior = interval_prior(Interval(0.1, 0.7), "probability")
    assert [quantile(prior, part) for part in (0.05, 0.95)] == pytest.approx([0.1, 0.7], abs=1e-12)


def test_the_median_of_a_logit_normal():
    assert median(Distribution("logit_normal", (-1.5, 2.0))) == pytest.approx(expit(-1.5), abs=1e-15)


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("0.3", 0.3),
        (" -1e-3 ", -0.001),
        (3, 3.0),
        ("0.05 to 0.3", Interval(0.05, 0.3)),
        ("-1 to +2.5e1", Interval(-1.0, 25.0)),
        ("$beta", Ref("beta")),
        ({"beta": ["2", "3"]}, Distribution("beta", (2.0, 3.0))),
        ({"half_normal": "2"}, Distribution("half_normal", (2.0,))),
    ],
)
def test_each_way_of_writing_is_read(raw, meant):
    assert parse(raw) == meant


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "x",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "1_000",
        "٣",
        "0x10",
        "1,5",
        "50%",
        "1/3",
        "0.1-0.3",
        "0.1 to",
        "to 0.3",
    ]
    + [
        "0.3 to 0.1",
        "0.1 to 0.1",
        "1 to 1e999",
        "-1e308 to 1e308",
        "1e16",
        "-1 to 1e16",
        "$",
        "$a b",
        "$3",
        "9" * 70,
        None,
        True,
        [0.1, 0.2],
    ]
    + [
        math.nan,
        math.inf,
        10**400,
        {},
        {"beta": [1]},
        {"beta": [1, 2, 3]},
        {"beta": [0, 1]},
        {"normal": [0, 0]},
    ]
    + [
        {"normal": ["0", "x"]},
        {"uniform": [1, 1]},
        {"gamma": [-1, 1]},
        {"normal": [0, 1], "beta": [1, 1]},
        {"t": [1]},
    ],
)
def test_anything_else_is_refused_with_a_remedy(raw):
    with pytest.raises(QuantityError, match="given"):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ("1.2", "probability"),
        ("-0.1", "probability"),
        ("-1", "positive"),
        ("0 to 0.3", "probability"),
        ("0.5 to 1", "probability"),
        ("0 to 3", "positive"),
        ("-1 to 3", "positive"),
        ({"normal": [0.5, 0.1]}, "probability"),
        ({"gamma": [1, 1]}, "probability"),
        ({"uniform": [-1, 1]}, "positive"),
        ({"uniform": [0.5, 1.5]}, "probability"),
        ({"lognormal": [-40, 1]}, "positive"),
        ({"beta": [1e-9, 1]}, "probability"),
        ({"gamma": [1e-9, 1]}, "positive"),
        ({"lognormal": [40, 1]}, "positive"),
        ("1e-16", "positive"),
        ("1e-300 to 0.3", "probability"),
        ("1e-300 to 0.3", "positive"),
        ("0.3 to 0.30000000000000004", "probability"),
    ],
)
def test_a_quantity_outside_its_place_is_refused(raw, place):
    with pytest.raises(QuantityError, match="given"):
        fit(parse(raw), place)


@pytest.mark.parametrize(
    ("raw", "place"), [("0", "probability"), ("1", "probability"), ("0", "positive"), ("-3", "real")]
)
def test_plain_ends_are_certain_numbers(raw, place):
    assert fit(parse(raw), place) == (float(raw), None)


def test_a_distribution_keeps_its_own_range():
    assert natural_support(Distribution("uniform", (0.0, 1.0))) == "probability"
    assert natural_support(Distribution("uniform", (0.0, 3.0))) == "positive"
    assert natural_support(Distribution("uniform", (-1.0, 3.0))) == "real"
    assert {natural_support(Distribution(f, (1.0, 2.0))) for f in FAMILIES} == {
        "real",
        "positive",
        "probability",
    }


def test_a_quantity_is_shown_as_it_is_written():
    shown = [written(raw) for raw in ("0.05 to 0.3", {"beta": ["2", "3"]}, "$name", 0.25, " 7 ")]
    assert shown == ["0.05 to 0.3", "{beta: [2, 3]}", "$name", "0.25", "7"]


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text):
    assert number(text) is None or math.isfinite(number(text))
    try:
        fit(parse(text), "probability")
    except (QuantityError, KeyError):
        pass
    except AttributeError:
        assert isinstance(parse(text), Ref)
