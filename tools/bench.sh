#!/usr/bin/env bash
# Benchmark, not a test: our tasks in the project's environment, PM4Py (AGPL) in one of its own, the same log, one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
ours=${PYTHON:-.venv/bin/python} peer=.bench/venv/bin/python folder=.bench/log runs=${RUNS:-3}
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS
[ -x "$peer" ] || { "$ours" -m venv .bench/venv; .bench/venv/bin/pip install -q pm4py pyarrow; }
[ -f "$folder/events.parquet" ] || "$ours" tools/bench.py make "$folder" "${EVENTS:-1000000}"
[ -f "$folder/events.xes" ] || "$peer" tools/bench.py xes "$folder" > /dev/null
results=.bench/results.jsonl; : > "$results"
for _ in $(seq "$runs"); do
  for t in ours_indicators ours_edges ours_durations ours_business ours_intervals ours_due ours_xes floor_indicators floor_edges floor_durations floor_business; do "$ours" tools/bench.py run "$t" "$folder" | tail -n 1 | tee -a "$results"; done
  for t in pm4py_handover pm4py_dfg pm4py_durations pm4py_business pm4py_xes numpy_hops; do "$peer" tools/bench.py run "$t" "$folder" 2>/dev/null | tail -n 1 | tee -a "$results"; done
done
PM4PY_VERSION=$("$peer" -c 'import pm4py; print(pm4py.__version__)' 2>/dev/null | tail -n 1) "$ours" tools/bench.py table < "$results" > nbs/explanation/bench.md
cat nbs/explanation/bench.md
