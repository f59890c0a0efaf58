# Everything a developer needs. GNU make and Python >= 3.11 are all that must be there; no root, no service.
#   make PYTHON=/path/to/python3.12   uses that interpreter for a new .venv
#   make lock UPGRADE=1               takes the newest versions

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test lint bench lock clean FORCE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
# A checkout that was moved needs its .venv anew: the folder stands in it.
MOVED := $(if $(filter $(shell cat $(READY) 2>/dev/null),$(shell pwd -P)),,FORCE)
LOCK := pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --quiet $(if $(UPGRADE),--upgrade)

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(READY) ## Build .venv; quick when nothing changed

run: $(READY) ## A demo district with a day of mail, live in this terminal until Ctrl-C
	$(BIN)/mailgw demo

test: $(READY) ## Set up, get the real peers where root and apt allow, check style and types, run all tests
	.ci/peers
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term $(PYTEST_ARGUMENTS)

lint: $(READY) ## Style, types, and that a part imports only lower floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## Measure the gateway beside its peers and print tables with ratios
	$(BIN)/python -m bench $(BENCH_ARGUMENTS)
	$(BIN)/python -m bench.judging
	$(BIN)/python -m bench.search $(BENCH_SEARCH)
	$(BIN)/python -m bench.search.arriving
	$(BIN)/python -m bench.evidence $(BENCH_EVIDENCE)
	$(BIN)/python -m bench.size $(BENCH_SIZE)

$(READY): pyproject.toml requirements-dev.lock .ci/setup $(MOVED)
	@PYTHON='$(PYTHON)' .ci/setup

lock: ## Write requirements.lock and requirements-dev.lock anew from pyproject.toml
	@set -e; \
	uv="$$(command -v uv || true)"; \
	if [ -z "$$uv" ]; then \
		$(MAKE) --no-print-directory setup; \
		$(PIP) install --target build/uv uv; \
		uv=build/uv/bin/uv; \
	fi; \
	"$$uv" $(LOCK) --output-file requirements.lock; \
	"$$uv" $(LOCK) --group dev --output-file requirements-dev.lock

clean: ## Remove what can be made again (.venv, caches, build); never data
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
