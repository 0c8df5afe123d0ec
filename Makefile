PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test fuzz check wheel-check bench bench-cycle bench-dense study study-dense study-camvid study-bccd clean

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

bench-dense: $(READY)  ## the weighted embedding of places beside BADGE's gradient
	$(BIN)/python -m benchmarks.dense

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

DATA ?= ../shared/data
DENSE := --device cpu --threads 1 --jobs 2 --seeds 1-3 --budgets 20,40,80,160

study-dense: study-camvid study-bccd  ## masks and boxes: street scenes and blood cells, three seeds

study-camvid: $(READY)  ## a U-Net on CamVid at half size, five strategies
	$(BIN)/uwe run hub:camvid --data-dir $(DATA)/camvid --task segmentation --ignore 11 \
		--image-size 90 --model unet --model-option width=16 --model-option stride=2 \
		--model-option balance=0.7 --model-option least_steps=1200 --epochs 60 \
		--strategy uwe --strategy uherding --strategy badge --strategy margin --strategy random \
		$(DENSE) --results $(STUDY)/camvid

study-bccd: $(READY)  ## a detector of centres on BCCD, three strategies, and all labels
	$(BIN)/uwe run hub:bccd --data-dir $(DATA)/bccd --task detection --boxes xyxy \
		--image-size 160 --model centernet --model-option width=32 --model-option neck=32 --epochs 40 \
		--strategy uwe --strategy uherding --strategy random --supervised \
		$(DENSE) --results $(STUDY)/bccd

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
