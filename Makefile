# Commands for Puente. `make help` lists them. You need only make and Python 3.11 or later.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -q --no-input --disable-pip-version-check --require-hashes

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup dev run test test-all check audit bench teach encoder measure lock messages

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: ## create .venv from the lock, without starting anything
	@$(call install,requirements.lock)

run: setup ## start everything on this machine; to stop, press Ctrl-C (other port: make run PORT=8001)
	@$(PY) -m bot.dev_server

# Keep compiled bytecode, even if the environment forbids it. It saves ten seconds of each run.
test test-all: export PYTHONDONTWRITEBYTECODE :=

test: dev ## run the fast tests, in under two minutes
	@$(PY) -m pytest -q -n auto -m "not long"

test-all: dev ## run all tests, including the long ones; skip none
	@PUENTE_NOTHING_SKIPPED=1 $(PY) -m pytest -q -n auto -m "not long"
	@PUENTE_NOTHING_SKIPPED=1 $(ON_POSTGRESQL) $(PY) -m pytest -q -n auto -m "not long"
	@PUENTE_NOTHING_SKIPPED=1 $(ON_POSTGRESQL) $(PY) -m pytest -q -m long tests/store/test_migration.py tests/operations/test_backup.py
	@PUENTE_NOTHING_SKIPPED=1 $(PY) -m pytest -q -n 2 --dist loadfile -m long $(patsubst %,--ignore=%,$(WHOLE))
	@PUENTE_NOTHING_SKIPPED=1 $(PY) -m pytest -q -m long $(WHOLE)

check: dev ## check format, lint, types, packages, flows, facts, and catalogs
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m tests.audit
	$(PY) -m bot check
	$(PY) -m bot test
	$(PY) -m bot.nlu_training.scores
	@$(call extract,$(VENV)/messages.pot,$(FAMILIES))
	@$(call extract,$(VENV)/console.pot,$(CONSOLE))
	@cmp -s $(VENV)/messages.pot messages/messages.pot || $(call fail,messages/messages.pot is out of date. Run 'make messages'.)
	@cmp -s $(VENV)/console.pot $(WORDS)/console.pot || $(call fail,$(WORDS)/console.pot is out of date. Run 'make messages'.)

audit: dev ## check the locked packages for known vulnerabilities (part of check)
	@$(PY) -m tests.audit

bench: dev ## measure every figure in docs/performance.md, as ratios within one run
	@$(PY) -m tests.bench

teach: dev ## train on flows/phrases, flows/concepts, and flows/examples; writes flows/taught.npz
	@$(call install,requirements-teach.lock)
	@$(PY) -m bot.nlu_training

encoder: dev ## fine-tune the encoder on flows/phrases and flows/examples; writes flows/encoder (an hour)
	@$(call install,requirements-encoder.lock)
	@$(PY) -m bot.encoder_training

measure: dev ## compare the methods in docs/understanding.md on messages outside the training data
	@$(call install,requirements-teach.lock)
	@$(PY) -m bot.nlu_training.evaluate

lock: dev ## lock the newest versions that pyproject.toml allows, with hashes
	$(call compile,requirements.lock)
	$(call compile,requirements-dev.lock,-c requirements.lock --group dev)
	$(call compile,requirements-teach.lock,-c requirements.lock --group teach)
	$(call compile,requirements-encoder.lock,-c requirements.lock --group encoder)

messages: dev ## update messages/, the console's texts, and the JSON Schema from flows/, pages, and models
	@$(call extract,messages/messages.pot,$(FAMILIES))
	@$(PY) -m bot.content.catalog_merge messages/messages.pot
	@$(call extract,$(WORDS)/console.pot,$(CONSOLE))
	@$(PY) -m bot.content.catalog_merge $(WORDS)/console.pot
	@$(PY) -m bot schema > flows/flow.schema.json

dev: setup
	@$(call install,requirements-dev.lock)

# --- Implementation -------------------------------------------------------------------------------------------

# Runs the database tests on a temporary PostgreSQL.
ON_POSTGRESQL := PUENTE_TEST_DATABASE=postgresql

fail = { echo "$(1)" >&2; exit 1; }

# These tests need the machine to themselves.
WHOLE := tests/faults tests/machines tests/dev_server

# Removes dates and years from the header, so that a second run changes nothing.
undated = sed -e '/^"POT-Creation-Date: /d' -e '/^\# FIRST AUTHOR /d' -e 's/^\# Copyright (C) [0-9]* /\# Copyright (C) /'
define extract
PYTHONPATH=. $(VENV)/bin/pybabel -q extract --no-wrap --sort-by-file --project=Puente --version=1 \
	--copyright-holder="the Puente authors" -o $(VENV)/dated.pot $(2) && $(undated) $(VENV)/dated.pot > $(1)
endef
# The texts for families, and the texts for staff in the console. Locations name the file only, because lines move.
FAMILIES := -F babel.cfg .
WORDS := bot/web/console/words
CONSOLE := -F $(WORDS)/babel.cfg --add-location=file -k N_ bot

compile = $(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--upgrade $(2) pyproject.toml -o $(1)

# A copy of the lock in .venv records what is installed. The file `unfinished` exists during an installation.
# If an installation stops halfway, the next run starts over with a new .venv.
define install
if ! test -x $(PY) || test -e $(VENV)/unfinished || ! cmp -s $(1) $(VENV)/$(1); then \
	if ! $(PY) -m pip --version >/dev/null 2>&1 || test -e $(VENV)/unfinished; then $(new_venv); fi; \
	echo "Installing the packages in $(1). This takes a minute." >&2; \
	touch $(VENV)/unfinished && $(PIP) -r $(1) && cp $(1) $(VENV)/$(1) && rm $(VENV)/unfinished \
		|| $(call fail,The installation failed. Fix the error above and run make again.); \
fi
endef

define new_venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| $(call fail,Puente needs Python 3.11 or later. $(PYTHON) is older or missing. Install Python and name it: make PYTHON=python3.12 run); \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	|| $(call fail,$(PYTHON) lacks venv or ensurepip. Install them (on Debian and Ubuntu: sudo apt install python3-venv).); \
mkdir -p $(VENV) 2>/dev/null && touch $(VENV)/unfinished 2>/dev/null \
	|| $(call fail,Puente can't write to $(CURDIR). Make the folder writable or copy Puente elsewhere.); \
$(PYTHON) -m venv --clear $(VENV) || $(call fail,Python couldn't create $(VENV). Read the error above. Then remove $(VENV) and run make again.)
endef
