#!/usr/bin/env bash
# A process of ./dev up that ends is reported with its last lines and started again; one that cannot live ends everything.
# Usage: restart.sh DEV. Uses the functions of `dev` on processes that sleep.
set -euo pipefail
dev=$1
scratch=$(mktemp -d)
cleanup() {
  local file
  kill "${follower:-}" 2>/dev/null || true
  for file in "$scratch"/pid/*; do kill -9 "$(cut -d' ' -f1 "$file")" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap cleanup EXIT
mkdir -p "$scratch/log"

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  cat "$scratch/told" >&2
  exit 1
}
# eventually TEXT COMMAND...: until it succeeds, for at most 20 s.
eventually() {
  local text=$1 i
  shift
  for ((i = 0; i < 200; ++i)); do
    if "$@" 2>/dev/null; then return; fi
    sleep 0.1
  done
  fail "$text"
}
told() { grep -q "$1" "$scratch/told"; }
pid_in_file() { cut -d' ' -f1 "$scratch/pid/$1" 2>/dev/null; }

# shellcheck disable=SC2016  # for the follower's shell
bash -c '
  source "$1"
  run=$2
  note() { printf "%s\n" "$*" >&2; }
  start consumer-1 bash -c "echo \"words of consumer-1\"; exec sleep 600"
  start_in "$2" broken bash -c "sleep 0.3; echo \"broken in \$PWD\"; exit 3"
  started_at[broken]=$SECONDS quick_ends[broken]=${3}
  follow
' follower "$dev" "$scratch" 4 >"$scratch/told" 2>&1 &
follower=$!

eventually 'consumer-1 does not start' test -s "$scratch/pid/consumer-1"
first=$(pid_in_file consumer-1)
kill -9 "$first"
eventually 'the end of consumer-1 is not reported' told 'consumer-1 ended; its last lines are above'
told 'words of consumer-1' || fail 'its last lines are not there'
is_another() { [[ -n $(pid_in_file consumer-1) && $(pid_in_file consumer-1) != "$first" ]] && kill -0 "$(pid_in_file consumer-1)"; }
eventually 'consumer-1 is not started again' is_another

# The fifth end in a row waits 16 s, unless the test says otherwise; the sixth is the last.
eventually 'the end of broken is not reported' told 'broken ended; .* started again in 16 s'
told "broken in $scratch" || fail 'it runs in another folder'
eventually_long() { local i; for ((i = 0; i < 400; ++i)); do if told "$1"; then return; fi; sleep 0.1; done; fail "$1 is not reported"; }
eventually_long 'dev: broken ended six times'
wait "$follower" && fail 'everything goes on' || true
follower=''
echo good
