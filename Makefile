# Puente.  `make help` says what there is; all of it needs only Python 3.11 or newer and make.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -q --no-input --disable-pip-version-check --require-hashes

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup dev run test test-all check audit bench teach measure lock messages

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: ## make .venv from the lock; starts nothing
	@$(call install,requirements.lock)

run: setup ## start everything on this machine; Ctrl-C stops it (another port: make run PORT=8001)
	@$(PY) -m bot.dev_server

# Python keeps what it has compiled, also where the environment says not to: that saves ten seconds of each run.
test test-all: export PYTHONDONTWRITEBYTECODE :=

test: dev ## the tests, in under two minutes
	@$(PY) -m pytest -q -n auto -m "not long"

test-all: dev ## those and the long ones; nothing is skipped
	@PUENTE_NOTHING_SKIPPED=1 $(PY) -m pytest -q -n auto -m "not long"
	@PUENTE_NOTHING_SKIPPED=1 $(ON_POSTGRESQL) $(PY) -m pytest -q -n auto -m "not long"
	@PUENTE_NOTHING_SKIPPED=1 $(ON_POSTGRESQL) $(PY) -m pytest -q -m long tests/store/test_migration.py tests/operations/test_backup.py
	@PUENTE_NOTHING_SKIPPED=1 $(PY) -m pytest -q -n 2 --dist loadfile -m long $(patsubst %,--ignore=%,$(WHOLE))
	@PUENTE_NOTHING_SKIPPED=1 $(PY) -m pytest -q -m long $(WHOLE)

check: dev ## format, lint, types, packages, flows, facts and catalogs
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m tests.audit
	$(PY) -m bot check
	$(PY) -m bot test
	$(PY) -m bot.nlu_training.routing_score
	@$(call extract,$(VENV)/messages.pot,$(FAMILIES))
	@$(call extract,$(VENV)/console.pot,$(CONSOLE))
	@cmp -s $(VENV)/messages.pot messages/messages.pot || $(call fail,messages/messages.pot is not current: run 'make messages'.)
	@cmp -s $(VENV)/console.pot $(WORDS)/console.pot || $(call fail,$(WORDS)/console.pot is not current: run 'make messages'.)

audit: dev ## are packages of the locks known to be unsafe? (a part of check)
	@$(PY) -m tests.audit

bench: dev ## every figure in docs/performance.md, as ratios within one run
	@$(PY) -m tests.bench

teach: dev ## learn flows/phrases and flows/concepts anew; writes flows/taught.npz
	@$(call install,requirements-teach.lock)
	@$(PY) -m bot.nlu_training

measure: dev ## compare the methods of docs/understanding.md on messages that nobody taught
	@$(call install,requirements-teach.lock)
	@$(PY) -m bot.nlu_training.evaluate

lock: dev ## choose the newest versions that pyproject.toml allows, with hashes
	$(call compile,requirements.lock)
	$(call compile,requirements-dev.lock,-c requirements.lock --group dev)
	$(call compile,requirements-teach.lock,-c requirements.lock --group teach)

messages: dev ## bring messages/, the console's words and the JSON Schema up to date with flows/, pages and the grammar
	@$(call extract,messages/messages.pot,$(FAMILIES))
	@$(PY) -m bot.content.catalog_merge messages/messages.pot
	@$(call extract,$(WORDS)/console.pot,$(CONSOLE))
	@$(PY) -m bot.content.catalog_merge $(WORDS)/console.pot
	@$(PY) -m bot schema > flows/flow.schema.json

dev: setup
	@$(call install,requirements-dev.lock)

# --- How these are done -------------------------------------------------------------------------------------------

# What stands on a database stands on PostgreSQL, a throw-away one.
ON_POSTGRESQL := PUENTE_TEST_DATABASE=postgresql

fail = { echo "$(1)" >&2; exit 1; }

# These want the machine for themselves.
WHOLE := tests/faults tests/machines tests/dev_server

# No dates and years in the header: a second run makes no difference.
undated = sed -e '/^"POT-Creation-Date: /d' -e '/^\# FIRST AUTHOR /d' -e 's/^\# Copyright (C) [0-9]* /\# Copyright (C) /'
define extract
PYTHONPATH=. $(VENV)/bin/pybabel -q extract --no-wrap --sort-by-file --project=Puente --version=1 \
	--copyright-holder="the Puente authors" -o $(VENV)/dated.pot $(2) && $(undated) $(VENV)/dated.pot > $(1)
endef
# What families read, and what staff read in the console (by file, not by line: a page may grow).
FAMILIES := -F babel.cfg .
WORDS := bot/web/console/words
CONSOLE := -F $(WORDS)/babel.cfg --add-location=file -k N_ bot

compile = $(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--upgrade $(2) pyproject.toml -o $(1)

# A copy of the lock in .venv says what is installed.  `unfinished` is there while that is being changed: an
# installation that was interrupted is done anew, from the ground.
define install
if ! test -x $(PY) || test -e $(VENV)/unfinished || ! cmp -s $(1) $(VENV)/$(1); then \
	if ! $(PY) -m pip --version >/dev/null 2>&1 || test -e $(VENV)/unfinished; then $(new_venv); fi; \
	echo "Installing what $(1) lists; this takes a minute." >&2; \
	touch $(VENV)/unfinished && $(PIP) -r $(1) && cp $(1) $(VENV)/$(1) && rm $(VENV)/unfinished \
		|| $(call fail,The installation failed (see above): mend that and run make again.); \
fi
endef

define new_venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| $(call fail,Puente needs Python 3.11 or newer and $(PYTHON) is none: install it and name it: make PYTHON=python3.12 run); \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	|| $(call fail,$(PYTHON) comes without venv or ensurepip: install them (Debian and Ubuntu: sudo apt install python3-venv).); \
mkdir -p $(VENV) 2>/dev/null && touch $(VENV)/unfinished 2>/dev/null \
	|| $(call fail,$(CURDIR) cannot be written: make it writable or copy Puente elsewhere.); \
$(PYTHON) -m venv --clear $(VENV) || $(call fail,$(VENV) could not be made (see above): remove it and run make again.)
endef
