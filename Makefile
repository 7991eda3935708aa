# docre: `make` lists what can be done.

CARGO ?= cargo
DOCRE = $(CARGO) run --quiet --release --bin docre --
FUZZ_SECONDS ?= 600
FUZZERS = docred pubtator edge_graph gda jsonl

.DEFAULT_GOAL := help
.PHONY: help build check test sample bench fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the program: target/release/docre
	$(CARGO) build --release

test: ## run every test, with the same build as the program
	$(CARGO) test --release

check: ## formatting, lints and documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --release --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --release --no-deps

sample: ## make the sample corpus in data/sample anew
	$(DOCRE) synthesize --docs 400 --seed 1 --first 0 --split train --out data/sample --json --force
	$(DOCRE) synthesize --docs 80 --seed 1 --first 400 --split dev --out data/sample --json --force
	$(DOCRE) synthesize --docs 80 --seed 1 --first 480 --split test --out data/sample --json --force

bench: build ## measure speed and memory, beside other programs where there are any
	python3 tests/bench/bench.py

fuzz: ## run each reader's fuzzer for FUZZ_SECONDS; needs cargo-fuzz
	for reader in $(FUZZERS); do \
	  mkdir -p tests/fuzz/corpus/$$reader && cp -n tests/fuzz/seeds/$$reader/* tests/fuzz/corpus/$$reader/; \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --fuzz-dir tests/fuzz $$reader -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 || exit 1; \
	done

clean: ## remove what was built
	$(CARGO) clean
