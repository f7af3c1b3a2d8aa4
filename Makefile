# What each target needs, it installs: `make demo` needs only Python 3.11, git and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help setup dev demo check test test-all soak bench docs format lint types contracts lock components clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.setup: requirements/run.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s: set PYTHON=…" % sys.version.split()[0])'
	@echo "making $(VENV) from pinned requirements (about a minute the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q auditor policies migrations # also where PYTHONDONTWRITEBYTECODE is set: starts are faster
	@touch $@

$(VENV)/.dev: $(VENV)/.setup requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.setup ## Only the virtual environment, with .venv/bin/auditor

dev: $(VENV)/.dev ## The virtual environment with what the checks need

demo: setup ## See a result: an example repository against a recorded cluster, then pages on 127.0.0.1
	@$(BIN)/auditor demo

components: dev ## Install or build the real components that tests run against; say what is missing
	@$(BIN)/python -m tests.install

format: dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

lint: dev
	@$(BIN)/ruff format --check --quiet . || { echo "mend: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .

types: dev
	@$(BIN)/mypy

contracts: dev
	@$(BIN)/lint-imports

docs: dev ## Write every generated file
	@$(BIN)/python -m tests.generated --write

test: dev ## Tests that need nothing but Python and git, in a minute: fewer random examples than check
	@TESTS_PROFILE=quick $(BIN)/python -m pytest -q -n auto -m "not component and not soak and not thorough"

test-313: ## The same on Python 3.13, where there is one
	@$(PYTHON) -m tests.on_313

check: components lint types contracts test-313 ## Everything: format, lint, types, contracts, generated files, all tests
	@$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not soak" $(if $(CI),-p no:randomly)

soak: components ## The large counts; takes as long as it takes
	@TESTS_PROFILE=soak $(BIN)/python -m pytest -q

bench: dev ## Speed and memory, as ratios against a floor in the same run
	@$(BIN)/python -m tests.bench

lock: dev ## Pin every dependency with its hashes
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml -o requirements/run.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements/build.in -c requirements/run.txt -o requirements/build.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml requirements/dev.in -c requirements/run.txt -o requirements/dev.txt

clean: ## Remove what make made here
	@rm -rf $(VENV) .venv313 .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
