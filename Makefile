# JobForge: the commands a newcomer needs. Nothing has to be installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-apply-crash lint format bench bench-api bench-ops bench-support bench-growth \
	bench-finops bench-retention bench-peers bench-stop chaos soak typescript lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## Run the main job end to end on the embedded database
	$(BIN)/jobforge demo

test: $(STAMP) ## Run every check: style, types, the import map, then the tests
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -q -n 2

test-apply-crash: $(STAMP) ## Crash and fail changes of files, git and other targets at random, 1,000 times
	$(BIN)/python -m benchmarks.ops_apply_crash

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

bench-peers: $(STAMP) ## Measure the engine against other job systems; needs Debian's redis-server
	$(BIN)/python -m benchmarks.peers

bench-api: $(STAMP) ## Measure the HTTP API against the same use cases
	$(BIN)/python -m benchmarks.api

bench-ops: $(STAMP) ## Measure the ops analyses next to published figures
	$(BIN)/python -m benchmarks.ops

bench-support: $(STAMP) ## Measure the support analyses next to published figures
	$(BIN)/python -m benchmarks.support

bench-growth: $(STAMP) ## Measure the growth analyses next to their peers
	$(BIN)/python -m benchmarks.growth

bench-finops: $(STAMP) ## Measure the finops analyses next to published figures
	$(BIN)/python -m benchmarks.finops

bench-stop: $(STAMP) ## Measure how soon a kill switch ends what runs
	$(BIN)/python -m benchmarks.stopping

bench-retention: $(STAMP) ## Measure the engine after 1,000,000 jobs, pruned as they end
	$(BIN)/python -m benchmarks.retention

chaos: $(STAMP) ## 200 random faults during 20,000 jobs; the last line is one JSON object
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED))

soak: $(STAMP) ## The long forms of the fault tests
	$(BIN)/python -m pytest -q -m soak

typescript: $(STAMP) ## Make a client's types of the OpenAPI document and compile a program over them (needs npm)
	cd examples/typescript && npm install --no-package-lock --no-audit --no-fund --silent
	$(BIN)/python -m pytest -q tests/entrypoints/http/test_typescript.py

lock: ## Resolve the dependencies anew, with hashes and without addresses
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet pyproject.toml --extra server --extra otel --extra mcp --group dev --output-file requirements.lock

clean: ## Remove what was installed and built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
