#!/usr/bin/env bash
# Benchmark, not a test: our tasks in the project's environment, PM4Py (AGPL) in one of its own, the same log, one after the other.
# SIZES: millions of events. BIG=1 adds 100. At 100 M only ours, once: the others would take hours, or more memory than there is.
set -euo pipefail
cd "$(dirname "$0")/.."
ours=${PYTHON:-.venv/bin/python} peer=.bench/venv/bin/python sizes=${SIZES:-1 10${BIG:+ 100}}
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS
[ -x "$peer" ] || { "$ours" -m venv .bench/venv; .bench/venv/bin/pip install -q pm4py pyarrow; }
asked="ours_edges ours_durations ours_business ours_indicators"
others="floor_edges floor_durations floor_business floor_indicators floor_sort"
pm4py="pm4py_dfg pm4py_handover pm4py_durations pm4py_business numpy_hops"
for size in $sizes; do
  folder=.bench/$size runs=${RUNS:-3}
  case $size in
    1) tasks="$asked ours_xes ours_intervals ours_due $others spark_edges spark_durations spark_business spark_indicators $pm4py pm4py_xes" ;;
    100) tasks=$asked runs=1 ;;
    *) tasks="$asked $others $pm4py" ;;
  esac
  [ -f "$folder/events.parquet" ] || "$ours" tools/bench.py make "$folder" "${size}000000"
  [ "$size" != 1 ] || [ -f "$folder/events.xes" ] || "$peer" tools/bench.py xes "$folder" > /dev/null
  : > .bench/results.jsonl
  for _ in $(seq "$runs"); do
    for t in $tasks; do
      case $t in pm4py* | numpy*) python=$peer ;; *) python=$ours ;; esac
      "$python" tools/bench.py run "$t" "$folder" 2> .bench/errors | tail -n 1 | tee -a .bench/results.jsonl || { cat .bench/errors >&2; exit 1; }
    done
  done
  "$ours" tools/bench.py keep < .bench/results.jsonl
  [ "$size" != 1 ] || { "$ours" tools/reading.py make "$folder"; "$ours" tools/reading.py table "$folder" "$runs"; }
done
"$ours" tools/bench.py page > nbs/explanation/bench.md
cat nbs/explanation/bench.md
