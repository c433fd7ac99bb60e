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

# fuzz runs one target. When the time is up, Go sometimes reports its own deadline as the target's failure
# (https://go.dev/issue/75804). A run that says nothing else is made again, at most three times.
fuzz() {
  local package=$1 target=$2 log status=0
  log=$(mktemp)
  for again in 3 2 1 0; do
    status=0
    attempt "$package" "$target" "$log" || status=$?
    if [ "$status" = 0 ] || [ "$again" = 0 ] || ! only_deadline "$log"; then break; fi
    echo "== $package $target: nothing but the deadline of go test itself; once more"
  done
  rm -f "$log"
  return "$status"
}

attempt() {
  go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" 2>&1 | tee "$3"
}

only_deadline() {
  grep -qx '    context deadline exceeded' "$1" &&
    ! grep -qE 'Failing input written|panic:|hung or terminated|_test\.go:[0-9]+:' "$1"
}

targets=$(list)
[ -n "$targets" ] || { echo "fuzz: no target${word:+ with $word}" >&2; exit 1; }
failed=0
while read -r package target; do
  echo "== $package $target for $time"
  fuzz "$package" "$target" || { failed=1; echo "== $package $target FAILED"; }
done <<<"$targets"
exit $failed
