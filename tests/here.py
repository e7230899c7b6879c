"A study run in this process: what `render` does, without the seconds that a kernel takes to start"

import json

import nbformat
from execnb.shell import CaptureShell

from liuan_eval.report import render as rendering


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
