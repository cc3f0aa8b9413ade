# Two commands do everything: "make run" and "make test".
# What a machine needs: Python 3.11 or newer, python3-venv and make.

PYTHON ?= python3
PORT ?= 8000
DEMO ?= demo-project
ARGS ?=

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# The auditor has an environment of its own: it is no part of what it looks at.
AUDITOR := $(CURDIR)/$(VENV)/audit/bin/pip-audit
AUDIT ?= $(AUDITOR)

.PHONY: help run test wide soak faults downstream bench lint docs audit check clean
.DELETE_ON_ERROR:

help:
	@echo "make run     install, create the demo project and serve it on http://127.0.0.1:$(PORT)"
	@echo "make test    install and run the tests (without PostgreSQL or Redis: those that need none)"
	@echo "make wide    the rest of them: each page, each plugin, the other database (about twenty minutes)"
	@echo "make soak    run the tests that take minutes each"
	@echo "make faults  kill, cut off and starve real processes, three times in a row (long ones too)"
	@echo "make downstream  run the tests of the example plugins against the built wheel (about ten seconds)"
	@echo "make bench   run the benchmarks beside their yardsticks (SIZE=small: under a minute)"
	@echo "make lint    ruff and mypy"
	@echo "make docs    the documentation as a site in build/docs; a broken link is an error"
	@echo "make audit   known weaknesses of the exact versions in constraints.txt (asks a service on the internet)"
	@echo "make check   lint and audit"
	@echo "make clean   remove .venv and caches (the demo project stays)"
	@echo "Settings: PORT=8001 DEMO=folder PYTHON=python3.12 ARGS='-k orders'"

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed; on Debian: sudo apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: scrm needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V); choose another with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: Python's venv module is missing; on Debian: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/installed: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[benefitcard,cards,console,coupons,games,livecode,redpacket,referral,sms,swap,wechat,wecom]'
	@touch $@

$(VENV)/installed-test: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	@echo "Installing with the test extra into $(VENV) (once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-docs: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	@echo "Installing what builds the documentation into $(VENV) (once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

run: $(VENV)/installed
	@$(BIN)/scrm init $(DEMO) --demo
	@cd $(DEMO) && exec $(BIN)/scrm run --port $(PORT)

# Whoever sets it wants no __pycache__; but each worker and each of hundreds of processes would compile all anew.
test wide soak: export PYTHONDONTWRITEBYTECODE :=

# One process per core, each with databases of its own; ARGS='-n 0' runs all in one process.
test: $(VENV)/installed-test
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 $(ARGS)

# What a smaller neighbour in "make test" shows of one page, one plugin, one database, for all of them.
wide: $(VENV)/installed-test
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 -m 'wide and not soak' $(ARGS)

# What takes minutes and says little more than a smaller test beside it.
soak: $(VENV)/installed-test
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 -m soak $(ARGS)

# Both databases; the seed of each run is printed and is given again with SCRM_FAULT_SEED.
faults: $(VENV)/installed-test
	@for time in 1 2 3; do $(BIN)/python -m pytest -n 0 -m 'soak or not soak' tests/faults $(ARGS) || exit 1; done

# What is built for others is tried with what others would build on it.
downstream: $(VENV)/installed-test
	@$(BIN)/python examples/downstream.py

bench: $(VENV)/installed-test
	@$(BIN)/python benchmarks/run.py $(if $(filter small,$(SIZE)),--small) $(ARGS)

lint: $(VENV)/installed-test
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy

docs: $(VENV)/installed-docs
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -c docs/site . build/docs
	@echo "build/docs/index.html"

# --strict: what the service does not know, or a service that does not answer, is a failure and never "nothing found".
audit: $(if $(filter $(AUDITOR),$(AUDIT)),$(AUDITOR))
	@$(AUDIT) --strict --disable-pip --no-deps --progress-spinner off -r constraints.txt || { \
		echo "make: a weakness was found, or the service could not be asked: nothing is known to be good"; exit 1; }

$(AUDITOR): $(VENV)/bin/python
	@$(PYTHON) -m venv $(dir $(AUDITOR))..
	@$(dir $(AUDITOR))python -m pip install -q --disable-pip-version-check 'pip-audit>=2.7'

check: lint audit

clean:
	rm -rf $(VENV) build .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find scrm_core plugins tests benchmarks docs examples -name __pycache__ -prune -exec rm -rf {} +
