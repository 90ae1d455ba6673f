# Every target sets up what it needs; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin

SUITE ?= ci
TEST ?=
SEED ?=
JOBS ?=
WAVES ?=
FRESH ?=
SHARD ?=
AGAINST ?=
SCHEDULER ?=
CLUSTER ?=

regress_options = --suite $(SUITE) $(if $(TEST),--test '$(TEST)') $(if $(SEED),--seed $(SEED)) \
	$(if $(JOBS),--jobs $(JOBS)) $(if $(WAVES),--waves) $(if $(FRESH),--fresh) \
	$(if $(SHARD),--shard $(SHARD)) $(if $(AGAINST),--against $(AGAINST)) \
	$(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(if $(CLUSTER),--cluster $(CLUSTER))

.PHONY: help setup regress test waves mutants bench timing resources accuracy lint format lock clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  options of regress: SUITE=smoke|ci|nightly TEST=glob SEED=k JOBS=n WAVES=1 FRESH=1 SHARD=i/n AGAINST=run"
	@echo "                      SCHEDULER=tcp://host:port CLUSTER=slurm|lsf"

setup: ## virtual environment, pinned packages, system packages
	@regress/setup.sh

regress: setup ## run the regression suite SUITE (default ci)
	@$(BIN)/assay regress $(regress_options)

test: setup ## run the unit tests
	@$(BIN)/python -m pytest -n auto $(PYTEST)

waves: setup ## record one layer: VARIANT= NETWORK= LAYER= [CONFIG=] [CYCLES=a:b] [SIM=] [DEEP=1]
	@$(BIN)/assay waves $(VARIANT) $(NETWORK) --layer '$(LAYER)' $(if $(CONFIG),--config $(CONFIG)) \
	    $(if $(CYCLES),--cycles $(CYCLES)) $(if $(SIM),--sim $(SIM)) $(if $(SEED),--seed $(SEED)) $(if $(DEEP),--deep)

mutants: setup ## change one thing at a time in the RTL, run the smoke suite on each: N= SEED= JOBS=
	@$(BIN)/assay mutants $(if $(N),--number $(N)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS))

bench: setup ## measure simulation and golden speed, write build/bench.json
	@$(BIN)/python -m regress.bench

timing: setup ## print each module's logic delay against its limit
	@$(BIN)/python -m regress.timing $(or $(VARIANT),systolic) $(or $(CONFIG),small)

resources: setup ## print each module's cells, and the shares of the device
	@$(BIN)/python -m regress.resources $(or $(VARIANT),systolic) $(or $(CONFIG),small)

accuracy: setup ## print accuracy of float, int8, int4, pruned and binary on all 10,000 test images
	@$(BIN)/python -m compiler.accuracy

lint: setup ## ruff, mypy, import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: setup ## format the Python sources
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: setup ## write requirements.lock anew from pyproject.toml
	@regress/lock.sh

clean: ## remove everything that was built
	rm -rf build

distclean: clean ## also remove the virtual environment
	rm -rf .venv
