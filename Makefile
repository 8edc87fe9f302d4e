# Every target sets up what it needs in .venv: Python 3.11 or newer, gcc and pip are enough.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
CODE := lathe app worker examples benchmarks docs
TESTED := $(CODE) tests migrations
export ORT_DISABLE_TELEMETRY := 1

.PHONY: help
help:  ## Show what can be made.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# --- set-up; a stamp is renewed when its requirement files change --------------------------

.venv/.server: requirements/torch.txt requirements/api.txt requirements/traces.txt requirements/worker.txt requirements/server.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up .venv: torch first and alone, then the rest"
	@$(PIP) -r requirements/torch.txt
	@$(PIP) -r requirements/server.txt
	@$(PIP) --no-deps -e .
	@$(BIN)/python -m compileall -q lathe app worker
	@touch $@

.venv/.test: .venv/.server requirements/test.txt
	@$(PIP) -r requirements/test.txt
	@touch $@

.venv/.bench: .venv/.test requirements/bench.txt
	@$(PIP) -r requirements/bench.txt
	@touch $@

# The peers that Lathe is compared with live apart: they bring packages of their own.
.venv-peers/.made: requirements/torch.txt benchmarks/peers/requirements.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@echo "setting up .venv-peers: torch first and alone, then the peers (2 GB)"
	@.venv-peers/bin/pip install --quiet --disable-pip-version-check -r requirements/torch.txt
	@.venv-peers/bin/pip install --quiet --disable-pip-version-check -r benchmarks/peers/requirements.txt
	@touch $@

.PHONY: setup
setup: .venv/.server  ## Install what the service needs.

# --- run ------------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.server  ## Compress a real model over HTTP and print the proof.
	@$(BIN)/python -m examples.demo

.PHONY: up
up: .venv/.server  ## Start the embedded service on port 8000.
	@$(BIN)/python -m app.up

# --- test -----------------------------------------------------------------------------------

.PHONY: test
test: check unit services  ## Lint, types, walls, unit and services tests.

.PHONY: check
check: lint types walls stack  ## Everything that reads the code without running it.

.PHONY: lint
lint: .venv/.test
	$(BIN)/ruff check $(TESTED)
	$(BIN)/ruff format --check $(TESTED)

.PHONY: types
types: .venv/.test
	$(BIN)/mypy

.PHONY: walls
walls: .venv/.test
	$(BIN)/lint-imports

.PHONY: stack
stack: .venv/.test  ## Lint the Dockerfile, the compose file and the Helm chart.
	$(BIN)/hadolint --config deploy/hadolint.yaml Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/compose-lint check --quiet --config deploy/compose-lint.yaml --fail-on low docker-compose.yml
	$(BIN)/python -m tests.unit.stack.chart

.PHONY: unit unit-door unit-hands
unit: .venv/.test  ## Unit tests: sealed, seconds; both halves side by side.
	@$(MAKE) --no-print-directory --output-sync=target -j2 unit-door unit-hands

unit-door: .venv/.test
	$(BIN)/pytest tests/unit/lathe tests/unit/app tests/unit/stack tests/unit/docs tests/unit/mutants

unit-hands: .venv/.test
	$(BIN)/pytest tests/unit/worker tests/unit/benchmarks tests/unit/fuzz

.PHONY: services
services: .venv/.test  ## Tests on real processes, PostgreSQL, Valkey and S3.
	$(BIN)/pytest tests/services

.PHONY: test-redteam
test-redteam: .venv/.test  ## Attack a real service, and show what each attack does without its guard.
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest tests/redteam

.venv/.browser: .venv/.test requirements/browser.txt
	@$(PIP) -r requirements/browser.txt
	@touch $@

.PHONY: test-browser
test-browser: .venv/.browser  ## The page in a real Chromium (LATHE_CHROMIUM, else /usr/bin/chromium).
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/browser

.PHONY: screenshots
screenshots: .venv/.browser  ## Take docs/screenshots anew: every page, light and dark, wide and narrow.
	OMP_NUM_THREADS=1 PYTHONPATH=tests/services:tests/browser $(BIN)/python -m tests.browser.screens

.PHONY: chaos
chaos: .venv/.test  ## 200 real jobs while everything they need is killed or taken away.
	PYTHONPATH=tests/services OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.chaos

.venv/.fuzz: .venv/.test requirements/fuzz.txt
	@$(PIP) -r requirements/fuzz.txt
	@touch $@

.PHONY: fuzz-parsers
fuzz-parsers: .venv/.fuzz  ## Fuzz what reads uploads and requests (PARSER=zip, default all; RUNS=1000000; ARGS=--list).
	$(BIN)/python -m tests.fuzz $(PARSER) --runs $(or $(RUNS),1000000) $(ARGS)

.PHONY: fuzz-api
fuzz-api: .venv/.fuzz  ## Fuzz the whole OpenAPI document against a real server (ARGS="--cases 10000 --keep").
	PYTHONPATH=tests/services OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.api $(ARGS)

.PHONY: test-tus
test-tus: .venv/.test  ## A tus client of others' (tus-js-client) against ours; needs node and npm.
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "node and npm are needed for this" >&2; exit 1; }
	@mkdir -p build/tus && cp tests/tus/package.json build/tus
	@cd build/tus && npm install --silent --no-audit --no-fund --no-package-lock
	$(BIN)/pytest tests/tus

.PHONY: test-gpu
test-gpu: .venv/.test  ## Jobs under the policy of a GPU's queue; what needs a CUDA device says why it skips.
	OMP_NUM_THREADS=1 $(BIN)/pytest -rs tests/gpu

.PHONY: test-upgrade
test-upgrade: .venv/.test  ## Run an older release (OLD=<ref>, default HEAD~1) and this one together.
	OLD="$(or $(OLD),HEAD~1)" $(BIN)/pytest tests/upgrade

.PHONY: docs
docs: .venv/.test  ## Write the pages that are generated: docs/techniques, and what of docs/reference is code.
	$(BIN)/python -m docs.generate

.PHONY: mutants
mutants: .venv/.test  ## Which wrong signs in the techniques' maths no test notices (ONLY=worker/engine/prune/lamp.py).
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.mutants $(addprefix --only ,$(ONLY)) $(ARGS)

.PHONY: format
format: .venv/.test  ## Rewrite the code in the house format.
	$(BIN)/ruff check --fix-only $(TESTED)
	$(BIN)/ruff format $(TESTED)

# --- measure; each exits 1 when a figure is missed ---------------------------------------------

.PHONY: bench-resnet20
bench-resnet20: .venv/.bench  ## ResNet-20 on CIFAR-10, static int8, over HTTP (needs DATA=folder).
	$(BIN)/python -m benchmarks.resnet20 --data "$(DATA)"

.PHONY: bench-slim
bench-slim: .venv/.bench  ## ResNet-20 and -56 at half the work, and int8 on top, over HTTP (needs DATA=folder; ARGS=--only 56/half).
	$(BIN)/python -m benchmarks.slim --data "$(DATA)" $(ARGS)

.PHONY: bench-aware
bench-aware: .venv/.bench  ## ResNet-20 in 8, 4 and 2 bits, rounded and trained, over HTTP (needs DATA=folder; ARGS=--only 2/trained).
	$(BIN)/python -m benchmarks.quantize_aware --data "$(DATA)" $(ARGS)

.PHONY: bench-alexnet
bench-alexnet: .venv/.bench  ## AlexNet: integers, filters, neurons, SVD, each alone and together, over HTTP (needs DATA=folder; ARGS=--only narrow/together).
	$(BIN)/python -m benchmarks.alexnet --data "$(DATA)" $(ARGS)

.PHONY: bench-minilm
bench-minilm: .venv/.bench  ## all-MiniLM-L6-v2 on STS-B, dynamic int8 and 4 bits, over HTTP (needs DATA=folder).
	$(BIN)/python -m benchmarks.minilm --data "$(DATA)"

.PHONY: bench-deep-compression
bench-deep-compression: .venv/.bench  ## LeNets, ResNet-20, MiniLM as packed files over HTTP (needs DATA=folder; SEEDS=0,1,2 ARGS=--only ...).
	$(BIN)/python -m benchmarks.deep_compression --data "$(DATA)" --seeds "$(or $(SEEDS),0,1,2)" $(ARGS)

.PHONY: bench-api
bench-api: .venv/.test  ## Reads of jobs against a bare hello, on SQLite and PostgreSQL (ARGS=--quick).
	PYTHONPATH=tests/services $(BIN)/python -m benchmarks.api $(ARGS)

.PHONY: bench-load
bench-load: .venv/.test  ## 200 polls a second and 500 event streams while compressions run (ARGS="--postgresql --quick").
	PYTHONPATH=tests/services OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.load $(ARGS)

.PHONY: bench-pages
bench-pages: .venv/.test  ## Every page and report view with 10,000 jobs, on SQLite and PostgreSQL.
	PYTHONPATH=tests/services $(BIN)/python -m benchmarks.pages $(ARGS)

.PHONY: bench-overhead
bench-overhead: .venv/.bench  ## Quantizing through the service against the bare library (needs DATA=folder).
	$(BIN)/python -m benchmarks.overhead --data "$(DATA)" $(ARGS)

.PHONY: bench-memory
bench-memory: .venv/.test  ## A 2.1 GB model through the service, and the memory of every process (12 GB of disk).
	$(BIN)/python -m benchmarks.memory $(ARGS)

.PHONY: bench-packed
bench-packed: .venv/.test  ## Packed files: 1,000 random graphs, size of a graph, speed.
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.packed $(ARGS)

.PHONY: bench-transfer
bench-transfer: .venv/.test  ## 1 GiB in and out, against the bare server underneath (S3=1: on S3 too).
	PYTHONPATH=tests/services $(BIN)/python -m benchmarks.transfer $(if $(S3),--s3)

.PHONY: bench-resume
bench-resume: .venv/.test  ## An upload of 1 GiB, cut three times: client, API, connection (S3=1: on S3 too).
	PYTHONPATH=tests/services $(BIN)/python -m benchmarks.resume $(if $(S3),--s3) $(ARGS)

.PHONY: bench-scale
bench-scale: .venv/.test  ## Jobs an hour with one worker and with two, of one thread each.
	$(BIN)/python -m benchmarks.scale

.PHONY: bench-matrix
bench-matrix: .venv/.bench  ## Every technique on 13 kinds of network, over HTTP (ARGS="--only technique[/network]").
	$(BIN)/python -m benchmarks.matrix $(ARGS)
	$(BIN)/python -m docs.generate

.PHONY: bench-peers
bench-peers: .venv/.bench .venv-peers/.made  ## Lathe beside onnxruntime, NNCF, Olive, torch-pruning, zstd and xz (needs DATA=folder).
	$(BIN)/python -m benchmarks.peers --data "$(DATA)" $(ARGS)

.PHONY: bench-memory-data
bench-memory-data: .venv/.test  ## Train on 4 GiB of images with 1 GiB of memory.
	$(BIN)/python -m benchmarks.memory_data

.PHONY: bench-sharded
bench-sharded: .venv/.test  ## Train on 6 GB of images in shards with 2 GB of memory (20 GB of disk).
	$(BIN)/python -m benchmarks.sharded $(ARGS)

.PHONY: clean
clean:  ## Remove what the targets made.
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info demo-out chaos-out data
