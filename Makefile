PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test fuzz check wheel-check bench bench-cycle study clean

demo: $(READY)  ## active learning on digits: table and picture
	$(BIN)/uwe demo

test: $(READY)  ## every test
	$(BIN)/python -m pytest -n 2 --dist worksteal

FUZZ_SECONDS ?= 600

fuzz: $(READY)  ## changed files and odd arguments; FUZZ_SECONDS=60, FUZZ_SEED=7 to repeat
	cd tests && ../$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS) \
		$(if $(FUZZ_SEED),--seed $(FUZZ_SEED)) --keep ../fuzz-found

check: $(READY)  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel-check: $(READY)  ## the wheel, installed alone, runs the demo
	tests/wheel_check.sh

bench: $(READY)  ## how fast selection is
	$(BIN)/python -m benchmarks.selection

bench-cycle: $(READY)  ## what a cycle costs beside the plain way
	$(BIN)/python -m benchmarks.cycle

STUDY ?= study
STRATEGIES := uwe badge coreset entropy bvsb least_confident bald random margin uherding typiclust
STRATEGY_FLAGS := $(addprefix --strategy ,$(STRATEGIES))

study: $(READY)  ## all strategies on digits (10 seeds) and Fashion-MNIST (5), and their report
	$(BIN)/uwe run digits $(STRATEGY_FLAGS) --seeds 1-10 --budgets 20,40,80,160,320 \
		--model small --epochs 40 --device cpu --threads 1 --jobs 2 --supervised --results $(STUDY)/digits
	$(BIN)/uwe run digits --strategy uwe --uncertainty margin --normalise unit --option power=2 \
		--method-tag=-unit --seeds 1-10 --budgets 20,40,80,160,320 --model small --epochs 40 \
		--device cpu --threads 1 --jobs 2 --results $(STUDY)/digits
	$(BIN)/python -m benchmarks.fashion_study --results $(STUDY)/fashion
	$(BIN)/uwe report $(STUDY)/digits $(STUDY)/fashion --html $(STUDY)/report.html

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
