# Everything needs Go, git and make. The tests and the checks say what else
# they use, and install it where they can: see scripts/.

GO ?= go

# A pinned tool of tools/go.mod. Without cgo: it spares a C compiler, and
# sqlc's PostgreSQL parser is then WebAssembly rather than minutes of C.
TOOL = CGO_ENABLED=0 $(GO) tool -modfile=tools/go.mod

# PKG narrows test, bench and fuzz: make test PKG=./internal/store/...
PKG ?= ./...
BENCH ?= .
FUZZTIME ?= 30s
HISTORIES ?= 10000
CRASHES ?= 300
EVENTS ?= 100000

# A checkout may belong to another user than the one who builds, as in CI.
GIT = git -c safe.directory='*'
VERSION ?= $(shell $(GIT) describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT ?= $(shell $(GIT) rev-parse HEAD 2>/dev/null || echo unknown)

export GO

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: ## Run the tests on SQLite and PostgreSQL with the race detector
	@./scripts/test.sh $(PKG)

.PHONY: soak
soak: ## Play HISTORIES (10000) random histories through trouble, for hours
	PAYMENTS_HISTORIES=$(HISTORIES) $(GO) test . -run TestTroubleEndsAlike -rapid.checks=$(HISTORIES) -v -timeout 0

.PHONY: crash
crash: ## Kill the server and PostgreSQL, and fail over, CRASHES (300) times each, under load
	PAYMENTS_CRASHES=$(CRASHES) $(GO) test ./internal/crashtest -count=1 -v -timeout 0

.PHONY: storm
storm: ## Renew subscriptions all at once: EVENTS (100000) events, Stripe answering 25 calls a second
	PAYMENTS_STORM_EVENTS=$(EVENTS) $(GO) test ./internal/stormtest -count=1 -v -parallel 1 -timeout 0

.PHONY: lint
lint: ## Check format, vet, linters, generated code, dependencies, known vulnerabilities
	@./scripts/lint.sh

.PHONY: fmt
fmt: ## Format the Go code
	$(TOOL) gofumpt -w .

.PHONY: generate
generate: ## Write the generated code anew (sqlc, go generate)
	@./scripts/generate.sh

.PHONY: build
build: ## Build the static binary bin/payments
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)' \
		-o bin/payments ./cmd/payments

.PHONY: bench
bench: ## Run the benchmarks
	@./scripts/bench.sh '$(BENCH)' $(PKG)

.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME (30s)
	@./scripts/fuzz.sh $(FUZZTIME) $(PKG)

.PHONY: ci
ci: ## Do what CI does
	@./.ci/run

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
