# Every target makes what it needs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What Python compiled is kept, whatever the machine says: the tests start hundreds of servers.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test chaos check lint format types imports snapshots snapshots-update migration lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

run: $(VENV)/installed ## Start the server, with everything it needs
	@$(BIN)/twofold serve

test: $(VENV)/installed-dev ## Run the tests
	@$(BIN)/pytest $(ARGS)

chaos: $(VENV)/installed-dev ## Pull every plug at full size (about a quarter of an hour); CHAOS_SEED=… replays a run
	@CHAOS=full $(BIN)/pytest -rP tests/chaos/test_live_chaos.py tests/chaos/test_slow_client.py tests/chaos/test_lock_order.py \
		tests/chaos/test_sqlite_writers.py tests/streams/test_idle.py tests/streams/test_fold.py $(ARGS)

check: lint types imports snapshots test ## What CI runs

lint: $(VENV)/installed-dev ## Check style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/installed-dev ## Put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/installed-dev ## Check types
	@$(BIN)/mypy .

imports: $(VENV)/installed-dev ## Check who imports whom
	@$(BIN)/lint-imports

snapshots: $(VENV)/installed-dev ## Check that openapi.json and schema.graphql are up to date
	@$(BIN)/twofold openapi --check openapi.json
	@$(BIN)/twofold schema --check graphql_schema/schema.graphql

snapshots-update: $(VENV)/installed-dev ## Write openapi.json and schema.graphql anew
	@$(BIN)/twofold openapi > openapi.json
	@$(BIN)/twofold schema > graphql_schema/schema.graphql

migration: $(VENV)/installed-dev ## Write a migration: make migration NAME="what it does"
	@$(BIN)/python -m db.migrate "$(NAME)"

lock: $(VENV)/installed-dev ## Renew the locked dependencies
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		$(LOCKFLAGS) --all-extras --group build pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		$(LOCKFLAGS) --group build -c requirements-dev.lock pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		$(LOCKFLAGS) tests/generators/requirements.in -o tests/generators/requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		$(LOCKFLAGS) tests/files/s3/requirements.in -o tests/files/s3/requirements.txt

clean: ## Remove the environment and the caches; data stays
	@rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Twofold needs Python 3.11 or newer." if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing dependencies …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	@echo "Installing development dependencies …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
