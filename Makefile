# What people do with Kaiwa. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help run install test check postgres fuzz journeys page page-realtime-audio page-silent page-untimed-audio screenshots format bench-calls bench-requests bench-logins clean

PYTHON ?= python3
PY := .venv/bin/python
UV := $(shell command -v uv 2>/dev/null)

help: ## List these commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run.installed ## Install what is needed and start Kaiwa at http://127.0.0.1:8000 (PORT=… to change).
	@$(PY) -m backend.demo

install: .venv/serve.installed ## Install what serving takes into .venv, and start nothing.

test: ## Install what the tests need, then run all of them, on real servers and a real browser.
	@sh tests/prepare.sh
	@for part in check postgres journeys page; do $(MAKE) --no-print-directory $$part || exit 1; done

check: .venv/test.installed node_modules/.installed ## Lint, types, import rules and unit tests: two to three minutes.
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check .
	@.venv/bin/lint-imports --no-logo > var/imports.log 2>&1 || { cat var/imports.log; exit 1; }
	@$(PY) -m mypy --no-error-summary
	@npm run --silent check
	@node --test --test-reporter=dot tests/frontend/*.test.js tests/frontend/*/*.test.js
	@$(PY) -m pytest -m "not journey and not page"

postgres: .venv/test.installed ## The storage tests once more, on a PostgreSQL of their own.
	@$(PY) -m tests.postgres -- $(PY) -m pytest -m "postgres"

fuzz: .venv/test.installed ## The property tests with new random seeds for MINUTES=… (10).
	@$(PY) -m tests.fuzz

journeys: .venv/test.installed ## A person's way through the real server and the real simulator, on both servers.
	@$(PY) -m pytest -m journey tests

page: .venv/test.installed node_modules/.installed ## The page in real Chromium with a fake microphone: three to four minutes.
	@$(PY) -m pytest -m exclusive tests/journeys
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target page-realtime-audio page-silent page-untimed-audio

# Tests with audio take the time that the speech takes, and little processor time. The others run
# beside them at the lowest priority, so that they do not disturb the audio.
page-realtime-audio:
	@$(PY) -m pytest -m "page and realtime_audio" tests/journeys
page-silent:
	@nice -n 19 $(PY) -m pytest -m "page and not (exclusive or realtime_audio or untimed_audio)" tests/journeys
page-untimed-audio:
	@nice -n 19 $(PY) -m pytest -m "page and untimed_audio" tests/journeys

screenshots: .venv/test.installed node_modules/.installed ## Every state of the page, ja and en, light and dark, wide and narrow, into docs/screenshots/.
	@$(PY) -m tests.journeys.screenshots docs/screenshots

format: .venv/test.installed node_modules/.installed ## Put the code into its one format.
	@$(PY) -m ruff check --quiet --fix . && $(PY) -m ruff format --quiet .
	@npm run --silent format

bench-calls: .venv/test.installed ## 200 concurrent simulated calls: prints calls, turns written, turns expected.
	@$(PY) -m bench.calls

bench-requests: .venv/test.installed ## A plain HTTP request's processor time, in one thread and hop by hop.
	@$(PY) -m bench.requests

bench-logins: .venv/test.installed ## What many wrong passwords at once do to a voice, hashed one by one and all at once.
	@$(PY) -m bench.logins

clean: ## Remove what was installed: .venv and node_modules. What was said stays in var.
	rm -rf .venv node_modules

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kaiwa needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@echo "Making .venv"
	@$(if $(UV),$(UV) venv --quiet --python $(PYTHON) .venv,$(PYTHON) -m venv .venv) || { rm -rf .venv; \
		echo "There is no .venv now. Debian and Ubuntu keep what makes one apart: apt-get install python3-venv" >&2; exit 1; }

REQUIREMENTS_serve := requirements.txt
REQUIREMENTS_run := requirements-demo.txt
REQUIREMENTS_test := tests/requirements.txt

.venv/%.installed: .venv/bin/python requirements.txt requirements-demo.txt tests/requirements.txt
	@echo "Installing what it takes to $* into .venv (a minute the first time)"
	@$(if $(UV),$(UV) pip install --quiet --python $(PY),$(PY) -m pip install --quiet --quiet --disable-pip-version-check) \
		-r $(REQUIREMENTS_$*)
	@mkdir -p var && touch $@

node_modules/.installed: package-lock.json
	@npm ci --silent --ignore-scripts --no-audit --no-fund && touch $@
