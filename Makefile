# Everything runs in .venv, made here on first use from uv.lock; only Python 3.11+, git and make must be there.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down check format lint types imports quick test model component system faults faults-short faults-swarm e2e browser screenshots dependencies contracts documents schema saga bench bench-large

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := .venv/bin
RUN := $(BIN)/python -m
WORKERS ?= auto
# Containers build and pull for minutes the first time: `make test FLACON_E2E=0` leaves them out.
FLACON_E2E ?= $(shell docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1 && echo 1 || echo 0)
CHROMIUM := test -n "$$FLACON_CHROMIUM" || command -v chromium chromium-browser google-chrome-stable google-chrome > /dev/null
PROJECTS := pyproject.toml uv.lock $(wildcard services/*/pyproject.toml shared/*/pyproject.toml deploy/local/pyproject.toml console/pyproject.toml)

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/.synced ## make the Python environment (.venv) from uv.lock

demo: .venv/.synced ## run a file of orders through the four services and audit it: make demo [ORDERS=path]
	@$(RUN) deploy.local demo $(if $(ORDERS),--orders "$(ORDERS)")

up: .venv/.synced ## start Postgres, Kafka, the four services and the console on this machine
	@$(RUN) deploy.local up

down: .venv/.synced ## stop them; the data stay
	@$(RUN) deploy.local down

check: .venv/.synced ## format, lint, types, imports, unit, contract and structure tests: no servers, under a minute
	@$(MAKE) --no-print-directory format lint imports
	@$(MAKE) --no-print-directory -j2 types quick

test: check ## everything but the browser: check, the model of the saga, component and system tests, the containers where Docker answers
	@$(MAKE) --no-print-directory model component system $(if $(filter 1,$(FLACON_E2E)),e2e)

browser: .venv/.synced ## the console in a real Chromium
	@$(CHROMIUM) || { echo "error: no Chromium: install one (Debian: apt-get install chromium) or name it in FLACON_CHROMIUM" >&2; exit 3; }
	@$(BIN)/pytest tests/browser

screenshots: .venv/.synced ## take the console's pictures in docs/img anew
	@mkdir -p docs/img
	@FLACON_WRITE_SCREENSHOTS=1 $(BIN)/pytest tests/browser/test_reach.py -k every_view

dependencies: .venv/.synced ## ask PyPI for known vulnerabilities of what the images contain
	@$(BIN)/uv export --frozen --no-dev --no-emit-workspace --all-packages --quiet > .venv/dependencies.txt
	@$(BIN)/uv tool run --quiet 'pip-audit>=2.9,<3' --requirement .venv/dependencies.txt --disable-pip --no-deps --progress-spinner off

contracts: .venv/.synced ## write JSON Schemas and docs/events.md from the catalog of events
	@$(RUN) shared.contracts

documents: .venv/.synced ## write docs/configuration.md and the other documents that are made from the code
	@$(RUN) deploy.documents

schema: .venv/.synced ## write every service's schema.sql from its migrations
	@FLACON_WRITE_SCHEMA=1 $(BIN)/pytest tests/component/test_schema.py

saga: .venv/.synced ## draw the saga anew in docs/saga.md
	@FLACON_WRITE_SAGA=1 $(BIN)/pytest tests/unit/order/test_picture.py

bench: .venv/.synced ## orders per second beside the straight-line limit, on a stack of its own: about 20 minutes
	@$(RUN) benchmarks

bench-large: .venv/.synced ## what 1,000,000 past orders and 10,000,000 ledger rows cost: BENCH_ORDERS, BENCH_LEDGER_ROWS
	@$(RUN) benchmarks.large

format: .venv/.synced
	@$(BIN)/ruff format --check --quiet --exclude '*.md' . || { echo "run: .venv/bin/ruff format --exclude '*.md'"; exit 1; }

lint: .venv/.synced
	@$(BIN)/ruff check --quiet .

types: .venv/.synced
	@$(BIN)/mypy

imports: .venv/.synced
	@$(BIN)/lint-imports --no-cache --no-logo > .venv/imports.log 2>&1 || { cat .venv/imports.log; exit 1; }

quick: .venv/.synced
	@$(BIN)/pytest tests/unit tests/contract tests/structure -n $(WORKERS)

model: .venv/.synced ## random histories of the whole saga: make model [FLACON_MODEL_HISTORIES=3000] [FLACON_MODEL_STEPS=60]
	@$(BIN)/pytest tests/model -n $(WORKERS)

component: .venv/.synced
	@$(BIN)/pytest tests/component -n $(WORKERS)

system: .venv/.synced
	@$(BIN)/pytest tests/system -n $(WORKERS) --dist loadfile

faults-short: .venv/.synced ## the four services under faults for a minute or two
	@FLACON_TEST_SERVERS=local $(BIN)/pytest tests/faults

SEED ?= 1
SEEDS ?= 10
faults: .venv/.synced ## the four services under faults, up to half an hour: make faults [SEED=1]
	@FLACON_TEST_SERVERS=local FLACON_FAULTS_SEED=$(SEED) FLACON_FAULTS_SECONDS=600 FLACON_FAULTS_POINTS=1000 $(BIN)/pytest tests/faults -s

faults-swarm: .venv/.synced ## storms of drawn faults, one for each seed: make faults-swarm [SEED=1] [SEEDS=10]
	@FLACON_TEST_SERVERS=local FLACON_FAULTS_SEED=$(SEED) FLACON_FAULTS_SEEDS=$(SEEDS) FLACON_FAULTS_SECONDS=600 $(BIN)/pytest tests/faults -s -k storm_of

e2e: .venv/.synced
	@FLACON_E2E=1 $(BIN)/pytest tests/e2e

.venv/.synced: $(PROJECTS) | .venv/bin/uv
	@echo "setting up the Python environment" >&2
	@UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --frozen --inexact --quiet --python $(BIN)/python
	@touch $@

.venv/bin/uv:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer was not found; install it or say make PYTHON=/path/to/python" >&2; exit 3; }
	@"$(PYTHON)" -m venv .venv || { echo "error: $(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 3; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8,<1' || { echo "error: uv could not be installed from PyPI; is there a network?" >&2; exit 3; }
