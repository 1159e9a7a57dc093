# Needs Python 3.11 or newer and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

.PHONY: help install demo test test-all lint types golden bench docs clean
.DEFAULT_GOAL := help

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

install: .venv/installed

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "durable-dsl needs Python 3.11 or newer; say which with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m compileall -q durable_dsl codegen
	@touch $@

demo: install ## pay over HTTP, kill the engine in the middle, see the order complete
	@$(BIN)/python examples/demo.py

test: install ## the whole suite, exhaustive parts sampled
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not exhaustive"

test-all: install ## the whole suite, exhaustive parts too
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

lint: install ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## mypy and pyright on everything that is shipped
	$(BIN)/mypy
	$(BIN)/mypy --platform wasi --no-warn-unused-ignores durable_dsl/binding durable_dsl/marks durable_dsl/oplog.py
	$(BIN)/basedpyright --level error

golden: install ## rewrite the expected wrappers
	$(BIN)/pytest tests/golden --update-golden -q

bench: install ## costs, as ratios in one run
	$(BIN)/python -m benchmarks

docs: install ## rewrite the pages that are made from the code
	$(BIN)/python docs/generate.py

clean: ## remove what was built and installed
	rm -rf .venv .durable .mypy_cache .ruff_cache .pytest_cache
