# make setup | demo | lint | test | mutants | witness | wheel. Needs python3 (3.11 to 3.13), python3-venv, make and ca-certificates.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

# One thread: on small models two threads cost more than they give, and results are byte-equal only for one thread count.
export OMP_NUM_THREADS ?= 1

.PHONY: setup demo lint test mutants witness wheel clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $(STAMP)

demo: $(STAMP)
	$(RUN) -m ftbench -m +recipes=demo
	@$(RUN) -m ftbench report --html comparison.html
	@echo 'Open comparison.html in a browser, or run: $(RUN) -m ftbench report'

lint: $(STAMP)
	$(RUN) -m ruff format --check --quiet
	$(RUN) -m ruff check --quiet
	$(RUN) -m mypy

# Two processes side by side; JOBS=1 runs one test after the other.
test: $(STAMP)
	$(RUN) -m pytest -n $(JOBS) --dist worksteal

mutants: $(STAMP)
	$(RUN) -m tests.mutants

witness: $(STAMP)
	$(RUN) -m tests.witness

wheel: $(STAMP)
	$(RUN) -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) dist
