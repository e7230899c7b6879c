# make report   read the embedded sample and write report/
# make test     every notebook run and compared with what it stores, then tests/
# make docs     the site into _docs/; with EXECUTE=1 every notebook is run again first
# make calibrate  measure how often each design of effects is wrong (about twenty minutes)
# make bench    speed and memory beside other tools
# make clean    remove everything made here
VENV := .venv
BIN := $(VENV)/bin
SETUP := settings.ini setup.py pyproject.toml constraints.txt
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: report test docs execute bench calibrate clean
.DEFAULT_GOAL := report

report: $(VENV)/.installed
	$(BIN)/liuan-eval report --out report

test: $(VENV)/.dev
	$(BIN)/python tools/notebooks.py
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

docs: $(if $(EXECUTE),execute) _docs/index.html

# rebuilt only when something it is made from has changed
SITE := $(shell find nbs liuan_eval/ figures tools/docs.py CITATION.cff -type f ! -name '*.pyc' ! -name nbdev.yml)
_docs/index.html: $(SITE) | $(VENV)/.dev
	$(BIN)/python tools/docs.py

execute: $(VENV)/.dev
	$(BIN)/nbdev-test --save
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
