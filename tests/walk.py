"Working time by walking the calendar day by day: the oracle of the tests of time, written from the text of the notebook `words/rules`"

from datetime import datetime, time, timedelta
from fractions import Fraction

from chinese_calendar import is_workday

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def moment(day, clock):
    "A day's moment at a clock time such as 08:30 or 24:00"
    return datetime.combine(day, time()) + DAY if clock == "24:00" else datetime.combine(day, time.fromisoformat(clock))


def office(day, hours):
    "The spans in which the office is open on a day"
    return [(moment(day, o), moment(day, e)) for o, e in hours] if is_workday(day) else []


def next_working(day):
    day += DAY
    while not is_workday(day):
        day += DAY
    return day


def time_between(a, b, clock, hours, first="next"):
    "Hours, or the number of b's day, by walking from a to b"
    if clock == "h":
        return (b - a) / timedelta(hours=1)
    days = [a.date() + i * DAY for i in range((b.date() - a.date()).days + 1)]
    if clock == "wh":
        return sum(((max(min(b, e) - max(a, o), timedelta())) for d in days for o, e in office(d, hours)), timedelta()) / timedelta(hours=1)
    counted = days if first == "same" else days[1:]
    return len(counted) if clock == "d" else sum(is_workday(d) for d in counted)


def runs_out(a, n, clock, hours, first="next", cutoff=None, pause=0):
    "When so much of a clock has passed, by walking on from a"
    if clock == "h":
        return a + timedelta(microseconds=round((n + Fraction(pause)) * 3_600_000_000))
    if clock == "d":
        return moment(a.date() + DAY * (n + pause - (first == "same")), "24:00") - SECOND
    day, late = a.date(), cutoff is not None and is_workday(a.date()) and a >= moment(a.date(), cutoff)
    if late:
        day = next_working(day)
    if clock == "wd":
        day = day if first == "same" and is_workday(day) else next_working(day)
        for _ in range(n + pause - 1):
            day = next_working(day)
        return moment(day, "24:00") - SECOND
    left, at = timedelta(microseconds=round((n + Fraction(pause)) * 3_600_000_000)), datetime.combine(day, time()) if late else a
    while True:
        for o, e in office(day, hours):
            here = max(e - max(at, o), timedelta())
            if left <= here:
                return max(at, o) + left
            left -= here
        day += DAY
