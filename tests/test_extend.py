"The worked diffs of the page on adding to it apply to this tree, and what they add can be used"

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import notebooks
import pytest

from liuan_eval.intake.mapping import Mapping

ROOT = Path(__file__).parents[1]
NBS = "nbs/explanation"
pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="needs git and a clone")


@pytest.fixture(scope="module")
def says(tmp_path_factory):
    "The files of this tree elsewhere, with all diffs applied, exported and two of their notebooks run; what it gives runs Python code there"
    there = tmp_path_factory.mktemp("clone")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        to = there / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to, follow_symlinks=False)
    env = os.environ | dict(PYTHONPATH=str(there))

    def run(*args):
        res = subprocess.run(args, cwd=there, env=env, capture_output=True, text=True)
        assert res.returncode == 0, res.stdout + res.stderr
        return res.stdout

    run("git", "init", "-q")
    for diff in sorted((ROOT / NBS / "diffs").glob("*.diff")):
        run("git", "apply", str(diff))
    run(Path(sys.executable).with_name("nbdev-export"))
    for name in ("words/vocabulary", "domain/rules"):
        assert (failed := notebooks.run(there, f"nbs/{name}.ipynb")) is None, failed
    return lambda code: run(sys.executable, "-c", code)


def test_the_indicator_is_computed_and_in_the_catalogue(says):
    said = says(
        "import json, pandas as pd; from fastcore.test import test_eq\n"
        "from liuan_eval import metrics; from liuan_eval.intake.log import CaseLog, read_log; from liuan_eval.indicators.volume import direct_rate\n"
        "cells = json.load(open('nbs/indicators/volume.ipynb', encoding='utf-8'))['cells']\n"
        "exec(''.join(next(c for c in cells if c['id'] == 'direct-toy')['source']))\n"
        "print(metrics.compute(read_log(), 'direct_rate', lang='zh').to_csv(index=False), *metrics.catalogue('en').name)",
    )
    assert re.search(r"直办率,0,\d{4,},0.0,0.0,", said) and "direct_rate" in said  # the simulated hotline never answers itself


def test_the_channel_is_known_by_code_label_and_word(says):
    said = says(
        "import pandas as pd; from liuan_eval import metrics; from liuan_eval.intake.log import CaseLog\n"
        "t = pd.DataFrame([('1', '2024-01-01', '住建局', '签收', '随手拍')], columns=['case_id', 'timestamp', 'unit', 'activity', 'channel'])\n"
        "print(metrics.compute(CaseLog.from_frame(t), 'n_cases', by='channel', lang='en').to_csv(index=False))",
    )
    assert "Cases,Mobile app,1," in said


def test_the_rule_gives_due_dates_and_stands_on_its_page(says):
    said = says(
        "from datetime import date; from liuan_eval.words.rules import Rules\n"
        "find = lambda u: Rules.read('shenyang_mailbox').find('handle', date(2024, 3, 1), channel='mayor_mailbox', urgency=u).limit\n"
        "print(find('complex'), find('general'))",
    )
    assert said.split() == ["10wd", "3wd"]


def test_the_design_runs_in_the_calibration_where_it_is_wrong_more_often_and_stays_out_of_the_studies(says):
    said = says(
        "from liuan_eval.effects import calibration\nfrom liuan_eval.effects.designs.registry import known\n"
        "cell = calibration.Cell(26, 13, 0.8)\n"
        "f = calibration.summarise(cell, calibration.run(cell, ['difference_series', 'difference_prais'], 100)).set_index('design')\n"
        "print(*f.rejected[['difference_series', 'difference_prais']], 'difference_prais' in known(), 'difference_prais' in known(studied=True))",
    )
    reml, prais, registered, studied = said.split()
    assert float(reml) < float(prais) and (registered, studied) == ("True", "False")


def test_the_lines_for_a_mapping_are_a_mapping():
    cells = json.loads((ROOT / NBS / "extend.ipynb").read_text("utf-8"))["cells"]
    found = [t for c in cells for t in re.findall(r"```toml\n(.*?)```", "".join(c["source"]), re.S)]
    channel, rule = (Mapping.make(tomllib.loads(t)) for t in found)
    assert channel.words["channel"] == {"12345便民平台": "hotline"} and rule.rules[0]["limit"] == "1wd"
