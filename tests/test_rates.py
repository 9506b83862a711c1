"""The rule by which calls are counted: never more than it says, and never longer to wait than it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toto_django.rates import SECOND, Charge, Rate, charge, parsed_rate, whole_seconds

START = 1_795_000_000 * SECOND

rates = st.builds(Rate, st.integers(1, 20), st.integers(1, 90 * SECOND))
gaps = st.lists(st.integers(0, 60 * SECOND), max_size=60)


@pytest.mark.parametrize(
    ("text", "count", "seconds"),
    [
        ("5/min", 5, 60),
        ("10/s", 10, 1),
        ("1/second", 1, 1),
        ("100/10m", 100, 600),
        ("100/10min", 100, 600),
        ("3/2hours", 3, 7200),
        ("1000/day", 1000, 86400),
        ("1/30days", 1, 2592000),
    ],
)
def test_rate_is_calls_in_a_time(text: str, count: int, seconds: int) -> None:
    rate = parsed_rate(text)
    assert rate.count == count
    assert seconds * SECOND <= rate.period < seconds * SECOND + count


NO_RATES = [
    "",
    "5",
    "5/",
    "/min",
    "0/min",
    "5/0min",
    "-5/min",
    "5/week",
    "5 /min",
    "5/min ",
    "5/m\n",
    "\u0665/min",
]


@pytest.mark.parametrize("text", NO_RATES, ids=ascii)
def test_what_is_no_rate_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        parsed_rate(text)


def admitted_at(rate: Rate, times: list[int]) -> list[int]:
    """The times of those calls that are let through."""
    full_at, admitted = None, []
    for time in times:
        charged = charge(full_at, rate, time)
        if charged.wait <= 0:
            admitted.append(time)
        full_at = charged.full_at
    return admitted


def after_gaps(gaps: list[int]) -> list[int]:
    times = [START]
    for gap in gaps:
        times.append(times[-1] + gap)
    return times


@given(rates, gaps)
def test_no_time_sees_more_calls_than_the_bucket_holds_and_gets_back(rate: Rate, gaps: list[int]) -> None:
    admitted = admitted_at(rate, after_gaps(gaps))
    for first, began in enumerate(admitted):
        for last, ended in enumerate(admitted[first:], first):
            assert last - first + 1 <= rate.count + (ended - began) // rate.interval


@given(rates, gaps)
def test_whoever_waits_as_told_is_let_through_and_no_sooner(rate: Rate, gaps: list[int]) -> None:
    full_at = None
    for time in after_gaps(gaps):
        charged = charge(full_at, rate, time)
        full_at = charged.full_at
        if charged.wait > 0:
            assert charge(full_at, rate, time + charged.wait).wait <= 0
            assert charge(full_at, rate, time + charged.wait - 1).wait > 0
            assert charge(full_at, rate, time + whole_seconds(charged.wait) * SECOND).wait <= 0


@given(rates, gaps, st.integers(0, 60 * SECOND))
def test_refused_calls_cost_nothing(rate: Rate, gaps: list[int], later: int) -> None:
    """Whoever hammers gets as many calls as whoever waits."""
    full_at = None
    for time in after_gaps(gaps):
        charged = charge(full_at, rate, time)
        if charged.wait > 0:
            assert charge(charged.full_at, rate, time + later) == charge(full_at, rate, time + later)
        full_at = charged.full_at


@given(rates, st.integers(1, 20))
def test_call_that_is_given_back_can_be_taken_again(rate: Rate, taken: int) -> None:
    full_at = None
    for _ in range(min(taken, rate.count)):
        full_at = charge(full_at, rate, START).full_at
    assert charge(charge(full_at, rate, START, -1).full_at, rate, START) == Charge(full_at, 0)


def test_bucket_never_holds_more_than_its_count() -> None:
    rate = parsed_rate("5/min")
    full_at = charge(charge(None, rate, START, -1).full_at, rate, START, -1).full_at
    assert len(admitted_at(rate, [START] * 20)) == 5
    assert charge(full_at, rate, START).full_at == START + rate.interval


def test_five_a_minute_are_five_at_once_and_then_one_each_twelve_seconds() -> None:
    seconds = [
        (time - START) // SECOND
        for time in admitted_at(parsed_rate("5/min"), after_gaps([0] * 9 + [SECOND] * 60))
    ]
    assert seconds == [0, 0, 0, 0, 0, 12, 24, 36, 48, 60]
