# shellcheck shell=bash
# Messages of ./dev and of the scripts that source its parts.

program=dev  # Begins the message of die().

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
note() { printf '  %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$program" "$*" >&2; exit 1; }

# step LOG TEXT COMMAND...: runs COMMAND with its output in .run/log/LOG; on a terminal its last line is shown as it goes.
step() {
  local log=$run/log/$1 text=$2 ticker='' status=0
  shift 2
  mkdir -p "$run/log"
  : >"$log"
  say "$text"
  if [[ -t 2 ]]; then
    while sleep 0.5; do
      printf '\r\033[K  %4ds  %.90s' "$SECONDS" "$(tail -n 1 "$log" | tr -cd '[:print:]')" >&2
    done &
    ticker=$!
  fi
  "$@" >>"$log" 2>&1 || status=$?
  if [[ -n $ticker ]]; then
    kill "$ticker"
    wait "$ticker" 2>/dev/null || true
    printf '\r\033[K' >&2
  fi
  if [[ $status != 0 ]]; then
    tail -n 40 "$log" >&2
    die "$text: failed; the whole output is in $log"
  fi
}
