# make run    starts a server on http://127.0.0.1:8008
# make test   runs everything that tells whether the code is good
# The rest are parts of these, `make prepare` for whoever changes a query or a migration, and
# `make spec-table` for whoever adds a test of an operation that had none (after `make rust-tests`).
# `make interop` lets the server federate with Synapse; it is no part of `make test`.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test setup test-setup build format lint rust-tests spec-table clients interop licences prepare

# queries are checked against .sqlx, not against a database that happens to be around
export SQLX_OFFLINE := true

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -n 3

run: setup
	cargo build --release --locked
	@scripts/run

test: test-setup format lint rust-tests clients licences
	@echo "All tests passed."

setup:
	@scripts/setup

test-setup:
	@scripts/setup test

build:
	cargo build --workspace --locked

format:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --locked -- -D warnings

built := $(or $(CARGO_TARGET_DIR),target)/debug

# the journeys note which operations they saw; docs/SPEC.md must say the same
rust-tests: build
	rm -rf $(built)/spec-coverage
	scripts/with-services cargo test --workspace --locked
	$(built)/spec-table --check

spec-table: build
	$(built)/spec-table

clients: build
	scripts/with-services tests/clients/run

# with Synapse as the other server: too slow for every run
interop: build
	scripts/with-services tests/clients/interop/run

# tests/tidy holds deny.toml on every machine; cargo-deny looks into the texts of licences besides
licences:
	@if command -v cargo-deny > /dev/null; then cargo deny --locked check licenses bans sources; fi

prepare: setup
	scripts/prepare
