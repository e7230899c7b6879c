"A study run in this process: what `render` does, without the seconds that a kernel takes to start"

import functools
import json
from contextlib import contextmanager

import nbformat
import pytest
from execnb.shell import CaptureShell

from liuan_eval.report import render as rendering
from liuan_eval.report import study


def executed(notebook, private, secret, progress=None):
    "In the place of `render.executed`; an error comes as it was raised"
    shell = CaptureShell()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = list(shell.run(cell.source))
            if shell.exc:
                raise shell.exc
    notebook.cells = nbformat.reads(json.dumps(notebook), 4).cells
    return {}


def render(monkeypatch, *args, **values) -> str:
    "The page of a study, as text"
    with monkeypatch.context() as m:
        m.setattr(rendering, "executed", executed)
        return rendering.render(*args, **values).read_text(encoding="utf-8")


@contextmanager
def read_once():
    "Meanwhile commands and studies that ask for one log in one way share it; for files that stay as they are"
    with pytest.MonkeyPatch.context() as m:
        m.setattr(study, "read_log", functools.cache(study.read_log))
        yield
