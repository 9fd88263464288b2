# `make demo`: everything from nothing. Needs make, and Python 3.11 or later.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; print("$(name)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo clean

help: ## what there is
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The stamp is written last: an installation that was cut off is begun again.
.venv: .venv/.installed ## the virtual environment, with everything that the demo and the tests need
.venv/.installed: pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Spillover needs Python 3.11 or later, and there is none here." >&2; exit 1; fi
	@echo "Making .venv with $(PYTHON), and installing Ray and torch (about 1 GB, once)."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[jobs,dev]'
	@touch $@

demo: .venv/.installed ## two Ray clusters on this machine, real training, what it costs: under five minutes
	@exec $(BIN)/spillover demo

clean: ## remove the virtual environment and what tools left behind
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find platform -name '*.egg-info' -type d -prune -exec rm -rf {} +
