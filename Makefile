# `make report` and `make test` work on a bare machine with Python 3.11 or newer and Debian's apt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LT := $(BIN)/lambdatuning

# The versions that everything was tested with; `make newest` goes without.
CONSTRAINTS := .ci/constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS:%=--constraint %)
# Programs with dependencies that differ from ours get environments of their own, made by our pip.
# Python compiles what they really import.
APART = $(PYTHON) -m venv --without-pip $(1) && $(BIN)/python -m pip --python $(1)/bin/python \
	install --quiet --disable-pip-version-check --no-compile $(2)
, := ,
AXE := $(VENV)/axe/node_modules/axe-core/axe.min.js

.PHONY: help report picture test test-together test-tools newest constraints lint types system axe checkov otava airflow lab clean clean-runs

help:
	@echo "make report      measure on the embedded AWS and leave HTML in reports/"
	@echo "make test        lint, types and every test"
	@echo "make airflow     the printed Airflow DAG, run by Airflow itself (800 MB)"
	@echo "make picture     README's picture, from the recorded runs"
	@echo "make test-tools  SAM CLI, CDK, Serverless, the SDK for JavaScript, uvx and pipx: 600 MB"
	@echo "make lab         the notebooks in JupyterLab"
	@echo "make bench-NAME  a benchmark of tests/bench/, one JSON line last"
	@echo "make newest      the tests with the newest dependencies instead of those tested with"
	@echo "make clean       remove the environment and reports; runs stay"
	@echo "make clean-runs  remove the runs of data/runs, which may have been paid for; asks"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.local: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP) --editable '.[local]'
	touch $@

$(VENV)/.dev: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP) --editable '.[all,dev]'
	touch $(VENV)/.local $@

report: $(VENV)/.local
	$(LT) report --local

# Python may keep what it compiled, which every test's processes would compile again.
unexport PYTHONDONTWRITEBYTECODE

# Tests wait for one another's servers and functions, so a few more than the cores run at once.
# Those that measure CPU time run alone, afterwards; the other files are not even imported then.
TESTS_AT_ONCE := $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 2)")

# What they need is installed side by side, and one processor would wait for the types alone.
test:
	$(MAKE) --jobs 2 system $(VENV)/.dev checkov otava axe lint
	$(MAKE) --jobs 2 types test-together
	$(BIN)/python -m pytest -m alone $$(grep -rl --include='*.py' 'mark\.alone' tests)

test-together: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not alone and not airflow and not tools" --numprocesses $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder

newest:
	$(MAKE) VENV=.venv-newest CONSTRAINTS= test

constraints: $(VENV)/.dev
	{ sed -n '/^#/p' $(CONSTRAINTS); $(BIN)/python -m pip freeze --exclude-editable; } > $(VENV)/pins
	mv $(VENV)/pins $(CONSTRAINTS)

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy

# What the tests use besides Python: installed where we may, else named; tests without it are
# skipped and say so. They open the reports in a real browser. The embedded AWS runs Node functions
# on the local node, lists processes with ps where there is nothing better, and works with the AWS
# CLI (of which version 2 alone has `aws logs tail`). The README's tour calls curl.
system:
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	command -v ps >/dev/null || missing="$$missing procps"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	PATH=/usr/local/bin:/usr/bin aws --version 2>&1 | grep -q aws-cli/2 || missing="$$missing awscli"; \
	test -z "$$missing" && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq $$missing; \
	else echo "missing:$$missing; tests of it are skipped. sudo apt-get install -y$$missing"; fi

# An accessibility checker looks at the reports.
axe: $(AXE)

$(AXE): | $(BIN)/python system
	command -v npm >/dev/null || exit 0; \
	npm install --silent --no-save --no-audit --no-fund --prefix $(VENV)/axe axe-core@^4.10 && touch $@

# It looks for what is unsafe in the template, and pins another boto3 than ours.
checkov: $(VENV)/checkov/bin/checkov

$(VENV)/checkov/bin/checkov: | $(BIN)/python
	$(call APART,$(VENV)/checkov,'checkov>=3.2$(,)<4')

# It reads our export; it pins another numpy than ours.
otava: $(VENV)/otava/bin/otava

$(VENV)/otava/bin/otava: | $(BIN)/python
	$(call APART,$(VENV)/otava,'apache-otava>=0.8$(,)<1')

# Airflow really runs the DAG that `lambdatuning schedule print airflow` writes: 800 MB, so that
# `make test` goes without.
airflow: $(VENV)/airflow/bin/airflow
	$(BIN)/python -m pytest -m airflow tests/schedules/test_airflow.py

$(VENV)/airflow/bin/airflow: $(VENV)/.dev
	$(call APART,$(VENV)/airflow,'apache-airflow>=3$(,)<4')

# Infrastructure tools of others against the embedded AWS, and what runs a wheel: half a gigabyte
# and more, so apart.
test-tools: $(VENV)/tools/.done
	$(BIN)/python -m pytest -m tools tests/tools tests/install

$(VENV)/tools/.done: $(VENV)/.dev
	$(call APART,$(VENV)/tools/sam,'aws-sam-cli>=1.140$(,)<2')
	$(call APART,$(VENV)/tools/runners,'uv>=0.9$(,)<1' 'pipx>=1.8$(,)<2')
	npm install --silent --no-save --no-audit --no-fund --prefix $(VENV)/tools/npm aws-cdk-lib@2 \
		constructs@10 serverless@3 serverless-localstack@1 @aws-sdk/client-lambda@3
	touch $@

lab: $(VENV)/.dev
	$(LT) local --run $(BIN)/jupyter lab notebooks/

# README's picture: the first screen of the report of the recorded runs.
picture: $(VENV)/.dev system
	$(BIN)/python -m tests.reporting.picture

bench-%: $(VENV)/.dev
	$(BIN)/python -m tests.bench.$(subst -,_,$*) $(if $(LIMITER),--limiter $(LIMITER)) $(OPTIONS)

clean:
	rm -rf $(VENV) .venv-newest reports

clean-runs:
	@test -d data/runs || { echo "no data/runs: nothing to remove"; exit 0; }; \
	printf 'remove %s runs in data/runs? [y/N] ' "$$(find data/runs -name _manifest.json | wc -l)"; \
	read answer; test "$$answer" = y && rm -rf data/runs || echo "nothing was removed"
