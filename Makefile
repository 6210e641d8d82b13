# The commands of the project. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run install secrets test check lint lint-python lint-types lint-page unit unit-core unit-django unit-page slow postgres stack stack-tests fuzz schema lock journeys page page-exclusive page-realtime-audio page-silent page-untimed-audio screenshots format bench-calls bench-requests bench-logins bench-export bench-chat bench-page bench-nginx bench-faults bench-attacks bench-stuck soak clean

PYTHON ?= python3
PY := .venv/bin/python
UV := $(shell command -v uv 2>/dev/null)

# Python keeps what it compiled, even where the environment says otherwise (as in images of Python): without
# it each pytest and each server compiles everything again; a unit lane takes 6 s of processor time more.
unexport PYTHONDONTWRITEBYTECODE

help: ## List these commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run.installed ## Install the requirements and start Kaiwa at http://127.0.0.1:8000 (PORT=… to change).
	@$(PY) -m backend.demo

install: .venv/serve.installed ## Install the requirements for serving into .venv; start nothing.

secrets: ## Make the secret files of docker-compose.yml that are missing, in secrets/.
	@sh backend/make_secrets.sh

test: ## Install the test requirements and run all tests, on real servers and a real browser.
	@sh tests/prepare.sh
	@$(MAKE) --no-print-directory --jobs=2 .venv/test.installed node_modules/.installed
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory page-exclusive
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(PAGE) $(SERVERS)

# Two lanes at a time, each started as soon as another ends, in this order: with three on two cores, tests
# waited for the processor and not for what they test. While the page speaks and listens in real time, only
# lanes of the lowest priority run beside it. The shortest lanes are last, so that both cores end together.
PAGE := page-realtime-audio page-untimed-audio page-silent
SERVERS := journeys slow stack-tests postgres

# Each lane is one process, so that two cores are busy. mypy is first: without its cache (`.mypy_cache`,
# as in a fresh clone) it takes the longest, 39 s; with it 3 s.
LINT := lint-types lint-python lint-page
UNIT := unit-django unit-core unit-page
LANES := $(MAKE) --no-print-directory --jobs=3 --output-sync=target

# Lanes instead of pytest-xdist: each of its workers collects every test, 7 s of processor time.
CORE := $(addprefix tests/,protocol relay upstream simulator telemetry chat accounts gateway health serving live_desk)
FAST := not slow and not hypothesis and not journey and not page and not stack
SLOW := (slow or hypothesis) and not journey and not page and not stack

check: .venv/test.installed node_modules/.installed ## `make lint` and `make unit` side by side: less than a minute.
	@$(LANES) $(LINT) $(UNIT)

lint: .venv/test.installed node_modules/.installed ## Format, lint, types and import rules of Python and JavaScript.
	@$(LANES) $(LINT)

lint-python:
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check .
	@mkdir -p var
	@.venv/bin/lint-imports --no-logo > var/imports.log 2>&1 || { cat var/imports.log; exit 1; }
lint-types:
	@$(PY) -m mypy --no-error-summary
lint-page:
	@node_modules/.bin/tsc --project tsconfig.json
	@node_modules/.bin/biome check --error-on-warnings .

unit: .venv/test.installed node_modules/.installed ## The unit tests of Python and JavaScript that are not slow.
	@$(LANES) $(UNIT)

unit-core:
	@$(PY) -m pytest -m "$(FAST)" $(CORE)
unit-django:
	@$(PY) -m pytest -m "$(FAST)" tests $(CORE:%=--ignore=%) --ignore=tests/journeys
unit-page:
	@node --test --test-reporter=dot tests/frontend/in-one-process.js \
		$$(grep -l globalThis tests/frontend/*.test.js tests/frontend/*/*.test.js tests/live_desk/*.test.js)

slow: .venv/test.installed ## The other unit tests: property tests, real processes and real time.
	@$(PY) -m pytest -m "$(SLOW)" tests --ignore=tests/journeys

postgres: .venv/test.installed ## The storage tests again, on a temporary PostgreSQL.
	@$(PY) -m tests.postgres -- $(PY) -m pytest -m "postgres"

fuzz: .venv/test.installed ## The property tests with new random seeds for MINUTES=… (10).
	@$(PY) -m tests.fuzz

journeys: .venv/test.installed ## Whole calls through real sockets, server and simulator, on uvicorn and Daphne.
	@$(PY) -m pytest -m journey tests/journeys tests/gateway

stack: .venv/test.installed ## Start nginx, PostgreSQL, Redis, two web processes, a worker and the simulator; print the address.
	@$(PY) -m tests.full_stack

stack-tests: .venv/test.installed ## Calls, the page, limits and a rolling stop through nginx on that stack.
	@$(PY) -m pytest -m stack tests/journeys

page: .venv/test.installed node_modules/.installed ## The page in real browsers, above all Chromium, with a fake microphone: three to four minutes.
	@$(MAKE) --no-print-directory page-exclusive
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(PAGE)

page-exclusive:
	@$(PY) -m pytest -m exclusive tests/journeys
# Tests with audio take the time that the speech takes, and little processor time. The others run
# beside them at the lowest priority, so that they do not disturb the audio.
page-realtime-audio:
	@$(PY) -m pytest -m "page and realtime_audio" tests/journeys
page-silent:
	@nice -n 19 $(PY) -m pytest -m "page and not (exclusive or realtime_audio or untimed_audio)" tests/journeys
page-untimed-audio:
	@nice -n 19 $(PY) -m pytest -m "page and untimed_audio" tests/journeys

screenshots: .venv/test.installed node_modules/.installed ## Screenshots of every state of the page, theme, width and language into docs/screenshots/.
	@$(PY) -m tests.journeys.screenshots docs/screenshots

format: .venv/test.installed node_modules/.installed ## Format and fix the code.
	@$(PY) -m ruff check --quiet --fix . && $(PY) -m ruff format --quiet .
	@npm run --silent format

bench-calls: .venv/test.installed ## Run 200 concurrent simulated calls; print turns expected and written.
	@$(PY) -m bench.calls

bench-requests: .venv/test.installed ## Measure the processor time of an HTTP request, with and without our middleware.
	@$(PY) -m bench.requests

bench-logins: .venv/test.installed ## Measure how wrong passwords delay a call, hashed one at a time and all at once.
	@$(PY) -m bench.logins

bench-nginx: .venv/test.installed ## Measure the processor time of an event with nginx and TLS in front, and without.
	@$(PY) -m bench.nginx

bench-faults: .venv/test.installed ## Kill, pause and restart each part of the stack under 50 calls; count the turns.
	@$(PY) -m bench.faults

bench-attacks: .venv/test.installed ## Attack the server in seven ways under ten calls; print their delay and its memory.
	@$(PY) -m bench.attacks $(ARGS)

soak: .venv/test.installed ## Drop 2,000 calls, kill the server 50 times, rotate for an hour (ARGS=…); print what is left.
	@$(PY) -m bench.soak $(ARGS)

bench-stuck: .venv/test.installed ## Measure 20 clients that stop reading: when they are cut off, what they cost until then.
	@$(PY) -m bench.stuck $(ARGS)

bench-export: .venv/test.installed ## Measure the export of a session of 2,000 turns: time, memory and size.
	@$(PY) -m bench.export

bench-page: .venv/test.installed ## Measure the page with sessions of 100, 1,000 and 6,000 turns, in Chromium.
	@$(PY) -m bench.page

bench-chat: .venv/test.installed ## Measure the first word of typed messages, and how much twenty of them delay voices.
	@$(PY) -m bench.chat $(ARGS)

schema: .venv/serve.installed ## The OpenAPI schema of REST into docs/openapi.yaml.
	@DEBUG=on $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock"

lock: .venv/test.installed ## What the images install, with all that it needs and hashes, into requirements*.lock.
	@$(COMPILE) --output-file requirements.lock requirements.txt
	@$(COMPILE) --output-file requirements-demo.lock --constraint requirements.lock requirements-demo.txt

clean: ## Remove .venv and node_modules. The databases in var stay.
	rm -rf .venv node_modules

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kaiwa needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@echo "Making .venv"
	@$(if $(UV),$(UV) venv --quiet --python $(PYTHON) .venv,$(PYTHON) -m venv .venv) || { rm -rf .venv; \
		echo ".venv was not made. On Debian and Ubuntu it needs a package: apt-get install python3-venv" >&2; exit 1; }

REQUIREMENTS_serve := requirements.txt
REQUIREMENTS_run := requirements-demo.txt
REQUIREMENTS_test := tests/requirements.txt

.venv/%.installed: .venv/bin/python requirements.txt requirements-demo.txt tests/requirements.txt
	@echo "Installing the requirements to $* into .venv (a minute the first time)"
	@$(if $(UV),$(UV) pip install --quiet --python $(PY),$(PY) -m pip install --quiet --quiet --disable-pip-version-check) \
		-r $(REQUIREMENTS_$*)
	@mkdir -p var && touch $@

node_modules/.installed: package-lock.json
	@npm ci --silent --ignore-scripts --no-audit --no-fund && touch $@
