#!/usr/bin/env bash
# Runs govulncheck over the module with the best database at hand.
#
#   deploy/setup/vuln.sh GOVULNCHECK
#
# The public database is asked first. Where it cannot be reached, a folder named by BARRAGE_VULNDB serves instead; it
# holds the OSV files of the Go vulnerability database. Without either nothing is checked: the script then says so on a
# line of its own and ends with 77, so that no caller can take silence for a clean result. (govulncheck ends with 3 when it
# has found something.)
set -euo pipefail
govulncheck=$1
public=https://vuln.go.dev

# reachable asks with Go itself, so that the same proxies and certificates are used as by the check.
reachable() {
  local program
  program=$(mktemp -d)
  cat >"$program/main.go" <<'GO'
package main

import (
	"net/http"
	"os"
	"time"
)

func main() {
	answer, err := (&http.Client{Timeout: 10 * time.Second}).Get(os.Args[1])
	if err != nil || answer.StatusCode != http.StatusOK {
		os.Exit(1)
	}
}
GO
  local status=0
  go run "$program/main.go" "$1" 2>/dev/null || status=1
  rm -rf "$program"
  return $status
}

if reachable "$public/index/db.json"; then
  echo "vuln: checking against $public"
  exec "$govulncheck" ./...
fi
if [ -n "${BARRAGE_VULNDB:-}" ]; then
  [ -d "$BARRAGE_VULNDB" ] || { echo "vuln: BARRAGE_VULNDB=$BARRAGE_VULNDB is not a folder" >&2; exit 1; }
  files=$(find "$BARRAGE_VULNDB" -name 'GO-*.json' | wc -l)
  [ "$files" -gt 1000 ] || { echo "vuln: only $files entries in $BARRAGE_VULNDB; this is not the whole database" >&2; exit 1; }
  echo "vuln: checking against $files entries in $BARRAGE_VULNDB"
  exec "$govulncheck" -db "file://$(realpath "$BARRAGE_VULNDB")" ./...
fi
echo "vuln: NOT CHECKED: $public cannot be reached and BARRAGE_VULNDB names no folder"
exit 77
