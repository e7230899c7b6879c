"A log in XES is read"

from pathlib import Path

from liuan_eval.intake.log import read_log
from liuan_eval.metrics import compute

EVENT = (
    """<event><string key="concept:name" value="{}"/><string key="org:group" value="{}"/><date key="time:timestamp" value="{}"/></event>"""
)
EVENTS = ("dispatched", "A", "2022-02-17T09:00:00+08:00"), ("closed", "B", "2022-02-18T09:00:00+08:00")
TRACE = '<trace><string key="concept:name" value="1"/>' + "".join(EVENT.format(*e) for e in EVENTS) + "</trace>"
Path("a.xes").write_text(f'<?xml version="1.0" encoding="UTF-8"?><log xes.version="1.0">{TRACE}</log>', "utf-8")
COLUMNS = {"case_id": "case:concept:name", "timestamp": "time:timestamp", "unit": "org:group", "activity": "concept:name"}
found = compute(read_log("a.xes", **COLUMNS), "n_cases", by="unit")
assert len(found) >= 1, found
print("reads a log in XES")
