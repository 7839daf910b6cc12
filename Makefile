# make run [DATA=folder] : install, run the required notebooks, print the path of the report
# make test              : install, run the tests
PYTHON ?= python3
VENV ?= .venv
DATA ?= synthetic
OUT ?= models/quickstart
FUZZ_INPUTS ?= 10000
FUZZ_SECONDS ?= 900
BIN := $(VENV)/bin
FILES := setup.cfg pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run test fuzz lint lock dist clean

help:
	@echo "make run [DATA=folder|name]  run the required notebooks and print the path of the report"
	@echo "make test                    run the tests"
	@echo "make fuzz                    read damaged files: FUZZ_INPUTS of them, for FUZZ_SECONDS at the most"
	@echo "make lint                    check style, stripped notebooks and file sizes"
	@echo "make lock                    renew constraints.txt from setup.cfg"
	@echo "make dist                    build the wheel and the source archive in dist/"
	@echo "make clean                   remove the virtual environment"

$(BIN)/python:
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 10) <= v[:2] <= (3, 13) and f"Python {v[0]}.{v[1]} found; Python 3.10 to 3.13 is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/run.stamp: $(BIN)/python $(FILES)
	@echo "Installing (a few minutes, TensorFlow is large) ..."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[notebooks]"
	@touch $@

$(VENV)/test.stamp: $(BIN)/python $(FILES)
	@echo "Installing (a few minutes, TensorFlow is large) ..."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[notebooks,dev]"
	@touch $@

run: $(VENV)/run.stamp
	$(BIN)/braintumor-tf run 0x --dataset "$(DATA)" --out "$(OUT)"

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup $(ARGS)

fuzz: $(VENV)/test.stamp
	$(BIN)/python -m tests.faults.fuzz --inputs $(FUZZ_INPUTS) --seconds $(FUZZ_SECONDS)
	FUZZ_EXAMPLES=2000 $(BIN)/python -m pytest -q tests/faults/test_any_table.py

lint: $(VENV)/test.stamp
	PATH="$(CURDIR)/$(BIN):$$PATH" pre-commit run --all-files --show-diff-on-failure

dist: $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt build setuptools wheel
	rm -rf build
	$(BIN)/python -m build --no-isolation --outdir dist

lock: $(BIN)/python
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.10 --no-emit-index-url --no-annotate \
		--extra notebooks --extra dev --output-file constraints.txt setup.cfg

clean:
	rm -rf $(VENV)
