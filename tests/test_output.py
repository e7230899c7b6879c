"What is written, where, and what lies there when a run is refused, stopped, or fails in part."

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import here
import nbformat
import pandas as pd
import pytest
from execnb.shell import CaptureShell

from liuan_eval.report import cli as commands
from liuan_eval.report import output
from liuan_eval.report import render as rendering
from liuan_eval.report.kernel import executed, tell_missing
from liuan_eval.report.output import file_beside, folder_beside
from liuan_eval.report.stop import stoppable
from liuan_eval.report.trouble import failure
from liuan_eval.words.text import LogError


def write(out, text="1", **more) -> dict[str, str]:
    "A run in small: what lies in the folder after it"
    with folder_beside(out, **more) as work:
        (work.folder / "tables").mkdir()
        (work.folder / "tables" / f"{text}.csv").write_text(text)
        (work.folder / "index.html").write_text(text)
        (work.private / "spill").write_text("secret")
    return contents(out)


def contents(folder) -> dict[str, str]:
    return {
        f.relative_to(folder).as_posix(): f.read_text(errors="replace")
        for f in Path(folder).rglob("*")
        if f.is_file() and f.name != "files.json"
    }


def hidden(folder) -> list[str]:
    return [p.name for p in Path(folder).iterdir() if p.name.startswith(".")]


def log(path: Path, n=6) -> Path:
    rows = [
        (str(i), f"2022-02-{17 + k:02}", u, a) for i in range(n) for k, (u, a) in enumerate([("甲局", "dispatched"), ("乙局", "closed")])
    ]
    pd.DataFrame(rows, columns=["case_id", "timestamp", "unit", "activity"]).to_csv(path, index=False)
    return path


def test_a_new_run_replaces_what_is_ours_whole_and_leaves_nothing_beside(tmp_path):
    assert write(tmp_path / "r") == {"tables/1.csv": "1", "index.html": "1"}
    assert write(tmp_path / "r", "2") == {"tables/2.csv": "2", "index.html": "2"}
    assert hidden(tmp_path) == []


def test_what_is_not_ours_or_was_changed_is_refused_by_name_and_force_replaces_only_what_is_ours(tmp_path):
    write(r := tmp_path / "r")
    for name, text in {"notes.txt": "mine", "tables/own.csv": "mine", "tables/1.csv": "changed", "sub/deep/x": "mine"}.items():
        (r / name).parent.mkdir(parents=True, exist_ok=True)
        (r / name).write_text(text)
    (r / "link").symlink_to(tmp_path)
    (r / "empty").mkdir()
    (r / ".DS_Store").write_text("")
    before = contents(r)
    with pytest.raises(LogError, match=r"empty, link, notes.txt, sub/deep/x, tables/own.csv, tables/1.csv"):
        write(r, "2")
    assert contents(r) == before
    after = {"notes.txt": "mine", "tables/own.csv": "mine", "sub/deep/x": "mine", ".DS_Store": "", "tables/2.csv": "2", "index.html": "2"}
    assert write(r, "2", force=True) == after
    assert (r / "link").is_symlink() and (r / "empty").is_dir() and hidden(tmp_path) == []


@pytest.mark.parametrize("name", ["index.html", "files.json"])
def test_a_file_of_somebody_else_is_not_replaced_even_by_force(tmp_path, name):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / name).write_text("mine")
    with pytest.raises(LogError, match=rf"{name}.*does not replace"):
        write(tmp_path / "r", force=True, fixed=["index.html"])
    assert (tmp_path / "r" / name).read_text() == "mine"


def test_a_name_that_only_the_run_turns_out_to_need_and_a_file_added_meanwhile_are_kept(tmp_path):
    write(r := tmp_path / "r")
    (r / "tables" / "2.csv").write_text("mine")
    with pytest.raises(LogError, match=r"tables/2.csv.*not replaced"):
        write(r, "2", force=True)
    (r / "tables" / "2.csv").unlink()
    with pytest.raises(LogError, match=r"late.txt"), folder_beside(r):
        (r / "late.txt").write_text("mine")
    assert contents(r) == {"tables/1.csv": "1", "index.html": "1", "late.txt": "mine"}


def test_the_lock_of_a_plan_outlives_every_run(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "plan.lock").write_text("frozen")
    with folder_beside(tmp_path / "r") as work:
        assert (work.folder / "plan.lock").read_text() == "frozen"
    assert write(tmp_path / "r")["plan.lock"] == "frozen"


def test_places_where_output_cannot_go(tmp_path, monkeypatch):
    source = log(tmp_path / "log.csv")
    os.link(source, tmp_path / "hard.csv")
    (tmp_path / "w").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "w")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path / "w")
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))
    (tmp_path / "home" / "me").mkdir(parents=True)
    places = [
        ".",
        "",
        "..",
        "/",
        tmp_path,
        tmp_path / "home",
        tmp_path / "home" / "me",
        source,
        tmp_path / "hard.csv",
        tmp_path / "link",
        tmp_path / "dangling",
    ]
    places += [tmp_path / "w" / ".." / "hard.csv"]
    for place in places:
        for way in (folder_beside, file_beside):
            with pytest.raises(LogError), way(place, [source], force=True):
                raise AssertionError(f"{place} was taken")
    with pytest.raises(LogError, match="lies within"), folder_beside(tmp_path / "w" / "r", [tmp_path / "w"]):
        pass
    for odd, way in ((Path("/dev/null"), file_beside), (source, folder_beside)):
        with pytest.raises(LogError), way(odd, force=True):
            raise AssertionError(f"{odd} was taken")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "hard.csv", "home", "link", "log.csv", "w"]


def test_a_workbook_that_is_open_is_told_before_the_work(tmp_path):
    write(tmp_path / "r")
    (tmp_path / "r" / "~$tables.xlsx").write_text("")
    with pytest.raises(LogError, match="open"):
        write(tmp_path / "r", force=True)


HOLD = "import os, signal, sys; from liuan_eval.report.output import folder_beside\nwith folder_beside('r') as w:\n (w.folder / 'half').write_text('x'); print('in', flush=True); sys.stdin.read()"


def test_a_second_run_is_refused_and_a_killed_one_leaves_the_old_folder_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("r")
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=-1, stdout=-1) as other:
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(LogError, match="another run is writing r"):
            write("r", "2")
        assert hidden(".") == [".r.writing"] and Path(".r.writing").stat().st_mode & 0o777 == 0o700
        other.kill()
    assert contents("r") == {"tables/1.csv": "1", "index.html": "1"}
    assert write("r", "2") == {"tables/2.csv": "2", "index.html": "2"} and hidden(".") == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that can be stopped at a call is made by fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_stopped_at_any_call_of_the_system_the_old_folder_or_the_new_one_is_whole(tmp_path, monkeypatch):
    "As kill -9 would stop it: nothing that cleans up runs, and the next run finds what is there"
    old, new = {"tables/1.csv": "1", "index.html": "1"}, {"tables/2.csv": "2", "index.html": "2"}
    monkeypatch.chdir(tmp_path)
    seen = []
    for n in count():
        write("r", "1", force=True)
        if not (child := os.fork()):
            calls = iter(range(n, -10_000, -1))

            def stop(event, args, calls=calls):
                if event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link") and next(calls) == 0:
                    os._exit(9)

            sys.addaudithook(stop)
            write("r", "2")
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        there = contents("r" if Path("r").exists() else ".r.writing/old")
        assert there in (old, new) and (code or there == new)
        seen.append((code, there == new))
        with pytest.raises(ZeroDivisionError), folder_beside("r"):
            raise ZeroDivisionError  # the next run, whatever becomes of it, has put back and cleared away
        assert contents("r") == there and hidden(".") == []
        if code == 0:
            break
    assert {(9, False), (9, True)} <= set(seen), seen


def test_a_run_that_fails_leaves_no_folder_that_it_made(tmp_path):
    with pytest.raises(ZeroDivisionError), folder_beside(tmp_path / "a" / "b" / "r"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_single_files_are_written_beside_and_never_over_another(cli):
    source = log(Path("log.csv"))
    text = source.read_bytes()
    for words in (["graph", "--out"], ["check", "--csv"]):
        run = lambda out, *more, words=words: cli(words[0], "log.csv", words[1], out, "--lang", "en", *more)
        assert [run("x.csv").returncode, run("x.csv").returncode, run("x.csv", "--force").returncode] == [0, 2, 0]
        assert "--force" in run("x.csv").stderr and "which is read" in run("log.csv", "--force").stderr
        Path("x.csv").unlink()
    assert cli("mapping", "log.csv", "--out", "log.csv").returncode == 2
    assert source.read_bytes() == text and sorted(os.listdir()) == ["log.csv"]


HOSTILE = ("seaborn", "pandas", "liuan_eval", "json", "sitecustomize", "IPython", "ipykernel", "matplotlib")


def test_nothing_in_the_current_folder_or_the_environment_reaches_the_kernel(tmp_path, monkeypatch):
    for name in HOSTILE:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})")
    line = f"open({str(tmp_path / 'ran')!r}, 'a').write('configured')"
    (tmp_path / "profile_default" / "startup").mkdir(parents=True)
    (tmp_path / "profile_default" / "startup" / "0.py").write_text(line)
    for name in ("ipython_config.py", "ipython_kernel_config.py", "profile_default/ipython_config.py", "start.py"):
        (tmp_path / name).write_text(line if name == "start.py" else f"c.InteractiveShellApp.exec_lines = [{line!r}]")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True")
    for folder in ("basic", "base", "nbconvert/templates/basic"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "index.html.j2").write_text("ran")
        (tmp_path / folder / "conf.json").write_text('{"base_template": "base"}')
    (tmp_path / "kernels" / "python3").mkdir(parents=True)
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    monkeypatch.chdir(tmp_path)
    for key, value in dict(
        PYTHONSTARTUP="start.py", PYTHONWARNINGS="error", IPYTHONDIR=str(tmp_path), MPLBACKEND="none", MATPLOTLIBRC=str(tmp_path), JUPYTER_PATH=str(tmp_path), JUPYTER_RUNTIME_DIR="/nowhere", JUPYTER_DEFAULT_PROVISIONER_NAME="none",
    ).items():  # fmt: skip
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    (private := tmp_path / "private").mkdir()
    source = "import json, os, sys, warnings, matplotlib, pandas, liuan_eval\nwarnings.warn('loud')\nprint(json.dumps([sys.executable, sys.path, os.getcwd(), matplotlib.rcParams['text.usetex'], liuan_eval.__file__]))"
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    assert executed(nb, private, {}) == {} and not (tmp_path / "ran").exists()
    python, path, cwd, usetex, package = json.loads("".join(o.text for o in nb.cells[0].outputs))
    assert (python, cwd, usetex, Path(package).parents[1]) == (sys.executable, str(private), False, Path(commands.__file__).parents[2])
    assert not {"", ".", str(tmp_path), str(private)} & set(path)
    assert sys.executable in rendering.html_of(nb, "t")


def test_a_process_that_dies_and_a_machine_that_lacks_something_end_the_run_in_words(tmp_path):
    for source, words in (
        ("import os; os._exit(1)", "memory ran out"),
        ("raise OSError(28, 'No space left on device', 'x.csv')", "x.csv: the disk is full"),
        ("raise MemoryError", "enough memory"),
    ):
        (private := tmp_path / str(len(source))).mkdir()
        with pytest.raises(LogError, match=words):
            executed(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1"), nbformat.v4.new_code_cell(source)]), private, {})


def run_and_note(notebook, private, secret, progress=None):
    "In the place of `executed`, in this process: what fails after the heading is noted"
    shell, failed = CaptureShell(), {}
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs = [o for o in shell.run(cell.source) if o["output_type"] != "error"]
            if e := shell.exc:
                failed[i] = failure(e)
                cell.outputs.append(dict(output_type="error", ename=type(e).__name__, evalue=str(e), traceback=[]))
    notebook.cells = nbformat.reads(json.dumps(notebook), 4).cells
    return failed


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_part_that_fails_says_so_in_its_place_and_the_code_is_3(cli, monkeypatch, lang):
    from liuan_eval import figures, metrics

    def broken(*_args, **_more):
        raise LogError("<b>太少</b>", "too <b>few</b>") if lang == "en" else IndexError("secret of the log")

    monkeypatch.setattr(rendering, "executed", run_and_note)
    monkeypatch.setattr(figures, "resolution_curve", broken)
    monkeypatch.setattr(metrics, "catalogue", broken)
    log(Path("log.csv"))
    run = cli("report", "log.csv", "--lang", lang, "--out", "r")
    page, missing = Path("r/index.html").read_text("utf-8"), json.loads(Path("r/run.json").read_text("utf-8"))["missing"]
    assert run.returncode == 3 and [m["section"] for m in missing][1:] == [dict(zh="定义", en="Definitions")[lang]]
    assert missing[1]["why"] in run.stderr and run.stderr.count("\n- ") == 2
    why = dict(zh="IndexError", en="too &lt;b&gt;few&lt;/b&gt;")[lang]
    assert page.count(why) == 4 and page.index(why) < page.index("<h2")  # below the title and in both places
    assert "secret of the log" not in page + run.stderr and "Traceback" not in page + run.stderr
    assert "SHA-256" in page and str(Path.cwd()) not in page + Path("r/report.ipynb").read_text("utf-8")


def test_a_cell_that_only_lacks_a_name_of_a_failed_one_is_silent():
    nb, failed = nbformat.v4.new_notebook(), {}
    for i, (source, error) in enumerate(
        [
            ("# heading", None),
            ("a = 1 / 0", ZeroDivisionError()),
            ("b = a", NameError("name 'a' is not defined")),
            ("b", NameError("name 'b' is not defined")),
            ("c", NameError("name 'c' is not defined")),
        ]
    ):
        nb.cells.append(nbformat.v4.new_code_cell(source))
        if error:
            failed[i] = failure(error)
            nb.cells[i].outputs = [nbformat.v4.new_output("error", ename=type(error).__name__, evalue=str(error), traceback=["secret"])]
        else:
            nb.cells[i].outputs = [nbformat.v4.new_output("display_data", {"text/markdown": "# 标题"})]
    assert [re.findall(r"\w+Error", m["why"]) for m in tell_missing(nb, failed, "zh")] == [["ZeroDivisionError"], ["NameError"]]
    assert [len(c.outputs) for c in nb.cells] == [2, 1, 0, 0, 1] and "secret" not in str(nb)


ASKED = (
    ["report", "--controls", "gone.csv"],
    ["report", "--controls", "bad.csv"],
    ["report", "--mapping", "bad.csv"],
    ["report", "--start", "yesterday"],
    ["report", "--lang", "fr"],
    ["campaign", "--plan", "bad.csv"],
    ["campaign", "--plan", "gone.toml"],
    ["bulletin", "--card", "nobody"],
    ["bulletin", "--card", "gone.toml"],
)


def test_what_was_asked_for_and_cannot_be_read_is_code_2_before_anything_is_computed(cli, monkeypatch):
    def never(*_args, **_more):
        raise AssertionError("computed")

    monkeypatch.setattr(rendering, "executed", never)
    log(Path("log.csv"))
    Path("bad.csv").write_bytes("单位,月".encode("gbk"))
    for words in ASKED:
        run = cli(words[0], "log.csv", *words[1:])
        assert run.returncode == 2 and run.stderr.startswith("错误：") and run.stderr.count("\n") == 1, (words, run)
    assert sorted(os.listdir()) == ["bad.csv", "log.csv"]


def test_another_plan_than_the_frozen_one_is_refused_at_once(tmp_path):
    from liuan_eval.effects.plan import Plan
    from liuan_eval.words.text import DATA

    usual = DATA / "plans" / "campaign.toml"
    other = tmp_path / "p.toml"
    other.write_text(usual.read_text("utf-8").replace("alpha = 0.05", "alpha = 0.01") + "\n", "utf-8")
    (tmp_path / "r").mkdir()
    Plan.read(usual).freeze(tmp_path / "r")
    if Plan.read(other).sha256 != Plan.read(usual).sha256:
        with pytest.raises(LogError, match="another plan"):
            rendering.render("campaign", plan=other, out=tmp_path / "r")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_whatever_ends_a_command_is_one_sentence_and_a_code(cli, monkeypatch, lang):
    words = {
        OSError(errno.ENOSPC, "x", "out"): (2, "磁盘已满", "disk is full"),
        OSError(errno.EROFS, "x", "out"): (2, "只读", "only be read"),
        PermissionError(errno.EACCES, "x", "out"): (2, "Excel", "Excel"),
        OSError(errno.EIO, "it broke", "out"): (2, "it broke", "it broke"),
        RuntimeError("IO Error: No space left on device"): (2, "磁盘已满", "disk is full"),
        MemoryError(): (2, "内存不足", "not enough memory"),
        KeyboardInterrupt(): (130, "已中断", "stopped"),
        IndexError("36 kB"): (1, "IndexError", "IndexError"),
    }
    for error, (code, zh, en) in words.items():

        def fail(_error=error, **_values):
            raise _error

        monkeypatch.setitem(commands.COMMANDS, "check", commands.replace(commands.COMMANDS["check"], run=fail))
        run = cli("check", "--lang", lang)
        assert run.returncode == code and run.stdout == "" and run.stderr.count("\n") == 1, (error, run)
        assert (zh if lang == "zh" else en) in run.stderr and "36 kB" not in run.stderr
    monkeypatch.setitem(commands.COMMANDS, "check", commands.replace(commands.COMMANDS["check"], run=lambda **_: 1 / 0))
    monkeypatch.setenv("LIUAN_EVAL_DEBUG", "1")
    assert "Traceback" in cli("check").stderr


def test_the_codes_are_in_the_help(cli):
    for lang in ("zh", "en"):
        assert all(code in cli("--help", "--lang", lang).stdout for code in ("0", "1", "2", "3", "130", "143"))


def test_a_signal_ends_what_it_is_sent_to_and_a_second_is_not_heard():
    for number in (signal.SIGINT, signal.SIGTERM):
        kept = signal.signal(number, signal.default_int_handler)  # who starts tests in the background may have it ignored
        stopped, cleaned, before = [], [], signal.getsignal(number)
        with pytest.raises(SystemExit) as e, stoppable(stopped):
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(number)
                cleaned.append(True)
        assert (e.value.code, stopped, cleaned, signal.getsignal(number)) == (128 + number, [number], [True], before)
        signal.signal(number, kept)


def test_a_report_that_is_told_to_stop_leaves_no_process_and_no_file(tmp_path):
    log(tmp_path / "log.csv")
    command = [sys.executable, "-c", "from liuan_eval.report.stop import start; start()", "report", "log.csv", "--lang", "en", "--out", "r"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=-1, text=True) as run:
        while not (found := list(tmp_path.glob(".r.writing/tmp*/ipython"))) and run.poll() is None:
            time.sleep(0.05)  # until the kernel is there
        run.terminate()
        err = run.communicate()[1]
    assert found and (run.returncode, err) == (143, "error: stopped; nothing was changed.\n")
    assert os.listdir(tmp_path) == ["log.csv"]
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path / ".r.writing") not in listed


@pytest.fixture
def tiny(tmp_path):
    "A disk of 20 MB"
    (tmp_path / "tiny").mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(tmp_path / "tiny")], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield tmp_path / "tiny"
    subprocess.run(["umount", "-l", str(tmp_path / "tiny")], check=True)


def test_a_small_disk_a_full_one_and_one_that_can_only_be_read(cli, tiny):
    def remains() -> list[str]:
        return [p.name for p in tiny.iterdir() if p.name != "fill"]

    log(Path("log.csv"))
    for out, words in ((tiny, "where a disk is mounted"), (tiny / "r", "disk is full"), (tiny / "a" / "r", "disk is full")):
        run = cli("report", "log.csv", "--out", str(out), "--lang", "en")
        assert run.returncode == 2 and words in run.stderr and remains() == []
    with (tiny / "fill").open("wb") as f, pytest.raises(OSError, match="No space"):
        while True:
            f.write(bytes(1 << 16))
            f.flush()
    for words, said in (
        (["graph", "log.csv", "--out"], "磁盘已满"),
        (["check", "log.csv", "--csv"], "磁盘已满"),
        (["mapping", "log.csv", "--out"], "磁盘已满"),
    ):
        run = cli(*words, str(tiny / "x.csv"))
        assert run.returncode in (0, 2) and (run.returncode == 0 or said in run.stderr) and [n for n in remains() if n != "x.csv"] == []
        assert run.returncode == 0 or remains() == []
        (tiny / "x.csv").unlink(missing_ok=True)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny)], check=True)
    run = cli("report", "log.csv", "--out", str(tiny / "r"), "--lang", "en")
    assert run.returncode == 2 and "can only be read" in run.stderr


def test_the_notebook_that_is_kept_names_files_by_their_way_from_it_and_runs_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log(Path("log.csv"))
    Path("results").mkdir()
    here.render(monkeypatch, "report", "log.csv", out="results/r")
    nb = nbformat.read("results/r/report.ipynb", 4)
    cell = next(c.source for c in nb.cells if "parameters" in c.metadata.get("tags", []))
    assert (
        "source = '../../log.csv'" in cell
        and "out = '.'" in cell
        and str(tmp_path) not in Path("results/r/report.ipynb").read_text("utf-8")
    )
    monkeypatch.chdir("results/r")
    before = contents(".")["tables/city.csv"]
    here.executed(nb, None, {})
    assert contents(".")["tables/city.csv"] == before
    monkeypatch.chdir(tmp_path)
    changed = output._others(Path("results/r"))
    assert changed[0] == [] and set(changed[1]) <= {"run.json", "tables.xlsx"} and "run.json" in changed[1]
