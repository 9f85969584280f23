# Everything runs in .venv in this checkout; `make test` and `make demo` set it up the first time.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := $(VENV)/.peers
OUT ?= out
ARGS ?=
COUNT ?= 100000

# The first Python of 3.11 or newer; or say which: make test PYTHON=/path/to/python
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# torch comes first and alone, so that a wheel or an index of this machine is used as it is.
TORCH ?= torch==2.13.0

# One worker per core, each file whole on one of them (make test WORKERS= runs in this process, as a debugger needs).
WORKERS ?= -n auto --maxprocesses=4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-gpu lint notebooks evidence check check-engine figures look bench bench-gpu training clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z -]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## set up .venv

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "bsm needs Python 3.11 or newer, and none was found (python3 is: $$(python3 --version 2>&1)). Install one, or: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "bsm needs Python 3.11 or newer; " + sys.executable + " is " + ".".join(map(str, v[:3])) + ". Try: make PYTHON=/path/to/python3.11")'
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	$(BIN)/python -c "from bsm.engine import loops; from bsm.engine.temporal import compiled as chains; from bsm.evidence import compiled as rows; loops.warm(); chains.warm(); rows.warm()"
	@touch $@

demo: $(STAMP) ## the main job: motivations behind published alignment-faking results, into out/
	$(BIN)/bsm run models/alignment_faking --out $(OUT)

test: $(STAMP) ## the tests (ARGS="-k name" to choose)
	$(BIN)/python -m pytest -q $(WORKERS) $(ARGS)

test-slow: $(STAMP) ## the tests that take minutes
	$(BIN)/python -m pytest -q -m slow $(WORKERS) $(ARGS)

test-gpu: $(STAMP) ## the tests that need a CUDA device (skipped where there is none)
	$(BIN)/python -m pytest -q -m gpu $(ARGS)

$(PEERS): $(STAMP)
	$(BIN)/python -m pip install --quiet --editable ".[dev,peers]"
	@touch $@

bench: $(PEERS) ## this engine against its peers, one thread, into tests/benchmarks/results (ARGS="--quick", "--help")
	$(BIN)/python -m tests.benchmarks.bench $(ARGS)
	$(BIN)/python -m tests.readme.measured

training: $(STAMP) ## both dynamics against small networks in training, into tests/training/results (minutes; resumes)
	$(BIN)/python -m tests.training.run $(ARGS)

bench-gpu: $(STAMP) ## this engine on a CUDA device against one core of the CPU
	$(BIN)/python -m tests.benchmarks.gpu $(ARGS)

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy

notebooks: $(STAMP) ## run the notebooks and refresh their .ipynb
	$(BIN)/python notebooks/refresh.py

evidence: $(STAMP) ## rebuild each evidence.csv from its source.csv
	for source in models/*/source.csv models/*/*/source.csv; do $(BIN)/python -m bsm.evidence.source "$$(dirname "$$source")" || exit 1; done

check: $(STAMP) ## files, reference questions and claims of every model
	$(BIN)/bsm check models/

check-engine: $(STAMP) ## 100,000 random networks against enumeration; stopped, it goes on where it was (COUNT=1000 for fewer)
	$(BIN)/python -m tests.engine.many_networks --count $(COUNT) --state $(OUT)/check-engine.json

figures look: $(STAMP) ## every figure in light, dark and grey, into out/review/
	$(BIN)/python -m bsm.figures.look --out $(OUT)/review

clean: ## remove what the targets above made, but for .venv
	rm -rf $(OUT) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
