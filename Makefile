# Targets for people. Each works on a machine that has Go, Node, npm, git and make; what else a target needs it installs
# from Debian's packages (deploy/setup/apt.sh) or builds from pinned sources (deploy/tools, deploy/buf).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO      ?= go
BIN     := $(CURDIR)/bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
# Arguments for the server: make run ARGS='--http :9000'
ARGS    ?=
FUZZ    ?=

APP      := gateway/web/app
MODULES  := $(APP)/node_modules/.package-lock.json
PAGES    := $(BIN)/.pages
PAGESRC  := $(shell find $(APP) -type f -not -path '*/node_modules/*' -not -path '*/.cache/*' -not -name '*.tsbuildinfo' 2>/dev/null)
PLAY     := loadtest/e2e/pages/node_modules/.package-lock.json
PACKAGES = $$($(GO) list ./... | grep -v /e2e)
test-e2e e2e-obs bars frozen: export BARRAGE_BINARY = $(BIN)/barrage

## run: build everything and start the server in the foreground (ARGS='--http :9000')
.PHONY: run
run: build
	exec $(BIN)/barrage serve $(ARGS)

## demo: start the server with a test picture and chatting bots, and print the address
.PHONY: demo
demo: build
	deploy/setup/apt.sh demo
	exec $(BIN)/barrage demo $(ARGS)

## build: bin/barrage with the pages inside
.PHONY: build
build: web
	$(BUILD) -o $(BIN)/barrage .

## web: the pages
.PHONY: web
web: $(PAGES)

$(MODULES): $(APP)/package-lock.json
	npm --prefix $(APP) ci --no-audit --no-fund
	touch $@

$(PAGES): $(MODULES) $(PAGESRC)
	npm --prefix $(APP) run build
	mkdir -p $(BIN) && touch $@

## test: everything that shows that it works, with real browsers and players (installs them)
.PHONY: test
test: test-web test-go test-e2e

.PHONY: test-web
test-web: $(MODULES)
	npm --prefix $(APP) run typecheck
	npm --prefix $(APP) run lint
	npm --prefix $(APP) test

.PHONY: test-go
test-go: web
	deploy/setup/apt.sh test
	$(GO) vet ./...
	$(GO) test -timeout 10m $(PACKAGES)

.PHONY: test-e2e
test-e2e: build $(PLAY)
	deploy/setup/apt.sh test
	$(GO) test -count 1 -timeout 40m ./loadtest/e2e/...
	node loadtest/e2e/pages/run.mjs

$(PLAY): loadtest/e2e/pages/package-lock.json
	npm --prefix loadtest/e2e/pages ci --no-audit --no-fund
	touch $@

## race: the Go tests under the race detector
.PHONY: race
race: web
	deploy/setup/apt.sh test race
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $(PACKAGES)

## e2e: the binary from outside, and OBS under a virtual display
.PHONY: e2e
e2e: test-e2e e2e-obs

.PHONY: e2e-obs
e2e-obs: build $(PLAY)
	deploy/setup/apt.sh obs
	node loadtest/e2e/obs/obs.mjs

# What the measuring tests are called; each holds its figures against their limits when BARRAGE_BARS is set.
BARS = ^(TestFFmpegPublishIsPlayable|TestPostsAreDrawnOnEveryOverlay|TestAckedDanmakuSurviveKill|TestWakingManyWaiters|TestFloodOfOneAccount|TestReadersOfHistory|TestALoudRoomBesideQuietOnes|TestServingViewers|TestManyBroadcasts)$$

## bars: the figures the product promises, measured and held against their limits; needs a quiet machine
.PHONY: bars
bars: build $(PLAY)
	deploy/setup/apt.sh test
	missed=0; \
	  BARRAGE_BARS=1 $(GO) test -count 1 -p 1 -v -timeout 40m -run '$(BARS)' ./loadtest/e2e ./live/livetest || missed=1; \
	  node loadtest/e2e/pages/run.mjs --strict || missed=1; \
	  exit $$missed

## frozen: what happens while the disk takes nothing; needs root, for a file system of its own
.PHONY: frozen
frozen: build
	deploy/setup/apt.sh test
	$(GO) test -tags frozen -count 1 -v -timeout 10m -run '^TestPostsToAFrozenDisk$$' ./loadtest/e2e

## lint: golangci-lint, buf, shellcheck
.PHONY: lint
lint: $(BIN)/golangci-lint $(BIN)/buf
	deploy/setup/apt.sh lint
	shellcheck deploy/setup/*.sh .ci/run
	$(BIN)/buf lint
	$(BIN)/golangci-lint run ./...

## fmt: format the Go sources
.PHONY: fmt
fmt: $(BIN)/golangci-lint
	$(BIN)/golangci-lint fmt ./...

## gen: generate code from the schemas
.PHONY: gen
gen: $(BIN)/buf $(BIN)/protoc-gen-go
	$(BIN)/buf generate

## gen-check: fail if the generated code is not what gen makes
.PHONY: gen-check
gen-check: gen
	changed=$$(git status --porcelain -- '*.pb.go'); \
	  if [ -n "$$changed" ]; then echo "generated code is out of date; run make gen and commit:"; echo "$$changed"; exit 1; fi

## bench: all benchmarks into bin/bench.txt (compare two runs with bin/benchstat)
.PHONY: bench
bench: web $(BIN)/benchstat
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m $(PACKAGES) | tee $(BIN)/bench.txt

## fuzz-short: every fuzz target for 10 s
.PHONY: fuzz-short
fuzz-short:
	deploy/setup/fuzz.sh 10s $(FUZZ)

## fuzz: every fuzz target for 10 min (FUZZ=word picks)
.PHONY: fuzz
fuzz:
	deploy/setup/fuzz.sh 10m $(FUZZ)

## vuln: known vulnerabilities in what we call
.PHONY: vuln
vuln: $(BIN)/govulncheck web
	deploy/setup/vuln.sh $(BIN)/govulncheck

## cover: how much of the code the tests run
.PHONY: cover
cover: web
	deploy/setup/apt.sh test
	$(GO) test -coverprofile $(BIN)/cover.out -coverpkg ./... $(PACKAGES)
	$(GO) tool cover -func $(BIN)/cover.out | tail -n 1

# Tools are built from the versions that their go.mod pins.
TOOLS = cd deploy/tools && GOBIN=$(BIN) $(GO) install
$(BIN)/golangci-lint: deploy/tools/go.mod
	$(TOOLS) github.com/golangci/golangci-lint/v2/cmd/golangci-lint && touch $@
$(BIN)/govulncheck: deploy/tools/go.mod
	$(TOOLS) golang.org/x/vuln/cmd/govulncheck && touch $@
$(BIN)/benchstat: deploy/tools/go.mod
	$(TOOLS) golang.org/x/perf/cmd/benchstat && touch $@
$(BIN)/protoc-gen-go: deploy/tools/go.mod
	$(TOOLS) google.golang.org/protobuf/cmd/protoc-gen-go && touch $@
$(BIN)/buf: deploy/buf/go.mod
	cd deploy/buf && GOBIN=$(BIN) $(GO) install github.com/bufbuild/buf/cmd/buf && touch $@

## clean: remove what was built; data/ stays
.PHONY: clean
clean:
	rm -rf $(BIN) $(APP)/node_modules loadtest/e2e/pages/node_modules
	find gateway/web/dist -mindepth 1 -not -name .keep -delete

## help: this list
.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{printf "  make %-11s %s\n", $$1, $$2}'
