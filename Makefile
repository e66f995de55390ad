# What crfs can do from a fresh clone. Needs python3 >= 3.11 with venv, and make: no root, no key, no Docker.
# Only relative paths, so that the folder's name may hold a space.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PY := .venv/bin/python
PYTEST_WORKERS ?= 2

# pip chooses inside constraints.txt and nowhere else, for the build backend too (newer pips read the second name for that).
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# What is compiled is kept: a run of the suite starts some hundred processes, each of which would compile crfs again.
unexport PYTHONDONTWRITEBYTECODE

# $(call install,WHAT,WORDS): pip's own words go to .venv/install.log; here one line per 25 packages, and the log's end if it fails.
define install
	@echo "Installing $(2) into .venv (the first time takes a minute or two)"
	@$(PY) -m pip install --progress-bar off -e '$(1)' 2>&1 | tee .venv/install.log | awk ' \
	    /^Collecting|^Requirement already/ { if (++n % 25 == 0) { print "  " n " packages looked up"; fflush() } } \
	    /^Installing collected packages/ { print "  unpacking"; fflush() }' \
	    || { echo "The installation failed; the end of .venv/install.log:"; tail -n 20 .venv/install.log; exit 1; }
endef

.PHONY: help
help: ## list what there is to make
	@echo "make TARGET, where TARGET is"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile

# ---------------------------------------------------------------------------------------------------------- environment

.venv/.stamp-venv:
	@found=""; \
	for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "crfs needs Python 3.11 or newer, and found: $$(python3 --version 2>/dev/null || echo none)."; \
	    echo "Install it (Debian and Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python3.12 ..."; \
	    exit 1; \
	fi; \
	echo "Making .venv with $$("$$found" --version)"; \
	"$$found" -m venv .venv || { echo "Python's venv is not complete. Debian and Ubuntu have it as python3-venv."; exit 1; }
	@touch $@

.venv/.stamp-run: .venv/.stamp-venv pyproject.toml constraints.txt
	$(call install,.,crfs)
	@touch $@

.venv/.stamp-test: .venv/.stamp-venv pyproject.toml constraints.txt
	$(call install,.[test],crfs and what its tests need)
	@touch $@ .venv/.stamp-run

.venv/.stamp-docs: .venv/.stamp-venv pyproject.toml constraints.txt
	$(call install,.[docs],crfs and what its documentation needs)
	@touch $@ .venv/.stamp-run

# ------------------------------------------------------------------------------------------------------------- the verbs

.PHONY: demo
demo: .venv/.stamp-run ## the whole main job, then its pages at an address (SERVE=0: end after the report; DATA_DIR=folder)
	@.venv/bin/crfs demo $(if $(filter 0,$(SERVE)),--no-serve) $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

.PHONY: test
test: .venv/.stamp-test ## the whole suite but the fault rounds; what is skipped is listed with its reason (ARGS="-k word")
	@$(PY) -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not faults" $(ARGS)

.PHONY: check
check: .venv/.stamp-test .venv/.stamp-docs ## exactly what CI runs: format, lint, types, import contracts, documentation, tests
	@echo "== format";    $(PY) -m ruff format --check .
	@echo "== lint";      $(PY) -m ruff check .
	@echo "== types";     $(PY) -m mypy
	@echo "== contracts"; .venv/bin/lint-imports
	@echo "== documentation"; $(MAKE) --no-print-directory docs
	@echo "== tests";     $(MAKE) --no-print-directory test

.PHONY: docs
docs: .venv/.stamp-docs ## the documentation, in docs/_build/html; a warning is an error
	@$(PY) -m sphinx -n -W --keep-going -q -b html docs docs/_build/html
	@echo "Written: docs/_build/html/index.html"

.PHONY: bench
bench: .venv/.stamp-test ## every benchmark, with peers side by side; writes benchmarks/results/
	@$(PY) -m benchmarks $(ARGS)

.PHONY: faults
faults: .venv/.stamp-test ## the long rounds: processes killed on purpose (CRFS_FAULT_ROUNDS=40: so many over HTTP; 200), 20 times the random cases (CRFS_CASES)
	@$(PY) -m pytest -m faults tests $(ARGS)
	@CRFS_CASES=$${CRFS_CASES:-20} $(PY) -m pytest -m "hypothesis and not faults" tests $(ARGS)

.PHONY: format
format: .venv/.stamp-test ## rewrite the code as the formatter and the safe lint fixes have it
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

.PHONY: clean
clean: ## remove .venv, caches and built pages (not the data folder)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis docs/_build build dist
