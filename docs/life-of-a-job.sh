#!/usr/bin/env bash
# Prints what docs/life-of-a-job.md shows: one reservation, every Redis key and SQL row that it touches, step by step.
# Beside a running ./dev up, in the same folder:
#   DATABASE_URL=$(cat .run/database-url) docs/life-of-a-job.sh
# It has a redis-server, a producer and a consumer of its own, and a database `drover_life`, made and dropped.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

binary=$PWD/build/release/engine/drover
server=${DATABASE_URL:?the URL of a PostgreSQL whose user may create a database}
export DATABASE_URL=${server%/*}/drover_life REDIS_HOST=127.0.0.1 REDIS_PORT=${REDIS_PORT:-6479} REDIS_PASSWORD=
export DROVER_PLUGINS_DIR=$PWD/build/release/plugins DROVER_LOG_FORMAT=text
api=http://127.0.0.1:${API_PORT:-4100}
folder=$(mktemp -d /tmp/drover-life-XXXXXX)
started=()
finish() {
  local i
  # The servers were started first and are stopped last.
  for ((i = ${#started[@]} - 1; i >= 0; --i)); do
    kill "${started[i]}" 2>/dev/null || true
    wait "${started[i]}" 2>/dev/null || true
  done
  psql -qX "$server" -c 'DROP DATABASE IF EXISTS drover_life' || true
  rm -rf "$folder"
}
trap finish EXIT
start() {
  local log=$folder/$1
  shift
  "$@" >"$log" 2>&1 &
  started+=($!)
}
until_true() {
  local deadline=$((SECONDS + 20))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { tail "$folder"/* >&2; echo "not within 20 s: $*" >&2; exit 1; }
    sleep 0.02
  done
}
redis() { redis-cli -p "$REDIS_PORT" "$@"; }
sql() { psql -X "$DATABASE_URL" "$@"; }
title() { printf '\n== %s\n' "$*"; }

# One line per entry: its id, then fields and values.
events() { redis --json xrange bull:reservation-queue:events - + | sed -E 's/^\[//; s/\]$//; s/\]\],/]]\n/g'; }
# Every key with its type, life time left (ms, -1: for good) and value.
keys() {
  local key type
  while read -r key; do
    type=$(redis type "$key")
    printf '%s (%s, pttl %s)\n' "$key" "$type" "$(redis pttl "$key")"
    case $type in
      string) redis get "$key" ;;
      list) redis lrange "$key" 0 -1 ;;
      set) redis smembers "$key" ;;
      zset) redis zrange "$key" 0 -1 withscores ;;
      hash) redis hgetall "$key" | paste -d ' ' - - ;;
      stream) events ;;
    esac | sed 's/^/    /'
  done < <(redis --scan | sort)
}
rows() {
  local table
  for table in reservations reservation_outcomes events; do
    echo "$table"
    sql -qxAF ' = ' -P tuples_only=on -c "SELECT * FROM $table $([[ $table != events ]] || echo 'WHERE id = 1')" | sed 's/^/    /'
  done
}
# What the application's processes sent to Redis since the last call of this function; what its scripts did with it is
# indented. Left out: connecting, and the text of a script that the server did not know yet (NOSCRIPT, then EVAL).
# Shortened: "bull:reservation-queue:" to "…:", hashes of scripts, the random part of lock tokens.
seen=0
commands() {
  local total
  sleep 0.2  # MONITOR prints behind the commands.
  total=$(wc -l <"$folder/monitor")
  # Our own redis-cli sends names in lower case.
  sed -n "$((seen + 1)),${total}p" "$folder/monitor" | cut -d ' ' -f 2- | grep -E '^\[0 [^]]*\] "[A-Z]' |
    grep -Ev '\] "(EVAL|SCRIPT|HELLO|CLIENT|ROLE)"' |
    sed -E -e 's/^\[0 lua\] /    /; s/^\[0 [0-9.:]+\] //' -e 's/"bull:reservation-queue:/"…:/g' \
      -e 's/"([0-9a-f]{6})[0-9a-f]{34}"/"\1…"/' -e 's/([0-9a-f]{6})[0-9a-f]{2}-[0-9a-f-]{27}/\1…/g' || true
  seen=$total
}
post() { curl -sS -i -X POST "$api/reservation/1/$1"; echo; }
state() { curl -sS "$api/reservation/request/$1"; echo; }

psql -qX "$server" -c 'DROP DATABASE IF EXISTS drover_life' -c 'CREATE DATABASE drover_life' 2>/dev/null
"$binary" db migrate >"$folder/migrate"
sql -qf schema/demo.sql
start redis redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --save '' --dir "$folder"
until_true redis ping
start monitor redis-cli -p "$REDIS_PORT" monitor
start producer "$binary" run --config conf/producer.properties --set api.port="${api##*:}" --set api.healthPort=0 \
  --set control.socket=off
until_true curl -fsS "$api/event/1"
commands >/dev/null

title 'POST /reservation/1/15001'
post 15001
title 'what Redis was sent'
commands
title 'keys'
keys
title 'GET /reservation/request/1'
state 1

# The handler's statement locks the event's row: somebody who holds it meanwhile makes the job stay active.
mkfifo "$folder/holder"
start hold psql -qX "$DATABASE_URL" -f "$folder/holder"
exec 3>"$folder/holder"
echo 'BEGIN; SELECT id FROM events WHERE id = 1 FOR UPDATE;' >&3
is_held() { [[ $(sql -Atc "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()") == 1 ]]; }
until_true is_held
commands >/dev/null
start consumer "$binary" run --config conf/consumer.properties --set control.socket=off \
  --set queue.reservation.workerName=consumer-1
is_active() { [[ $(redis llen bull:reservation-queue:active) == 1 ]]; }
is_waiting() { [[ $(sql -Atc "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == 1 ]]; }
until_true is_active
until_true is_waiting

title 'claimed: what Redis was sent'
commands
title 'keys'
keys
title 'GET /reservation/request/1'
state 1
title 'what the consumer waits for in PostgreSQL'
sql -qxAtF ' = ' -c "SELECT wait_event_type, query FROM pg_stat_activity WHERE wait_event_type = 'Lock'
  AND datname = current_database()"
commands >/dev/null

echo 'COMMIT;' >&3
exec 3>&-
is_done() { [[ $(redis exists bull:reservation-queue:1) == 0 ]]; }
until_true is_done
title 'finished: what Redis was sent'
commands
title 'keys'
keys
title 'rows'
rows
title 'GET /reservation/request/1, GET /reservation'
state 1
curl -sS "$api/reservation?eventId=1&userId=15001"; echo

title 'the same user again: rejected'
post 15001 | tail -n 1
is_rejected() { [[ $(state 2) == *REJECTED* ]]; }
until_true is_rejected
state 2
rows
title 'events'
events
