# Matinee. `make demo` runs it, `make test` tests it; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
# Use the uv on PATH, else install it from the package registry into .uv
UV := $(shell command -v uv || echo .uv/bin/uv)
export UV_PYTHON_DOWNLOADS = never
export UV_PYTHON = $(PYTHON)
export UV_PROJECT_ENVIRONMENT = .venv
export UV_COMPILE_BYTECODE = 1
# Trust the certificates of the operating system, as pip and curl do
export UV_SYSTEM_CERTS = 1
# Compile our modules once, not in each of the processes that start here with the same imports
unexport PYTHONDONTWRITEBYTECODE

DATA ?= demo
PORT ?= 8000
CALLS ?= 10000
ROUNDS ?= 20

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.uv/bin/uv:
	@echo "Installing uv into .uv"
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check "uv>=0.9"

# With these stamps a second run does nothing and needs no network.
.venv/.installed: pyproject.toml uv.lock | $(filter .uv/bin/uv,$(UV))
	@$(UV) sync --quiet --locked --inexact --no-dev
	@touch $@

.venv/.installed-dev: pyproject.toml uv.lock | $(filter .uv/bin/uv,$(UV))
	@$(UV) sync --quiet --locked --all-extras --no-extra spark
	@touch $@ .venv/.installed

.PHONY: install
install: .venv/.installed ## Install Matinee into .venv

.PHONY: demo
demo: install ## Install, load DATA (default: the built-in demo), train, and serve on PORT
	@.venv/bin/matinee ingest "$(DATA)"
	@.venv/bin/matinee train --if-needed
	@.venv/bin/matinee serve --port $(PORT)

# The tests that need Node are skipped without it: Newman runs the Postman collection, TypeScript checks the
# front-end examples. Like curl and pip, npm trusts the certificates of the machine.
NODE_TOOLS := $(if $(shell command -v npm),$(patsubst %,tests/e2e/tools/%/node_modules/.installed,postman frontend))
tests/e2e/tools/%/node_modules/.installed: tests/e2e/tools/%/package-lock.json
	@NODE_OPTIONS=--use-openssl-ca npm ci --loglevel=error --no-audit --no-fund --prefix $(<D) > /dev/null
	@touch $@

# Some tests use a program of Debian: the page's a browser, those of several servers Redis and PgBouncer. As root they
# are installed, else the tests are skipped with a reason. A service that a package starts is not needed.
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
PROGRAMS := $(if $(CHROMIUM),,chromium) $(foreach each,redis-server pgbouncer,$(if $(shell PATH=$$PATH:/usr/sbin command -v $(each)),,$(each)))
CAN_INSTALL := $(if $(strip $(PROGRAMS)),$(shell [ "$$(id -u)" = 0 ] && command -v apt-get))
.PHONY: programs
programs:
	@$(if $(CAN_INSTALL),echo "Installing $(strip $(PROGRAMS))"; apt-get update -qq && apt-get install -y -qq $(PROGRAMS) > /dev/null || echo "They cannot be installed.",:)

# The tests of trainings on Spark need Java, and PySpark, which is as large as everything else: in an environment of its own.
SPARK_ENV := $(if $(shell command -v java),.venv-spark/.installed)
.venv-spark/.installed: pyproject.toml uv.lock | $(filter .uv/bin/uv,$(UV))
	@echo "Installing PySpark into $(@D)"
	@UV_PROJECT_ENVIRONMENT=$(@D) $(UV) sync --quiet --locked --no-dev --extra spark
	@touch $@

# Three processes keep two cores busy, because many tests wait for a server. Coverage takes a third of the time of the
# tests that it traces: CI measures it with COVERAGE=on.
.PHONY: test
test: .venv/.installed-dev programs $(NODE_TOOLS) $(SPARK_ENV) ## Run all tests; installs their tools, PostgreSQL included
	@$(if $(NODE_TOOLS),,echo "Node is not installed: the tests of the Postman collection and the front-end examples are skipped.")
	@$(if $(SPARK_ENV),,echo "Java is not installed: the test of trainings on Spark is skipped.")
	@.venv/bin/pytest -n 3 --dist worksteal $(if $(COVERAGE),--cov --cov-report=term:skip-covered --cov-fail-under=90)

.PHONY: check
check: .venv/.installed-dev audit ## Check format, lint, types, imports, sizes, spelling, prose, migrations, docs, audit
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/ruff check --quiet
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/python -m scripts.sizes
	@.venv/bin/codespell
	@.venv/bin/python -m scripts.prose
	@.venv/bin/python -m scripts.vendored
	@.venv/bin/python -m scripts.deployment
	@.venv/bin/python -m scripts.migrations
	@.venv/bin/python -m scripts.generate_docs

.PHONY: audit
audit: .venv/.installed-dev ## Look up known vulnerabilities of the locked dependencies (skipped without a network)
	@$(UV) export --quiet --locked --no-dev --all-extras --no-emit-project --output-file .venv/requirements.txt
	@.venv/bin/python -m scripts.audit .venv/requirements.txt

.PHONY: fuzz
fuzz: .venv/.installed-dev ## Send CALLS generated requests to the API, on each database, with and without auth
	@.venv/bin/pytest tests/e2e/test_fuzz.py -s --fuzz-calls $(CALLS) --timeout 0 -p no:cacheprovider
	@.venv/bin/pytest tests/recommender/test_damaged_artifacts.py tests/search/test_storage.py --artifact-damages 2000 --index-damages 2000 \
		--timeout 0 -p no:cacheprovider

.PHONY: chaos
chaos: .venv/.installed-dev ## Kill a server that accepts ratings ROUNDS times per database, then inject other faults
	@.venv/bin/python -m tests.e2e.tools.chaos --rounds $(ROUNDS)
	@.venv/bin/python -m tests.e2e.tools.trainings
	@.venv/bin/python -m tests.e2e.tools.bystanders
	@.venv/bin/pytest tests/e2e/test_faults.py tests/e2e/test_attacks.py tests/e2e/test_request_heads.py -p no:cacheprovider

MINUTES ?= 5
.PHONY: drive
drive: .venv/.installed-dev ## Drive a cluster on loopback for MINUTES while its parts are killed; needs nginx, PgBouncer, Redis
	@PATH=$(CURDIR)/.go/bin:$$PATH .venv/bin/python -m tests.e2e.tools.drive --minutes $(MINUTES)

# An S3 server that keeps its objects in files: a Go module, built once.
.go/bin/versitygw:
	@echo "Building versitygw into .go"
	@GOBIN=$(CURDIR)/.go/bin go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# What takes too long for `make test`, or needs Go: the tests of the model store on another S3 server, on a slow one and
# on one that fails from time to time; then the cluster, with that server as its store.
NIGHTLY_STORE := tests/backend/test_model_store.py tests/services/training/test_remote_store.py tests/e2e/test_worker.py
.PHONY: nightly
nightly: .venv/.installed-dev programs .go/bin/versitygw ## Test the model store on versitygw, slow and failing, drive a cluster, build images
	@TEST_S3_GATEWAY=$(CURDIR)/.go/bin/versitygw .venv/bin/pytest $(NIGHTLY_STORE) -p no:cacheprovider
	@TEST_S3_GATEWAY=$(CURDIR)/.go/bin/versitygw TEST_S3_FAULT=slow .venv/bin/pytest $(NIGHTLY_STORE) -p no:cacheprovider
	@TEST_S3_GATEWAY=$(CURDIR)/.go/bin/versitygw TEST_S3_FAULT=failing .venv/bin/pytest $(NIGHTLY_STORE) -p no:cacheprovider
	@$(MAKE) --no-print-directory drive
	@$(MAKE) --no-print-directory images

.PHONY: images
images: .venv/.installed-dev ## Build both images and run the demo in them; as root, with Debian's buildah and debootstrap
	@.venv/bin/python -m tests.e2e.tools.image

.PHONY: format
format: .venv/.installed-dev ## Format the code and apply the linter's fixes
	@.venv/bin/ruff format --quiet
	@.venv/bin/ruff check --fix --quiet

.PHONY: screenshot
screenshot: .venv/.installed-dev ## Take the picture of the page in the README, and measure its first view
	@.venv/bin/python -m tests.e2e.tools.screenshot docs/page.jpg

.PHONY: docs
docs: .venv/.installed-dev ## Regenerate docs/reference
	@.venv/bin/python -m scripts.generate_docs --write

.PHONY: bench-recommender
bench-recommender: .venv/.installed-dev ## Compare the recommender with its peers on DATA
	@$(UV) sync --quiet --locked --inexact --group bench
	@.venv/bin/python -m benchmarks.recommender $(if $(filter-out demo,$(DATA)),--data "$(DATA)")

.PHONY: bench-search
bench-search: .venv/.installed-dev ## Compare the search with its peers on DATA, then with the titles of TITLES
	@$(UV) sync --quiet --locked --inexact --group bench
	@.venv/bin/python -m benchmarks.search $(if $(filter-out demo,$(DATA)),--data "$(DATA)") $(if $(TITLES),--titles "$(TITLES)")

# Measures RATINGS generated ratings if that is set, else DATA. If TABLES names a page, the tables are written into it.
BENCH = .venv/bin/python -m benchmarks $(if $(RATINGS),--ratings "$(RATINGS)",$(if $(filter-out demo,$(DATA)),--data "$(DATA)")) $(if $(TABLES),--write "$(TABLES)")

.PHONY: bench-ingest
bench-ingest: .venv/.installed-dev ## Compare ingestion with a raw bulk load, on DATA or RATINGS
	@$(BENCH) ingest-sqlite ingest-postgresql

.PHONY: bench-train
bench-train: .venv/.installed-dev ## Measure trainings on DATA or RATINGS
	@$(BENCH) train

.PHONY: bench-engines
bench-engines: $(SPARK_ENV) ## Compare trainings in one process and on Spark, on RATINGS
	@$(if $(SPARK_ENV),,echo "Java is not installed: Spark needs it."; exit 1)
	@.venv-spark/bin/python -m benchmarks.engines --ratings $(or $(RATINGS),1000000)

.PHONY: bench-serve
bench-serve: .venv/.installed-dev ## Compare serving with bare FastAPI, idle and during a training
	@$(BENCH) serve-sqlite serve-postgresql beside-training durability long-history request-parts

.PHONY: bench-memory
bench-memory: .venv/.installed-dev ## Measure the memory of four workers that share a model, on DATA or RATINGS
	@$(BENCH) shared-memory

.PHONY: bench-catalogue
bench-catalogue: .venv/.installed-dev ## Measure a catalogue of MOVIES movies with RATINGS generated ratings
	@.venv/bin/python -m benchmarks.catalogue_size $(if $(MOVIES),--movies "$(MOVIES)") $(if $(RATINGS),--ratings "$(RATINGS)") $(if $(TABLES),--write "$(TABLES)")

.PHONY: bench-peers
bench-peers: RATINGS := $(or $(RATINGS),$(if $(filter-out demo,$(DATA)),,100836))
bench-peers: .venv/.installed-dev ## Measure serving beside a plain FastAPI and ORM version, on DATA or 100,836 ratings
	@$(BENCH) peers

.PHONY: bench
bench: .venv/.installed-dev ## Measure ingestion, training, search and serving
	@$(BENCH)
