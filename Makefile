# What can be done here. `make test` on a fresh clone creates .venv and runs every test that needs nothing else.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin
# The file that decides which PyTorch is installed; `make TORCH=` keeps the one that .venv has already (for a GPU).
TORCH  ?= requirements/torch.txt
DATA   ?= $(or $(EARSHOT_DATA),data/esc50)
RECIPE ?= esc50-resnet
FOLD   ?= 1
# Of `make load`: how many users, for how many seconds, and what is promised of the answers (empty: nothing).
USERS  ?= 16
TIME   ?= 60
P99_MS ?= 1000
ERROR_RATE ?= 0
# The last commit from which the files here differ.
BASE   ?= $(if $(shell git status --porcelain -- . ':!benchmarks/results'),HEAD,HEAD~1)

.DEFAULT_GOAL := help
.PHONY: help serve setup test test-dataset bench bench-gate bench-peers load gpu-check lint format train tensorboard constraints vendor screenshots docker-cpu docker-gpu compose clean

help:  ## list what can be done
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 16

serve: $(VENV)/.serves  ## the service on http://127.0.0.1:8000, with the shipped model: make serve FLAGS='--port 9000'
	@exec $(RUN)/earshot serve $(FLAGS)

$(VENV)/.serves: pyproject.toml requirements/constraints.txt
	test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	$(RUN)/pip install -q -c requirements/constraints.txt -e '.[serve]'
	touch $@

setup: $(VENV)/.ready  ## create .venv with everything for training and development

$(VENV)/.ready: pyproject.toml requirements/constraints.txt requirements/torch.txt
	test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	$(if $(TORCH),$(RUN)/pip install -q --no-deps -r $(TORCH))
	$(RUN)/pip install -q -c requirements/constraints.txt -e '.[serve,export,dev]'
	touch $@ $(VENV)/.serves $(VENV)/.loads

test: setup  ## lint, types and every test that needs no data set and no GPU
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	PYTHONNODEBUGRANGES=1 OMP_NUM_THREADS=1 $(RUN)/pytest -q -n auto --dist loadscope

test-dataset: setup  ## the tests that want the whole ESC-50: make test-dataset DATA=path
	EARSHOT_DATA=$(DATA) $(RUN)/pytest -q -m dataset

bench: setup  ## every engine, then the service under load: figures, pages and plots in benchmarks/results; seven minutes
	$(RUN)/earshot bench latency $(if $(EARSHOT_DATA),--data $(EARSHOT_DATA))
	$(RUN)/earshot bench load --clip-rate 32000

bench-peers: setup  ## the same model behind seven other servers, each in an environment of its own: an hour, half with FLAGS='--seconds 3 --rounds 2'
	$(RUN)/earshot bench peers $(FLAGS)

bench-gate: setup  ## fail where the service is slower than before: make bench-gate BASE=origin/main; four minutes
	$(RUN)/earshot bench compare $(BASE) . --gate $(FLAGS)

load: $(VENV)/.loads  ## users of many kinds on the service, by Locust: make load USERS=16 TIME=60 SHAPE=spike P99_MS=500
	$(RUN)/earshot bench locust --users $(USERS) --seconds $(TIME) $(if $(SHAPE),--shape $(SHAPE)) \
	  $(if $(P99_MS),--p99-ms $(P99_MS)) $(if $(ERROR_RATE),--error-rate $(ERROR_RATE)) $(FLAGS)

$(VENV)/.loads: $(VENV)/.serves
	$(RUN)/pip install -q -c requirements/constraints.txt -e '.[serve,bench]'
	touch $@

gpu-check: setup  ## every engine that a GPU runs the model with: equal? how fast? skipped where there is none
	$(RUN)/python -m export.gpu.check $(if $(OUT),--out $(OUT))

lint: setup  ## style and types only
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

format: setup  ## bring every file into the house style
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

data/esc50:
	$(RUN)/earshot data download $@

train: setup $(filter data/esc50,$(DATA))  ## train RECIPE with FOLD held out: make train DATA=path FOLD=1
	$(RUN)/earshot train $(RECIPE) --data $(DATA) --fold $(FOLD) --out runs/$(RECIPE)-fold$(FOLD)

tensorboard: setup  ## look at the curves of all runs under runs/
	$(RUN)/tensorboard --logdir runs

constraints: setup  ## write down the versions that .venv holds, for the next fresh clone
	$(RUN)/pip freeze --exclude-editable | sed "s/+cpu//; /^torch @/d" > requirements/constraints.txt

vendor: setup  ## bring what the tests of the pages take from npm, proven by checksum
	$(RUN)/python -m tests.service.web.vendor

screenshots: setup  ## the pictures of the pages in docs/images, by Chromium
	$(RUN)/python -m tests.service.web.screenshots

docker-cpu:  ## the image earshot:cpu
	docker build -f deploy/Dockerfile.cpu -t earshot:cpu .

docker-gpu:  ## the image earshot:gpu, with TensorRT
	docker build -f deploy/Dockerfile.gpu -t earshot:gpu .

compose:  ## the service with Prometheus (port 9090) and Grafana (port 3000)
	docker compose -f deploy/compose.yaml up --build

clean:  ## remove .venv and what tools leave behind
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
