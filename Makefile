# make report   read the embedded sample and write report/
# make test     tests/, and every notebook run and compared with what it stores
# make test-elsewhere  what is numerically delicate, as another processor would compute it; KIND=old, avx2, avx512 or threads
# make matrix   core tests on Python 3.11 to 3.13, and with the lowest versions of what is required; ON="3.13 lowest" chooses
# make mutants  does a test notice a small change to ROOM=custody/spells? with N=100 so many changes, drawn by SEED
# make docs     the site into _docs/; with EXECUTE=1 every notebook is run again first, and what differs is stored
# make calibrate  measure how often each design of effects is wrong (about half an hour on two cores)
# make bench    speed and memory beside other tools, on 1 and 10 million events; with BIG=1 also 100 million, ours only; RUNS=1, SIZES="1 10" choose
# make clean    remove everything made here
VENV := .venv
BIN := $(VENV)/bin
SETUP := settings.ini setup.py pyproject.toml constraints.txt
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# many small matrices: one thread a process, the workers share the cores
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export NUMEXPR_NUM_THREADS := 1
export VECLIB_MAXIMUM_THREADS := 1

.PHONY: report test test-elsewhere matrix mutants docs execute bench calibrate clean
.DEFAULT_GOAL := report

report: $(VENV)/.installed
	$(BIN)/liuan-eval report --out report

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

test-elsewhere: $(VENV)/.dev
	$(BIN)/python tools/arithmetic.py $(KIND)

matrix: $(VENV)/.dev
	$(BIN)/python tools/matrix.py $(ON)

mutants: $(VENV)/.dev
	nice $(BIN)/python tools/mutants.py $(ROOM) $(if $(N),--sample $(N)) $(if $(SEED),--seed $(SEED))

docs: $(if $(EXECUTE),execute) _docs/index.html

# rebuilt only when something it is made from has changed
SITE := $(shell find nbs liuan_eval/ figures tools/docs.py CITATION.cff -type f ! -name '*.pyc' ! -name nbdev.yml)
_docs/index.html: $(SITE) | $(VENV)/.dev
	$(BIN)/python tools/docs.py

execute: $(VENV)/.dev
	$(BIN)/python tools/notebooks.py
	$(BIN)/nbdev-clean

bench: $(VENV)/.dev
	PYTHON=$(BIN)/python bash tools/bench.sh

calibrate: $(VENV)/.dev
	$(BIN)/python tools/calibrate.py

# PYTHON=... chooses another interpreter
$(BIN)/python:
	@for p in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	  if "$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making $(VENV) with $$("$$p" --version)"; exec "$$p" -m venv $(VENV); fi; done; \
	echo 'liuan_eval needs Python 3.11 or newer with its venv module, and found none on the PATH (Debian and Ubuntu: apt install python3-venv).' >&2; exit 1

$(VENV)/.installed: $(SETUP) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e . -c constraints.txt
	@touch $@

$(VENV)/.dev: $(SETUP) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e '.[dev]' -c constraints.txt
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .bench report report_* _docs _proc _site_src build dist *.egg-info .hypothesis .pytest_cache .ruff_cache
