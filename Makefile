# The commands of the project. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run demo-data install install-cli secrets test check lint lint-python lint-types lint-page unit unit-core unit-django unit-page slow postgres stack stack-tests fuzz schema lock journeys page page-exclusive page-realtime-audio page-silent page-untimed-audio screenshots format bench bench-peers profile bench-calls bench-requests bench-logins bench-export bench-chat bench-page bench-presence bench-nginx bench-faults bench-attacks bench-stuck soak clean bench-review bench-reports

PYTHON ?= python3
PY := .venv/bin/python
UV := $(shell command -v uv 2>/dev/null)

# Python keeps what it compiled, even where the environment says otherwise (as in images of Python): without
# it each pytest and each server compiles everything again; a unit lane takes 6 s of processor time more.
unexport PYTHONDONTWRITEBYTECODE

# The simulator sets this before it imports numpy; in the tests pytest-randomly has imported it already.
# With OpenBLAS's threads the simulator's slow tests take 66 s of processor time, with one thread 45 s.
export OPENBLAS_NUM_THREADS := 1

help: ## List these commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run.installed ## Install the demo's dependencies into .venv and start Kaiwa at http://127.0.0.1:8000 (PORT=… to change).
	@$(PY) -m backend.demo

demo-data: .venv/run.installed ## Fill the demo's database with 200 simulated sessions (ARGS="--sessions 5000"), to look at in the admin.
	@$(PY) -m backend.demo_data $(ARGS)

install: .venv/serve.installed ## Install the server's dependencies into .venv.

install-cli: .venv/cli.installed ## Install the terminal client's dependencies into .venv: `.venv/bin/python -m backend.cli` (docs/cli.md).

secrets: ## Create the missing secret files of docker-compose.yml, in secrets/.
	@sh backend/make_secrets.sh

test: ## Install the test dependencies and run all tests, with real servers and browsers.
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
CORE := $(addprefix tests/,protocol relay upstream simulator telemetry chat accounts gateway health serving live_desk reports cli)
FAST := not slow and not hypothesis and not journey and not page and not stack
SLOW := (slow or hypothesis) and not journey and not page and not stack

check: .venv/test.installed node_modules/.installed ## Run `make lint` and `make unit` side by side: half a minute.
	@$(LANES) $(LINT) $(UNIT)

lint: .venv/test.installed node_modules/.installed ## Check format, lint, types and import rules of Python and JavaScript.
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

unit: .venv/test.installed node_modules/.installed ## Run the fast unit tests of Python and JavaScript.
	@$(LANES) $(UNIT)

unit-core:
	@$(PY) -m pytest -m "$(FAST)" $(CORE)
unit-django:
	@$(PY) -m pytest -m "$(FAST)" tests $(CORE:%=--ignore=%) --ignore=tests/journeys
unit-page:
	@node --test-reporter=dot tests/frontend/in-one-process.js
	@node --test --test-reporter=dot \
		$$(grep -l globalThis tests/frontend/*.test.js tests/frontend/*/*.test.js tests/live_desk/*.test.js tests/reports/*.test.js)

slow: .venv/test.installed ## Run the slow unit tests: property tests, the admin's pages, real processes and real time.
	@$(PY) -m pytest -m "$(SLOW)" tests --ignore=tests/journeys

postgres: .venv/test.installed ## Run the storage tests on a temporary PostgreSQL.
	@$(PY) -m tests.postgres -- $(PY) -m pytest -m "postgres"

fuzz: .venv/test.installed ## Run the property tests with new random seeds, for MINUTES=… (10).
	@$(PY) -m tests.fuzz

journeys: .venv/test.installed ## Test whole calls through real sockets, server and simulator, on uvicorn and Daphne.
	@$(PY) -m pytest -m journey tests/journeys tests/gateway

stack: .venv/test.installed ## Start nginx, PostgreSQL, Redis, two web processes, a worker and the simulator; print the address.
	@$(PY) -m tests.full_stack

stack-tests: .venv/test.installed ## Test calls, the page, limits and a rolling stop through nginx on that stack.
	@$(PY) -m pytest -m stack tests/journeys

page: .venv/test.installed node_modules/.installed ## Test the page in real browsers, with a fake microphone: three to four minutes.
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

screenshots: .venv/test.installed node_modules/.installed ## Take screenshots of every state, theme, width and language into docs/screenshots/.
	@$(PY) -m tests.journeys.screenshots docs/screenshots

format: .venv/test.installed node_modules/.installed ## Format and fix the code.
	@$(PY) -m ruff check --quiet --fix . && $(PY) -m ruff format --quiet .
	@npm run --silent format

bench: .venv/test.installed ## Compare the cost of relaying with nginx and a thin relay: 20 minutes (ARGS="--only paced --calls 10").
	@$(PY) -m bench.compare $(ARGS)

bench-peers: .venv/test.installed .venv-peers/installed ## The same with LiteLLM's realtime proxy in the same run, installed into .venv-peers.
	@$(PY) -m bench.compare --relays nginx,thin,litellm,kaiwa $(ARGS)

profile: .venv/test.installed .venv-profile/installed ## Draw a flame graph of 40 paced calls (var/profile.svg), and print the hottest functions.
	@$(PY) -m bench.compare.profile $(ARGS)

bench-calls: .venv/test.installed ## Run 200 concurrent simulated calls; print turns expected and written (ARGS=--budgets).
	@$(PY) -m bench.calls $(ARGS)

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

bench-review: .venv/test.installed ## Measure the admin's list and search with 100,000 turns, on SQLite and PostgreSQL.
	@$(PY) -m bench.review $(ARGS)

bench-reports: .venv/test.installed ## Measure the admin's page of numbers with up to 100,000 turns, and the job behind it.
	@$(PY) -m bench.reports $(ARGS)

bench-page: .venv/test.installed ## Measure the page with sessions of 100, 1,000 and 6,000 turns, in Chromium.
	@$(PY) -m bench.page

bench-presence: .venv/test.installed ## Draw a voice conversation on one picture; print the frame time and the share of a core.
	@$(PY) -m tests.journeys.contact_sheet var/contact-sheet.png

bench-chat: .venv/test.installed ## Measure the first word of typed messages, and how much twenty of them delay voices.
	@$(PY) -m bench.chat $(ARGS)

schema: .venv/serve.installed ## Write the OpenAPI schema of the HTTP API to docs/openapi.yaml.
	@DEBUG=on $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock"

lock: .venv/test.installed ## Write every package that the images install, with hashes, to requirements*.lock.
	@$(COMPILE) --output-file requirements.lock requirements.txt
	@$(COMPILE) --output-file requirements-demo.lock --constraint requirements.lock requirements-demo.txt

clean: ## Remove .venv, .venv-peers, .venv-profile and node_modules. The databases in var stay.
	rm -rf .venv .venv-peers .venv-profile node_modules

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kaiwa needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@echo "Creating .venv"
	@$(if $(UV),$(UV) venv --quiet --python $(PYTHON) .venv,$(PYTHON) -m venv .venv) || { rm -rf .venv; \
		echo ".venv was not created. On Debian/Ubuntu, first run: apt-get install python3-venv" >&2; exit 1; }

# Whose dependencies they are, in the words of the console.
OWNER_serve := server
OWNER_run := demo
OWNER_test := tests
OWNER_cli := terminal client
REQUIREMENTS_serve := requirements.txt
REQUIREMENTS_run := requirements-demo.txt
REQUIREMENTS_test := tests/requirements.txt
REQUIREMENTS_cli := requirements-cli.txt

.venv/%.installed: .venv/bin/python requirements.txt requirements-demo.txt requirements-cli.txt tests/requirements.txt
	@echo "Installing the dependencies of the $(OWNER_$*) into .venv (a minute the first time)"
	@$(if $(UV),$(UV) pip install --quiet --python $(PY),$(PY) -m pip install --quiet --quiet --disable-pip-version-check) \
		-r $(REQUIREMENTS_$*)
	@mkdir -p var && touch $@

# Tools of the benchmarks, each in an environment of its own: the server's dependencies stay its own.
.venv-%/installed: bench/requirements-%.txt
	@echo "Installing bench/requirements-$*.txt into .venv-$*"
	@$(if $(UV),$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv-$*,$(PYTHON) -m venv .venv-$*)
	@$(if $(UV),$(UV) pip install --quiet --python .venv-$*/bin/python,.venv-$*/bin/python -m pip install --quiet --quiet --disable-pip-version-check) \
		--only-binary :all: -r $<
	@touch $@

node_modules/.installed: package-lock.json
	@npm ci --silent --ignore-scripts --no-audit --no-fund && touch $@
