# Everything a contributor needs. `make` alone lists the targets.

VENV ?= .venv
PYTHON ?=
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
WORKERS ?= auto

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(READY) ## make .venv with everything to develop and test (PYTHON=... chooses the interpreter)
	@echo "==> ready: $(RUN) is $$($(RUN) -V)"

# Redone when pyproject.toml changes. The first interpreter that is 3.11 or newer and can make a
# virtual environment is taken.
$(READY): pyproject.toml
	@set -e; \
	if ! $(RUN) -m pip --version >/dev/null 2>&1; then \
		found=; \
		for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python); do \
			if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				found=$$python; break; \
			fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "No usable Python: durable needs CPython 3.11 or newer with the venv module (on Debian: python3-venv)." >&2; \
			echo "Install one, or name it: make setup PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		echo "==> creating $(VENV) with $$("$$found" -V)"; \
		"$$found" -m venv $(VENV); \
	fi
	@echo "==> installing durable and its development tools into $(VENV)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: demo
demo: $(READY) ## run the demonstration: a workflow over real data, killed and continued
	@echo "==> examples/source_census/demo.py"
	@$(RUN) examples/source_census/demo.py

.PHONY: test
test: $(READY) ## run the tests (WORKERS=n for n processes, ARGS="..." for pytest)
	@echo "==> tests"
	@$(RUN) -m pytest -n $(WORKERS) $(ARGS)

# Each version has its own environment: .venv-3.12 and so on.
.PHONY: test-all
test-all: $(READY) ## run the tests on every supported Python that is here
	@echo "==> tests on every Python"
	@$(RUN) -m tools.pythons

# What depends on the interpreter: threads, signals, processes, SQLite, code objects and signatures.
CORE_TESTS := tests/core tests/engine tests/stores tests/definition tests/crash/test_kit.py tests/crash/test_drives.py

.PHONY: test-others
test-others: $(READY) ## run the core's tests on the supported Pythons that .venv is not of
	@echo "==> tests of the core on other Pythons"
	@$(RUN) -m tools.pythons --others $(CORE_TESTS)

.PHONY: check
check: check-format check-lint check-types check-layers check-generated check-links check-docs check-examples check-wheel ## the gate, but for the tests: all targets below
	@echo "==> the gate is green"

.PHONY: check-format
check-format: $(READY) ## formatting
	@echo "==> formatting"
	@$(RUN) -m ruff format --check . || { echo "Run: make format"; exit 1; }

.PHONY: check-lint
check-lint: $(READY) ## lint rules
	@echo "==> lint"
	@$(RUN) -m ruff check .

.PHONY: check-types
check-types: $(READY) ## types, strict
	@echo "==> types"
	@$(RUN) -m mypy

.PHONY: check-layers
check-layers: $(READY) ## who may import whom
	@echo "==> layers"
	@$(VENV)/bin/lint-imports --no-logo

.PHONY: check-generated
check-generated: $(READY) ## generated docs are current
	@echo "==> generated docs"
	@$(RUN) -m tools.generate_docs --check

.PHONY: check-links
check-links: $(READY) ## links between documents
	@echo "==> links"
	@$(RUN) -m tools.check_links

.PHONY: check-docs
check-docs: $(READY) ## code in the docs runs
	@echo "==> code in the docs"
	@$(RUN) -m tools.check_docs

.PHONY: check-examples
check-examples: $(READY) ## examples run
	@echo "==> examples"
	@$(RUN) -m tools.check_examples

.PHONY: check-wheel
check-wheel: $(READY) ## the wheel works without this tree
	@echo "==> wheel"
	@$(RUN) -m tools.check_wheel

.PHONY: format
format: $(READY) ## format the code and fix what can be fixed
	@$(RUN) -m ruff check --fix --quiet . || true
	@$(RUN) -m ruff format .

.PHONY: docs
docs: $(READY) ## write the generated docs again
	@$(RUN) -m tools.generate_docs

.PHONY: bench
bench: $(READY) ## measure durable beside raw SQLite and other libraries (ARGS="--quick" for a look)
	@echo "==> benchmarks"
	@$(RUN) -m benchmarks $(ARGS)

.PHONY: clean
clean: ## remove .venv and .venv-*, caches and built files
	@echo "==> removing .venv and .venv-*, caches and built files"
	@rm -rf .venv .venv-* build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
