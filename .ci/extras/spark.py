"A table in Spark is computed there"

import shutil

from pyspark.sql import SparkSession

from liuan_eval.intake.log import CaseLog
from liuan_eval.metrics import compute

if not shutil.which("java"):
    raise SystemExit(print("installs; not tried, since there is no Java"))

builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False).config("spark.sql.shuffle.partitions", 1)
spark = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
events = "select '1' case_id, timestamp_ntz '2022-02-17 09:00' timestamp, 'A' unit, 'dispatched' activity union all "
events += "select '1', timestamp_ntz '2022-02-18 09:00', 'B', 'closed'"
log = CaseLog.from_frame(spark.sql(events))
assert log.core._find_backend().name == "pyspark"
assert compute(log, "n_cases").value.tolist() == [1]
print("computes in Spark")
