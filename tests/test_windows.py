"No number hangs on the order in which an engine happens to hold its rows: a window that looks at neighbours says in which order they stand"

import ibis
import ibis.expr.operations as ops
import pytest
from ibis.backends.sql.compilers import DuckDBCompiler
from steps import DISPATCHER, random_log

from liuan_eval import metrics
from liuan_eval.custody import cases, hops, spells
from liuan_eval.custody.milestones import deadlines, endings
from liuan_eval.intake.log import CaseLog


def unordered(expr):
    "The windows of an expression whose value another order of the rows could change"
    for w in expr.op().find(ops.WindowFunction):
        neighbours = isinstance(w.func, (ops.Analytic, ops.First, ops.Last)) or (w.start is None) != (w.end is None)
        passing = not w.group_by  # over a table that lies in its order, as it was read or kept: see `intake.neighbours`
        if neighbours and not w.order_by and not passing:
            yield w


def test_a_window_without_an_order_is_seen():
    t = ibis.table(dict(case="int64", n="int64", x="int64"), name="t")
    whole, by_n = dict(group_by=t.case), dict(group_by=t.case, order_by=t.n)
    good = [t.x.sum().over(**whole), t.x.sum().over(**by_n, rows=(None, -1)), t.x.lag().over(**by_n), t.x.last().over(**by_n)]
    good.append(ibis.row_number().over())
    bad = [t.x.sum().over(**whole, rows=(None, -1)), t.x.min().over(**whole, rows=(None, 0)), t.x.lag().over(**whole)]
    bad += [t.x.last().over(**whole), ibis.row_number().over(**whole)]
    assert [len(list(unordered(t.mutate(y=y)))) for y in [*good, *bad]] == [0] * 5 + [1] * 5


@pytest.fixture(scope="module")
def asked():
    "Every expression that DuckDB is asked, from the order of the events to the indicators"
    seen, patch, ask = [], pytest.MonkeyPatch(), DuckDBCompiler.to_sqlglot
    patch.setattr(DuckDBCompiler, "to_sqlglot", lambda self, expr, **more: (seen.append(expr), ask(self, expr, **more))[1])
    events, about = random_log(1, n=60)
    rules = [dict(step="handle", limit="5wd"), dict(step="extend", limit="5wd")]
    log = CaseLog.from_frame(events, cases=about, dispatchers=[DISPATCHER], returned="unit_to_dispatcher", rules=rules)
    for table in (spells, hops, cases, deadlines, endings):
        table(log).execute()
    metrics.compute(log)
    patch.undo()
    return seen


def test_windows_that_look_at_neighbours_say_in_which_order(asked):
    assert len(asked) > 20 and sum(len(e.op().find(ops.WindowFunction)) for e in asked) > 30
    assert [repr(w.to_expr()) for e in asked for w in unordered(e)] == []
