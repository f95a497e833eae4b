#!/bin/sh
# Writes the generated code anew: sqlc's from the query set, then whatever
# go:generate comments ask for. What a removed source left behind goes too.
set -eu
cd "$(dirname "$0")/.."

GO=${GO:-go}

# Without cgo sqlc needs no C compiler: see TOOL in the Makefile.
tool() {
	CGO_ENABLED=0 "$GO" tool -modfile=tools/go.mod "$@"
}

rm -f internal/store/queries/*.sql.go
tool sqlc generate
"$GO" generate ./...
# Generated files are formatted only where they are named.
tool gofumpt -w internal/store/queries/*.go
