#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one after another.
#
#   deploy/setup/fuzz.sh 10s [WORD]    WORD: only targets whose package or name contains it
set -euo pipefail
time=$1
word=${2:-}

# list prints "package target" lines; it reads the sources, so that nothing has to be built to find them.
list() {
  git ls-files -co --exclude-standard '*_test.go' | while read -r file; do
    sed -n -E 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file" | while read -r target; do
      echo "./$(dirname "$file") $target"
    done
  done | sort -u | grep -F -- "$word"
}

targets=$(list)
[ -n "$targets" ] || { echo "fuzz: no target${word:+ with $word}" >&2; exit 1; }
failed=0
while read -r package target; do
  echo "== $package $target for $time"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" || { failed=1; echo "== $package $target FAILED"; }
done <<<"$targets"
exit $failed
