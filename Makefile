# Runtally's verbs. `make` alone lists them. Each makes the environment it needs, in .venv, by itself.
# Arguments are passed on by ARGS: make test ARGS='tests/local -k tansu'

UV_VERSION := 0.13.8

BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help up demo down status check test simulation fuzz chaos lock clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

up: $(READY) ## start the local stack and stay in the foreground; Ctrl-C ends it
	@exec $(BIN)/runtally up $(ARGS)

demo: $(READY) ## start the local stack with a simulated fleet of agents
	@exec $(BIN)/runtally demo $(ARGS)

down: $(READY) ## end a local stack that runs elsewhere
	@exec $(BIN)/runtally down $(ARGS)

status: $(READY) ## say what runs, where, and how it is
	@exec $(BIN)/runtally status $(ARGS)

check: $(READY) ## lint, formatting, types, secrets and dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy producer consumer clickhouse api ui cli tests .ci
	$(BIN)/python .ci/scan_secrets.py
	$(BIN)/python .ci/scan_dependencies.py

# A file stays with one worker, so that what its tests share is started once.
test: $(READY) ## run the tests, against the best backends that the machine has
	$(BIN)/pytest -n auto --dist loadfile -m 'not benchmark' $(ARGS)

chaos: $(READY) ## break a whole stack for MINUTES (10) minutes and hold it exact; SEED= plays a story again
	@PYTHONPATH=tests $(BIN)/python tests/chaos/soak.py --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(ARGS)

simulation: $(READY) ## play the consumer's stories of faults; ARGS='--seeds 100000', or ARGS='--seed 4711' to see one
	@PYTHONPATH=tests $(BIN)/python -m consumer.simulation.run $(ARGS)

fuzz: $(READY) ## decode drawn records, good and broken; ARGS='--seconds 600', or ARGS='--seed 4711' for one chunk
	@PYTHONPATH=tests $(BIN)/python -m consumer.decoding.fuzz $(ARGS)

bench-%: $(READY) ## run one benchmark of tests/benchmarks, such as bench-simulate
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks/bench_$(subst -,_,$*).py $(ARGS)

lock: $(READY) ## resolve the dependencies anew into requirements.lock
	.venv/uv-$(UV_VERSION)/bin/uv pip compile --quiet --universal --generate-hashes --all-extras --group dev \
		--no-header --no-annotate --no-emit-index-url $(ARGS) pyproject.toml -o requirements.lock

clean: ## remove the environment, caches and build products; never data
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@UV_VERSION=$(UV_VERSION) sh .ci/environment
	@touch $@
