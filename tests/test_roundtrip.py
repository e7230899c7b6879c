"A log written as any kind of file and read back is the same log"

from datetime import datetime, timedelta

import pandas as pd
import pytest
from cases.kinds import FILES
from cases.make import HEADER, MAPPING, XES_MAPPING
from cases.read import got
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liuan_eval.intake.log import CaseLog

UNITS = st.sampled_from(["热线办", "住建局", "城管局（本级）", "市水务局", "教育局", "第12中学", "Health Bureau"])
WORDS = st.sampled_from(["受理", "派单", "签收", "移送", "回复", "办结"])
NOTES = st.text(st.sampled_from("诉求内容，。,;\t\"'\n|甲a1 %<&"), max_size=12)
STEP = st.tuples(st.integers(1, 3000), UNITS, WORDS, NOTES)
CASES = st.lists(st.lists(STEP, min_size=1, max_size=5), min_size=1, max_size=6)


def rows_of(cases):
    "Events of cases one after another, each a while after the one before"
    rows = []
    for i, steps in enumerate(cases):
        at = datetime(2023, 3, 1, 8) + timedelta(hours=7 * i)
        for minutes, unit, word, note in steps:
            at += timedelta(minutes=minutes)
            rows.append([f"RX{i:03d}", f"{at:%Y-%m-%d %H:%M}", unit, word, note])
    return rows


def told(log):
    "The events of a log as a sorted table"
    e = log.events.execute()
    return (
        e[["case_id", "timestamp", "unit", "activity"]]
        .astype({"timestamp": "datetime64[us]"})
        .sort_values(["case_id", "timestamp"])
        .values.tolist()
    )


@pytest.mark.parametrize("kind", [k for k in FILES if k != "big5"])
@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases=CASES)
def test_a_log_written_and_read_back_is_the_same(tmp_path, kind, cases):
    header, rows = [*HEADER, "备注"], rows_of(cases)
    name, write = FILES[kind]
    path = write(tmp_path / name, header, rows)
    frame = pd.DataFrame(rows, columns=header)
    if kind == "xes":  # it holds names as they are written there, and every last event closes
        frame["承办单位"] = frame["承办单位"].str.replace("[（）]", "", regex=True)
        mapping = XES_MAPPING | dict(complete=False)
    else:
        mapping = MAPPING
    assert told(got(path, mapping)) == told(CaseLog.from_frame(frame, mapping=MAPPING))
