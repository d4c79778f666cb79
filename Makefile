# JobForge: the commands a newcomer needs. Nothing has to be installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint format bench soak lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## Run the main job end to end on the embedded database
	$(BIN)/jobforge demo

test: $(STAMP) ## Run every check: tests, lint, types, the import map
	$(BIN)/python -m pytest -q
	$(MAKE) --no-print-directory lint

test-fast: $(STAMP) ## Run the tests on two processes, without lint
	$(BIN)/python -m pytest -q -n 2

lint: $(STAMP) ## Check style, types and the import map
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## Measure the engine against PgQueuer's bare drain
	$(BIN)/python -m benchmarks.engine

soak: $(STAMP) ## The long forms of the fault tests
	$(BIN)/python -m pytest -q -m soak

lock: ## Resolve the dependencies anew, with hashes and without addresses
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet pyproject.toml --group dev --output-file requirements.lock

clean: ## Remove what was installed and built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
