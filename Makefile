# The two commands to know: `make check` judges the environments of this repository, `make test` tests driftgate.
# Works with GNU make 3.81, the one that macOS brings. Another Python: make check PYTHON=python3.13

PYTHON ?= python3
# More arguments for pytest, such as ARGS='-x -k plate-web-stg'.
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
INPUTS := pyproject.toml setup.py constraints.txt
# Tests start some thousand times a Python, which would compile all of driftgate each time.
unexport PYTHONDONTWRITEBYTECODE
# For mypy the checks have to lie where the installed package has them; pyproject.toml maps the folder, and mypy does
# not read that.
TYPED := $(VENV)/typed

.PHONY: check live test lint types docs bench agreement constraints clean

check: $(VENV)/.gate
	$(BIN)/pytest $(ARGS)

# What scripts/deploy-stg.sh and the commands that look at a cluster need besides.
live: $(VENV)/.live

# Where a program can be neither found nor built, its tests are counted as not run, which fails the run as well.
# One worker more than the cores of a small machine: tests of a cluster wait a part of their time.
test: lint types
	-@$(BIN)/python tools/build.py > /dev/null
	DRIFTGATE_TESTS_NO_SKIPS=1 $(BIN)/pytest tests -n 3 $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	@mkdir -p $(TYPED)/driftgate
	@ln -sfn ../../../checks $(TYPED)/driftgate/checks
	MYPYPATH=.:$(TYPED) $(BIN)/mypy driftgate $(TYPED)/driftgate/checks tests tools bench

docs: $(VENV)/.gate
	$(BIN)/python tools/docs.py

bench: $(VENV)/.dev
	$(BIN)/python -m bench $(ARGS)

# Many more pairs than the tests compare with Argo CD's own code: make agreement ARGS='--pairs 50000'
agreement: $(VENV)/.dev
	$(BIN)/python -m tests.agreement $(ARGS)

# The newest versions that the ranges of pyproject.toml allow. With the oldest Python, so that every Python has them.
constraints:
	rm -rf $(VENV)/fresh
	$(PYTHON) -m venv $(VENV)/fresh
	$(VENV)/fresh/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,live]'
	{ echo '# What CI runs on, and what the extras would bring. Written by `make constraints`.'; \
	  $(VENV)/fresh/bin/python -m pip freeze --exclude-editable; } > constraints.txt
	rm -rf $(VENV)/fresh

clean:
	rm -rf $(VENV) build dist driftgate.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.made:
	@command -v "$(PYTHON)" > /dev/null || { \
	  echo 'There is no $(PYTHON); name a Python 3.11 or newer: make PYTHON=python3.13' >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'driftgate needs Python 3.11 or newer, and $(PYTHON) is older; name another: make PYTHON=python3.13' >&2; \
	  exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.gate: $(VENV)/.made $(INPUTS)
	@echo 'Installing driftgate into $(VENV): some 80 MB the first time, most of it the Helm engine'
	@$(PIP) --editable .
	@touch $@

$(VENV)/.live: $(VENV)/.gate
	@echo 'Installing what looking at a cluster needs into $(VENV): some 5 MB to load, 130 MB unpacked'
	@$(PIP) --editable '.[live]'
	@touch $@

$(VENV)/.dev: $(VENV)/.live
	@echo 'Installing what the tests need into $(VENV): some 100 MB the first time, most of it Go'
	@$(PIP) --editable '.[dev]'
	@touch $@
