# The verbs of this repository. `make help` lists them; CONTRIBUTING.md says when to use which.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
BIN := .venv/bin
NAME ?=
TEST_ARGS ?=
WORKERS ?= 2
READY := .venv/.ready
TRYTON_READY := .venv-tryton/.ready
RADICALE_READY := .venv-radicale/.ready
LINKAGE_READY := .venv-linkage/.ready

.PHONY: help demo demo-check test test-long lint format bench docs pictures requirements connector pins messages setup setup-tryton setup-radicale setup-linkage clean

help: ## list these verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r verb what; do printf '  make %-14s %s\n' "$$verb" "$$what"; done

demo: setup setup-tryton setup-radicale ## a business day in two CRMs, with the pages open in a browser
	$(BIN)/tieline demo

demo-check: setup setup-tryton setup-radicale ## the same day, counted against the table written by hand; ends with one JSON line
	$(BIN)/tieline demo --check

test: setup setup-tryton setup-radicale ## all floors in small (TEST_ARGS="tests/core -x" for a part)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(TEST_ARGS)

test-long: setup setup-tryton setup-radicale ## the full sizes: thousands of calls, tens of kills
	$(BIN)/pytest -m long --timeout 5400 $(TEST_ARGS)

lint: setup ## style, format, types, direction of imports, declared imports, length of files
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check .
	TIELINE_HOME=.cache/lint TIELINE_DATABASE_URL=postgresql:///lint TIELINE_APP_DATABASE_URL=postgresql:///lint $(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/declared_imports.py
	$(BIN)/python tools/file_sizes.py

format: setup ## put imports and lines in order
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: setup $(if $(filter-out linkage,$(NAME)),,setup-linkage) $(if $(filter-out carddav,$(NAME)),,setup-radicale) ## measure, one JSON line each (NAME=intake runs one)
	$(BIN)/python -m benchmarks $(NAME)

docs: setup ## write the generated pages of docs/ anew and check every link in it
	$(BIN)/python tools/api_actions.py
	$(BIN)/python tools/docs.py

pictures: setup ## walk through the demo in a browser and keep the pictures that docs/ shows
	rm -rf test-results/walk
	$(BIN)/pytest -q tests/walk
	$(BIN)/python tools/pictures.py

requirements: setup ## which requirement is proved by which tests
	$(BIN)/python tools/requirements_report.py

connector: setup ## write the folder of a new connector that passes at once (NAME=acme)
	@$(BIN)/python tools/connector.py "$(NAME)"

pins: setup ## pin requirements*.in with hashes into requirements*.txt (needs uv)
	@for name in requirements requirements-dev requirements-tryton requirements-radicale requirements-linkage; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url --no-emit-find-links --output-file $$name.txt $$name.in || exit 1; \
	done

messages: setup ## collect the words to translate into locale/, and compile what is translated (needs gettext)
	$(BIN)/python tools/messages.py

setup: $(READY) ## install what is pinned into .venv; does nothing when nothing changed

setup-tryton: $(TRYTON_READY) ## install a Tryton server into .venv-tryton (GPL: a process of its own, for demo and tests)

setup-linkage: $(LINKAGE_READY) ## install splink and the public sets it is measured on into .venv-linkage (900 MB, for a benchmark)

setup-radicale: $(RADICALE_READY) ## install a CardDAV server and vdirsyncer into .venv-radicale (for demo, tests and a benchmark)

$(READY): requirements-dev.txt pyproject.toml tools/setup.sh
	@tools/setup.sh .venv requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(TRYTON_READY): requirements-tryton.txt tools/setup.sh
	@tools/setup.sh .venv-tryton requirements-tryton.txt
	touch $@

$(LINKAGE_READY): requirements-linkage.txt tools/setup.sh
	@tools/setup.sh .venv-linkage requirements-linkage.txt
	touch $@

$(RADICALE_READY): requirements-radicale.txt tools/setup.sh
	@tools/setup.sh .venv-radicale requirements-radicale.txt
	touch $@

clean: ## stop what this folder started, and remove its data, environments and caches
	@if [ -x $(BIN)/python ]; then $(BIN)/python tools/erase_home.py; fi
	rm -rf .venv .venv-tryton .venv-radicale .venv-linkage .tieline .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist test-results
	find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
