"A table on the server named in LIUAN_EVAL_POSTGRES is computed there"

import os

import psycopg

from liuan_eval.intake.log import read_log
from liuan_eval.intake.mapping import Mapping
from liuan_eval.metrics import compute

address = os.environ.get("LIUAN_EVAL_POSTGRES")
if not address:
    raise SystemExit(print("installs; not tried, since LIUAN_EVAL_POSTGRES names no server"))

with psycopg.connect(address, autocommit=True) as con:
    con.execute('create table alone (case_id text, "timestamp" timestamp, unit text, activity text)')
    try:
        con.execute("insert into alone values ('1', '2022-02-17 09:00', 'A', 'dispatched'), ('1', '2022-02-18 09:00', 'B', 'closed')")
        log = read_log(address, mapping=Mapping(tables={"events": "alone"}))
        assert log.core._find_backend().name == "postgres" and compute(log, "n_cases").value.tolist() == [1]
        log.con.disconnect()
    finally:
        con.execute("drop table alone")
print("computes in PostgreSQL")
