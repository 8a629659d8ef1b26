# `make report` and `make test` work on a bare machine with Python 3.11 or newer and Debian's apt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LT := $(BIN)/lambdatuning

APT := apt-get update -qq && apt-get install -y -qq
AXE := $(VENV)/axe/node_modules/axe-core/axe.min.js

.PHONY: help report test lint types browser tools axe checkov lab clean

help:
	@echo "make report      measure on the embedded AWS and leave HTML in reports/"
	@echo "make test        lint, types and every test"
	@echo "make lab         the notebooks in JupyterLab"
	@echo "make bench-NAME  a benchmark of tests/bench/, one JSON line last"
	@echo "make clean       remove the environment, reports and local runs"

$(VENV)/.local: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local]'
	touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.local
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,lab,dev]'
	touch $@

report: $(VENV)/.local
	$(LT) report --local

# What measures runs alone, after everything that may share the cores.
MEASURING := tests/local tests/journeys

test: $(VENV)/.dev browser tools axe checkov lint types
	$(BIN)/python -m pytest --numprocesses auto $(MEASURING:%=--ignore %)
	$(BIN)/python -m pytest $(MEASURING)

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy

# The tests open the reports in a real browser.
browser:
	@command -v chromium >/dev/null || { $(APT) chromium; }

# The embedded AWS runs Node functions on the local node, lists processes with ps where there is
# nothing better, and works with the AWS CLI (of which version 2 alone has `aws logs tail`). The
# README's tour, which a test runs, calls curl.
tools:
	@command -v node >/dev/null || { $(APT) nodejs; }
	@command -v ps >/dev/null || { $(APT) procps; }
	@command -v curl >/dev/null || { $(APT) curl; }
	@PATH=/usr/local/bin:/usr/bin aws --version 2>&1 | grep -q aws-cli/2 || { $(APT) awscli; }

# An accessibility checker looks at them.
axe: $(AXE)

$(AXE): $(VENV)/.dev
	@command -v npm >/dev/null || { $(APT) npm; }
	npm install --silent --no-save --no-audit --no-fund --prefix $(VENV)/axe axe-core@^4.10
	@touch $@

# It looks for what is unsafe in the template, and pins another boto3 than ours.
checkov: $(VENV)/checkov/bin/checkov

$(VENV)/checkov/bin/checkov: $(VENV)/.dev
	$(PYTHON) -m venv $(VENV)/checkov
	$(VENV)/checkov/bin/python -m pip install --quiet --disable-pip-version-check 'checkov>=3.2,<4'

lab: $(VENV)/.dev
	$(LT) local --run $(BIN)/jupyter lab notebooks/

bench-%: $(VENV)/.dev
	$(BIN)/python -m tests.bench.$(subst -,_,$*) $(if $(LIMITER),--limiter $(LIMITER)) $(OPTIONS)

clean:
	rm -rf $(VENV) reports data/runs
