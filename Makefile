# The two commands that always work are `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What `make check` runs: the judgement and what it stands on.
CHECKED := $(addprefix tests/,evidence findings policies policy surfaces test_architecture.py)
# The tests of a file run in one process and share its fixtures, the file with the longest test first.
# A test that hangs fails after so many seconds, with the stack of each thread.
PYTEST := $(BIN)/python -m pytest -n auto --dist=loadfile --no-loadscope-reorder --timeout=300

.PHONY: demo test test-slow test-all test-tools check format mutation bench lock release vulnerabilities sbom clean

demo: $(VENV)/.demo
	@mkdir -p demo
	@AUDITOR_HOME=demo/data $(BIN)/auditor audit --sandbox --baseline consent-first \
		--output demo/report.html --output demo/report.json
	@echo "Open demo/report.html in a browser; demo/report.json is the same for programs."

test: $(VENV)/.test
	@rm -f .coverage .coverage.*
	$(PYTEST) -m 'not slow' --durations=15 --cov --cov-report= tests
	$(BIN)/python -m coverage report --skip-covered --sort=cover
	$(BIN)/python tests/coverage_floor.py 95

# What is slow by nature: a browser, LibreOffice, a database server, many nights, recipes, fuzzing.
test-slow: $(VENV)/.ci
	$(PYTEST) -m slow --durations=15 tests

test-all: test test-slow

test-tools: $(VENV)/.ci

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -m 'not slow' $(CHECKED)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# More than two hours on two cores; see docs/testing.md. MUTANTS='auditor.policy.judging.judge.*' tries some alone.
mutation: $(VENV)/.test
	$(BIN)/python -I -m pip install --quiet --disable-pip-version-check --editable '.[sandbox,dev,test,mutation]'
	$(BIN)/mutmut run $(MUTANTS)
	$(BIN)/python tests/mutation_score.py 94

# About an hour on two cores. CASE=rate tries one case, SCALE=0.1 a tenth of the size.
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(addprefix --case ,$(CASE)) $(addprefix --scale ,$(SCALE)) $(BENCH)

# Every package of a release with its hashes, for all platforms. Keeps the versions that still fit;
# UPGRADE=1 takes the newest that do.
lock: $(VENV)/.ci
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
		--extra sandbox --extra watch --extra pdf --extra postgresql --extra notify --extra dask $(if $(UPGRADE),--upgrade) \
		--output-file requirements.lock pyproject.toml

# The wheel, and the hashes of it and of all it needs: docs/operations/installing.md
release: $(VENV)/.ci
	rm -rf dist/release
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -I -m pip wheel --quiet \
		--disable-pip-version-check --no-deps --wheel-dir dist/release .
	$(BIN)/python tests/release_lock.py requirements.lock dist/release

vulnerabilities: $(VENV)/.ci
	$(BIN)/python -m tests.vulnerabilities

# What a release is made of, from an environment that holds nothing but what is locked.
sbom: $(VENV)/.ci
	rm -rf build/locked
	$(PYTHON) -I -m venv build/locked
	build/locked/bin/python -I -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements.lock
	build/locked/bin/python -I -m pip install --quiet --disable-pip-version-check --no-deps .
	build/locked/bin/python -I -m pip check
	build/locked/bin/python -I -m pip uninstall --quiet --yes pip setuptools
	$(BIN)/python -m tests.bill_of_materials build/locked/bin/python dist/sbom.json

clean:
	rm -rf $(VENV) demo dist build mutants .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.11")'
	$(PYTHON) -I -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -I -m pip install --quiet --disable-pip-version-check --editable '.[sandbox]'
	@touch $@

# What `make check` needs, then what `make test` needs, then what only `make test-slow` and CI need.
$(VENV)/.dev: EXTRAS := sandbox,dev
$(VENV)/.test: EXTRAS := sandbox,dev,test
$(VENV)/.ci: EXTRAS := sandbox,dev,test,ci
$(VENV)/.dev $(VENV)/.test $(VENV)/.ci: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -I -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@ $(VENV)/.demo
