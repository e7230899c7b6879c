"A second authority for hand-overs: PM4Py, which is AGPL and lives in the benchmark's own environment (made by `make bench`), never in ours"

import json
import subprocess

import pytest
from conftest import ROOT

from liuan_eval.flow import graph as caseflow
from liuan_eval.intake import datasets

PEER = ROOT / ".bench" / "venv" / "bin" / "python"
SCRIPT = """
import json, sys, pm4py
log = pm4py.convert_to_dataframe(pm4py.read_xes(sys.argv[1])).sort_values(["case:concept:name", "time:timestamp"], kind="stable")
shares = pm4py.discover_handover_of_work_network(log, resource_key="org:group").connections
pairs = len(log) - log["case:concept:name"].nunique()
print(json.dumps(dict(pairs=pairs, shares=[[a, b, v] for (a, b), v in shares.items()])))
"""


def test_pm4pys_fractions_times_consecutive_pairs_are_our_hops(data_dir, monkeypatch):
    if not PEER.exists():
        pytest.skip("PM4Py is only in the benchmark's environment: run `make bench` once")
    monkeypatch.setenv("LIUAN_EVAL_DATA", str(data_dir("bpic2013_incidents").parent))
    run = subprocess.run([PEER, "-c", SCRIPT, datasets.find("bpic2013_incidents")], capture_output=True, text=True, check=True)
    peer = json.loads(run.stdout.splitlines()[-1])
    theirs = {(a, b): v * peer["pairs"] for a, b, v in peer["shares"] if a != b and v > 0}
    e = caseflow.edges(datasets.load("bpic2013_incidents"))
    ours = {(a, b): n for a, b, n in zip(e.from_unit, e.to_unit, e.hops)}
    assert peer["pairs"] == 57_979 and round(sum(theirs.values())) == sum(ours.values()) == 9_454
    assert theirs.keys() == ours.keys() and all(abs(theirs[p] - ours[p]) < 1e-6 for p in ours)
