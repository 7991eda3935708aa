# docre: `make` lists what can be done.

CARGO ?= cargo
# For a card, too, where NVIDIA's compiler and a card with its driver are here; `make … FEATURES=` is for the CPU alone.
ifeq ($(origin FEATURES),undefined)
FEATURES := $(shell command -v nvcc >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU' && echo cuda)
endif
WITH = $(if $(FEATURES), --features $(FEATURES))
DOCRE = $(CARGO) run --quiet --release$(WITH) --bin docre --
FUZZ_SECONDS ?= 600
FUZZERS = docred docred_hf pubtator bioc_xml bioc_json edge_graph gda jsonl bigbio brat doccano label_studio tables
DENY = $(CARGO) deny --config tests/deny.toml
FAULTS ?=
TORCH = target/torch/bin/python
MATURIN = target/python/bin/maturin
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help build wheel wheel-test pipelines test check sample synthesize bench gpu-pack gpu-check peers fuzz faults deny clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the program: target/release/docre; for a card, too, where there is one (not with FEATURES=)
	@$(if $(filter cuda,$(FEATURES)),echo 'with the feature cuda; make FEATURES= builds for the CPU alone')
	$(CARGO) build --release$(WITH)

wheel: $(MATURIN) ## build the Python package: target/wheels/docre-*.whl; needs Python, and fetches maturin; minutes at first
	$(MATURIN) build --release --manifest-path src/python/Cargo.toml$(WITH) --out target/wheels
	@ls -sh target/wheels/docre-*.whl

$(MATURIN):
	$(PYTHON) -m venv target/python && target/python/bin/pip install --quiet 'maturin>=1.9.4,<2' || { rm -rf target/python; exit 1; }

wheel-test: wheel ## test the Python package with what it works with, which is fetched, and alone
	tests/python/run.sh $(PYTHON)

test: ## run every test, with the same build as the program
	$(CARGO) test --release --workspace$(WITH)

check: ## formatting, lints, documentation, and what no test builds: the feature hub and the fuzzers
	$(CARGO) fmt --check
	$(CARGO) clippy --release --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --release --workspace --no-deps --document-private-items
	$(CARGO) check --release --package docre-encoder --features hub
	RUSTC_BOOTSTRAP=1 $(CARGO) check --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz

pipelines: build ## the main job: run every pipeline whose corpus is there; what is up to date is skipped
	@$(DOCRE) run --all || [ $$? -eq 3 ] # done, but some records were rejected, which is told
	@echo 'Open runs/sample/report.html in a browser, or ask the tables:'
	@echo '  target/release/docre query runs/sample "SELECT * FROM metrics"'

sample: build ## make the sample corpus in data/sample anew
	@$(MAKE) --no-print-directory synthesize OUT=target/sample OPTIONS=--json
	cp target/sample/*.json data/sample/

# The sample corpus into OUT: three splits of one endless corpus. Dev and test are those of pipelines/sample.toml, whose
# training split is eight times as large.
synthesize:
	@$(DOCRE) synthesize --docs 400 --seed 1 --first 0 --split train --out $(OUT) --force $(OPTIONS)
	@$(DOCRE) synthesize --docs 80 --seed 1 --first 400 --split dev --out $(OUT) --force $(OPTIONS)
	@$(DOCRE) synthesize --docs 80 --seed 1 --first 480 --split test --out $(OUT) --force $(OPTIONS)

bench: build $(TORCH) ## measure speed and memory, beside PyTorch where it has a part; models want DOCRE_ENCODER
	python3 tests/bench/bench.py
	DOCRE_TORCH=$(TORCH) python3 tests/bench/layers.py
	@if [ -n "$$DOCRE_ENCODER" ]; then $(TORCH) tests/bench/models.py && python3 tests/bench/pairs.py; \
	  else echo "models: left out (set DOCRE_ENCODER to an encoder's folder, and have CDR in DOCRE_CORPORA)"; fi

gpu-pack: ## what a machine with a card is given beside the repository, built here: gpu-carry
	python3 tests/bench/gpu_pack.py

gpu-check: ## on a machine with a card: all that is to be seen there, in nine minutes; OPTIONS=--dry-run on any
	tests/bench/gpu.sh $(OPTIONS)

$(TORCH):
	python3 -m venv target/torch && target/torch/bin/pip install --quiet torch transformers || { rm -rf target/torch; exit 1; }

peers: pipelines wheel ## our tables, graphs and pages in other programs, other programs' entities in ours; relations by engines
	python3 -m venv target/peers && target/peers/bin/pip install --quiet axe-core-python duckdb networkx rdflib selenium spacy
	target/peers/bin/pip install --quiet pyarrow && target/peers/bin/pip install --quiet --force-reinstall --no-deps \
	  "$$(ls -t target/wheels/docre-*.whl | head -n 1)"
	-target/peers/bin/pip install --quiet 'ray[data]>=2.55'
	-target/peers/bin/pip install --quiet 'pyspark>=3.5'
	-target/peers/bin/pip install --quiet daft
	-target/peers/bin/pip install --quiet biolink-model
	-target/peers/bin/pip install --quiet attrs iso-639 pandas pycountry setuptools 'sh<2' && \
	  target/peers/bin/pip install --quiet --no-deps kgtk # which asks for packages that no longer install
	for peer in annotated duckdb_f1 engines graph_readers own_documents report; do \
	  target/peers/bin/python tests/peers/$$peer.py "$$($(CARGO) metadata --no-deps --format-version 1 | \
	    target/peers/bin/python -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/docre" || exit 1; \
	done
	target/peers/bin/python -m unittest discover --start-directory tests/python --pattern 'engine_*.py'

fuzz: ## run each reader's fuzzer for FUZZ_SECONDS; needs cargo-fuzz
	for reader in $(FUZZERS); do \
	  mkdir -p tests/fuzz/corpus/$$reader && cp -n tests/fuzz/seeds/$$reader/* tests/fuzz/corpus/$$reader/; \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --fuzz-dir tests/fuzz $$reader -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=4096 || exit 1; \
	done

faults: build ## kill, fail and damage every stage, and compare with an undisturbed run (minutes); wants strace
	python3 tests/faults/faults.py $(FAULTS)

deny: ## licences, sources, duplicates, advisories of what docre is built from; needs cargo-deny
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then \
	  echo 'deny: left out, no cargo-deny (cargo install cargo-deny --locked)'; exit; fi; \
	$(DENY) check --hide-inclusion-graph licenses sources bans || exit 1; \
	if $(DENY) fetch db >/dev/null 2>&1; then $(DENY) check --hide-inclusion-graph --disable-fetch advisories; \
	  else echo 'deny: advisories are left out, their database cannot be fetched'; fi

clean: ## remove what was built
	$(CARGO) clean
