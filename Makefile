# `make demo` and `make test`: everything from nothing. Needs make, and Python 3.11 or later.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; print("$(name)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast soak bench testbed-up testbed-demo testbed-shell testbed-down serve-demo docs lint clean

help: ## what there is
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The stamp is written last: an installation that was cut off is begun again.
.venv: .venv/.installed ## the virtual environment, with everything that the demo and the tests need
.venv/.installed: pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Spillover needs Python 3.11 or later, and there is none here." >&2; exit 1; fi
	@echo "Making .venv with $(PYTHON), and installing Ray and torch (1.7 GB on disk, once)."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[jobs,backtest,serve,dev]'
	@touch $@

demo: .venv/.installed ## two Ray clusters on this machine, real training, what it costs: under five minutes
	@exec $(BIN)/spillover demo

# -P: a platform/ folder in the working directory must never stand before Python's own module of that name.
test: test-fast ## all tests: the fast ones, then those that drive real Ray clusters (about 40 minutes)
	$(BIN)/python -P -m pytest -m slow

test-fast: .venv/.installed ## the tests without real Ray clusters
	$(BIN)/python -P -m pytest -m "not slow"

soak: .venv/.installed ## chaos for SPILLOVER_SOAK_MINUTES (60), then every kill test and planted bug at full length
	$(BIN)/python -P tests/chaos/soak.py
	SPILLOVER_SOAK=1 $(BIN)/python -P -m pytest -m slow

bench: .venv/.installed ## a table of how fast it is, and build/bench.json (NAMES="..." for some; about an hour)
	@$(BIN)/python -P tests/perf/run.py $(NAMES)

testbed-up: .venv/.installed ## SSH hosts and a fake AWS on this machine (root, Linux; docs/how-to/use-the-test-bed.md)
	@$(BIN)/python -P tests/testbed/run.py up

testbed-demo: .venv/.installed ## a job spills over from SSH hosts to spot machines, loses one, and finishes: about five minutes
	@exec $(BIN)/python -P tests/story/run.py

testbed-shell: ## a shell on the test bed's laptop
	@$(BIN)/python -P tests/testbed/run.py shell

testbed-down: ## end the test bed and everything in it
	@$(BIN)/python -P tests/testbed/run.py down

serve-demo: .venv/.installed ## applications are served from owned replicas, then from rented ones too, and back: about six minutes
	@exec $(BIN)/python -P tests/serving/run.py

docs: .venv/.installed ## docs/reference/, written from the code
	$(BIN)/python -P docs/generate.py

lint: .venv/.installed ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## remove the virtual environment and what tools left behind
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find platform -name '*.egg-info' -type d -prune -exec rm -rf {} +
