#!/usr/bin/env bash
# Prints the real run that docs/life-of-a-job.md shows: one reservation, every Redis key and SQL row that it touches, step by
# step. Needs build/release, which ./dev up builds; starts servers and processes of its own.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
source tools/messages.sh
source tools/processes.sh
source tools/servers.sh

program=life-of-a-job
binary=$PWD/build/release/engine/drover
run=$(mktemp -d /var/tmp/drover-life-XXXXXX)
chmod 755 "$run"
trap 'stop_all; rm -rf "$run"' EXIT
trap 'exit 1' INT TERM HUP

start_redis 6479
start_postgres 5579
make_database drover
DATABASE_URL=$(url_of drover)
export DATABASE_URL REDIS_HOST=127.0.0.1 REDIS_PORT=$redis_port REDIS_PASSWORD=
export DROVER_PLUGINS_DIR=$PWD/build/release/plugins DROVER_LOG_FORMAT=text
api_port=$(free_port 4100)
api=http://127.0.0.1:$api_port

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
    sql drover -qxAF ' = ' -P tuples_only=on -c "SELECT * FROM $table $([[ $table != events ]] || echo 'WHERE id = 1')" | sed 's/^/    /'
  done
}
# Prints the commands that the application's processes sent to Redis since the last call of this function; those of scripts
# are indented. Left out: connecting, and the text of a script that the server did not have yet (NOSCRIPT, then EVAL).
# Shortened: "bull:reservation-queue:" to "…:", hashes of scripts, the random part of lock tokens.
seen=0
commands() {
  local total
  sleep 0.2  # MONITOR prints behind the commands.
  total=$(wc -l <"$run/log/monitor.log")
  # The redis-cli of this script sends names in lower case.
  sed -n "$((seen + 1)),${total}p" "$run/log/monitor.log" | cut -d ' ' -f 2- | grep -E '^\[0 [^]]*\] "[A-Z]' |
    grep -Ev '\] "(EVAL|SCRIPT|HELLO|CLIENT|ROLE)"' |
    sed -E -e 's/^\[0 lua\] /    /; s/^\[0 [0-9.:]+\] //' -e 's/"bull:reservation-queue:/"…:/g' \
      -e 's/"([0-9a-f]{6})[0-9a-f]{34}"/"\1…"/' -e 's/([0-9a-f]{6})[0-9a-f]{2}-[0-9a-f-]{27}/\1…/g' || true
  seen=$total
}
post() { curl -sS -i -X POST "$api/reservation/1/$1"; echo; }
state() { curl -sS "$api/reservation/request/$1"; echo; }

"$binary" db migrate >/dev/null
sql drover -qf schema/demo.sql
start monitor redis-cli -p "$redis_port" monitor
start producer "$binary" run --config conf/producer.properties --set api.port="$api_port" --set api.healthPort=0 \
  --set control.socket=off
wait_for 20 producer curl -fsS "$api/event/1"
commands >/dev/null

title 'POST /reservation/1/15001'
post 15001
title 'commands sent to Redis'
commands
title 'keys'
keys
title 'GET /reservation/request/1'
state 1

# The handler's statement locks the event's row: another session that holds the row makes the job stay active.
mkfifo "$run/holder"
start holder psql -qX "$DATABASE_URL" -f "$run/holder"
exec 3>"$run/holder"
private_descriptors+=(3)
echo 'BEGIN; SELECT id FROM events WHERE id = 1 FOR UPDATE;' >&3
is_held() { [[ $(sql drover -Atc "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()") == 1 ]]; }
wait_for 20 holder is_held
commands >/dev/null
start consumer "$binary" run --config conf/consumer.properties --set control.socket=off \
  --set queue.reservation.workerName=consumer-1
is_active() { [[ $(redis llen bull:reservation-queue:active) == 1 ]]; }
is_waiting() { [[ $(sql drover -Atc "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == 1 ]]; }
wait_for 20 consumer is_active
wait_for 20 consumer is_waiting

title 'claimed: commands sent to Redis'
commands
title 'keys'
keys
title 'GET /reservation/request/1'
state 1
title 'the statement that waits in PostgreSQL'
sql drover -qxAtF ' = ' -c "SELECT wait_event_type, query FROM pg_stat_activity WHERE wait_event_type = 'Lock'
  AND datname = current_database()"
commands >/dev/null

echo 'COMMIT;' >&3
exec 3>&-
is_done() { [[ $(redis exists bull:reservation-queue:1) == 0 ]]; }
wait_for 20 consumer is_done
title 'finished: commands sent to Redis'
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
wait_for 20 consumer is_rejected
state 2
rows
title 'events'
events
