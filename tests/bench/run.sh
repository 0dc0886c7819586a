#!/usr/bin/env bash
# Limits, peers and Drover in turns, in one run on one Redis and one PostgreSQL. Started by ./dev bench, which installs and
# builds what is needed. Usage: run.sh [--turns N] [PART...]; without parts all of them.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

parts=(script http sql nest_post nest_drain_seed nest_drain_insert bullmq_noop drover_post drover_drain drover_noop drover_noop_process)
turns=5
jobs=50000 events=100 consumers=3   # What is drained.
noop_jobs=100000                    # What an empty handler gets.
post_seconds=6

case ${1:-} in
  --help) echo "./dev bench [--turns N] [PART...]; parts: ${parts[*]}" && exit ;;
  --turns) turns=$2 && shift 2 ;;
esac
[[ $# == 0 ]] || parts=("$@")
for part in "${parts[@]}"; do
  grep -q "^measure_$part()" "$0" || { echo "bench: no part '$part'; --help lists them" >&2; exit 64; }
done

binary=$PWD/build/release/engine/drover
peers=$PWD/build/npm/nest
postgres_programs=/usr/lib/postgresql/15/bin
export NODE_PATH=$peers/node_modules NODE_ENV=production

folder=$(mktemp -d /var/tmp/drover-bench-XXXXXX)
chmod 755 "$folder"
started=()
finish() {
  local status=$? pid
  stop_workers
  for pid in "${started[@]}"; do kill -s INT "$pid" 2>/dev/null || true; done
  wait
  # What failed can be looked into; the message has named the folder.
  [[ $status != 0 ]] || rm -rf "$folder"
}
trap finish EXIT

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf 'bench: %s\nbench: logs are in %s\n' "$*" "$folder" >&2; exit 1; }
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}
# until_true SECONDS TEXT COMMAND...
until_true() {
  local deadline=$((SECONDS + $1)) text=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS <= deadline)) || fail "$text: not within the time"
    sleep 0.05
  done
}
record() { printf '%s %s\n' "$1" "$2" >>"$folder/measurements"; printf '  %-20s %9s /s\n' "$1" "$2" >&2; }

# --- servers: the same for all, durable in the same way: AOF every second, and PostgreSQL as it comes ----------------------

start_servers() {
  local as_postgres=()
  redis_port=$(free_port 6500)
  (cd "$folder" && exec redis-server --bind 127.0.0.1 --port "$redis_port" --dir . --appendonly yes \
    --appendfsync everysec --save '' --auto-aof-rewrite-percentage 0 --maxmemory-policy noeviction >redis.log 2>&1) &
  started+=($!)
  mkdir "$folder/postgres"
  if [[ $(id -u) == 0 ]]; then
    chown postgres "$folder/postgres"
    as_postgres=(setpriv --reuid postgres --regid postgres --clear-groups)
  fi
  postgres_port=$(free_port 5600)
  (cd / && "${as_postgres[@]}" "$postgres_programs/initdb" -D "$folder/postgres/data" -U bench -A trust -E UTF8 \
    --locale=C.UTF-8 >"$folder/initdb.log" 2>&1) || fail "initdb: $(tail -n 3 "$folder/initdb.log")"
  (cd / && exec "${as_postgres[@]}" "$postgres_programs/postgres" -D "$folder/postgres/data" -h 127.0.0.1 \
    -p "$postgres_port" -c unix_socket_directories= -c timezone=UTC >"$folder/postgres.log" 2>&1) &
  started+=($!)
  until_true 30 redis-server redis ping
  until_true 30 PostgreSQL "$postgres_programs/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" -U bench
  sql postgres -c 'CREATE DATABASE nest' -c 'CREATE DATABASE drover'
  export REDIS_HOST=127.0.0.1 REDIS_PORT=$redis_port REDIS_PASSWORD=
}
redis() { redis-cli -h 127.0.0.1 -p "$redis_port" "$@"; }
sql() { local database=$1; shift; psql -XqAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$postgres_port" -U bench "$database" "$@"; }
url() { echo "postgresql://bench@127.0.0.1:$postgres_port/$1"; }

# --- workers ---------------------------------------------------------------------------------------------------------------

workers=()
# start_worker LOG COMMAND...
start_worker() {
  local log=$folder/$1
  shift
  "$@" >"$log" 2>&1 &
  workers+=($!)
}
stop_workers() {
  local pid
  for pid in "${workers[@]}"; do kill -s TERM "$pid" 2>/dev/null || true; done
  for pid in "${workers[@]}"; do wait "$pid" 2>/dev/null || true; done
  workers=()
}
says() { grep -q "$2" "$folder/$1"; }

# post PORT: requests per second of POST at 32 connections; anything but 2xx is a failure.
post() {
  wrk -t1 -c32 "-d${post_seconds}s" -s tests/bench/post.lua "http://127.0.0.1:$1" >"$folder/wrk"
  ! grep -q -e 'Non-2xx' -e 'Socket errors' "$folder/wrk" || fail "wrk: $(grep -e Non-2xx -e 'Socket errors' "$folder/wrk")"
  awk '/^Requests\/sec/ {printf "%d", $2}' "$folder/wrk"
}
# drained QUEUE N: jobs per second, from the moment the queue is resumed with its workers ready until nothing is left.
drained() { node tests/bench/queue.cjs time "$1" "$2"; }
rows_are() {
  local rows
  rows=$(sql "$1" -c 'SELECT count(*) FROM reservations')
  [[ $rows == "$2" ]] || fail "$1: $rows rows instead of $2"
}

# --- limits ----------------------------------------------------------------------------------------------------------------

measure_script() {
  local result
  result=$(build/bench/script_limit "$redis_port" 100000 100 tests/bench/limits)
  record script_adds "$(node -p "($result).addsPerSecond")"
  record script_jobs "$(node -p "($result).jobsPerSecond")"
}

measure_http() {
  local port
  port=$(free_port 4100)
  start_worker http.log build/bench/http_limit "$port"
  until_true 10 'the HTTP limit' curl -s -o /dev/null "http://127.0.0.1:$port/"
  record http_empty "$(post "$port")"
  stop_workers
}

measure_sql() {
  drover_data
  sql drover -c 'CREATE SEQUENCE IF NOT EXISTS bench_batch MINVALUE 0; ALTER SEQUENCE bench_batch RESTART 0'
  # 34 calls of 500 by each of three clients, 51,000 reservations.
  "$postgres_programs/pgbench" -n -h 127.0.0.1 -p "$postgres_port" -U bench -c 3 -j 1 -t 34 \
    -f tests/bench/limits/reserve.pgbench drover >"$folder/pgbench" 2>&1 || fail "$(tail -n 5 "$folder/pgbench")"
  rows_are drover 51000
  record sql_reserve "$(awk '/^tps/ {printf "%d", $3 * 500}' "$folder/pgbench")"
}

# --- peers -----------------------------------------------------------------------------------------------------------------

nest_data() {
  sql nest -f tests/bench/peers/nest/schema.sql 2>/dev/null
  redis flushall >/dev/null
}

measure_nest_post() {
  local port
  port=$(free_port 4200)
  nest_data
  DATABASE_URL=$(url nest) SERVICE_PORT=$port start_worker nest.log node "$peers/dist/producer.js"
  until_true 30 'the NestJS producer' says nest.log listening
  record nest_post "$(post "$port")"
  stop_workers
}

# nest_drain LOGIC: three consumers at concurrency 50.
nest_drain() {
  local i
  nest_data
  node tests/bench/queue.cjs fill reservation-queue reserveEvent "$jobs" "$events"
  for ((i = 1; i <= consumers; ++i)); do
    DATABASE_URL=$(url nest) LOGIC=$1 CONCURRENCY=50 start_worker "nest-$i.log" node "$peers/dist/consumer.js"
  done
  for ((i = 1; i <= consumers; ++i)); do until_true 30 'a NestJS consumer' says "nest-$i.log" consuming; done
  record "nest_drain_$1" "$(drained reservation-queue "$jobs")"
  stop_workers
  rows_are nest "$jobs"
}
measure_nest_drain_seed() { nest_drain seed; }
measure_nest_drain_insert() { nest_drain insert; }

measure_bullmq_noop() {
  local concurrency
  for concurrency in 50 200; do
    redis flushall >/dev/null
    node tests/bench/queue.cjs fill noop noop "$noop_jobs" "$events"
    start_worker noop.log node tests/bench/peers/noop.cjs noop "$concurrency"
    until_true 30 'the BullMQ worker' says noop.log consuming
    record "bullmq_noop_$concurrency" "$(drained noop "$noop_jobs")"
    stop_workers
  done
}

# --- Drover ----------------------------------------------------------------------------------------------------------------

# A fresh schema with users and events for every pair that is asked for.
drover_data() {
  sql drover -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public' 2>/dev/null
  DATABASE_URL=$(url drover) "$binary" db migrate >"$folder/migrate.log" 2>&1 || fail "$(tail -n 5 "$folder/migrate.log")"
  sql drover -c "INSERT INTO users (name, email) SELECT 'user ' || i, 'user' || i || '@example.org' FROM generate_series(1, $jobs) i" \
    -c "INSERT INTO events (name, date, location, max_tickets) SELECT 'event ' || i, now(), 'here', 1000000 FROM generate_series(1, $events) i" \
    -c 'ANALYZE'
  redis flushall >/dev/null
}

# start_drover NAME ARGUMENTS...
start_drover() {
  local name=$1
  shift
  DATABASE_URL=$(url drover) start_worker "$name.log" "$binary" run --set "plugins.dir=$PWD/build/release/plugins" \
    --set "control.socket=$folder/$name.sock" --set log.level=warning "$@"
}
drover_is_ready() { "$binary" health --socket "$folder/$1.sock"; }

measure_drover_post() {
  local port
  port=$(free_port 4300)
  drover_data
  start_drover producer --config conf/producer.properties --set "api.port=$port" --set api.healthPort=0
  until_true 30 'the producer' drover_is_ready producer
  record drover_post "$(post "$port")"
  stop_workers
}

measure_drover_drain() {
  local i
  drover_data
  node tests/bench/queue.cjs fill reservation-queue reserveEvent "$jobs" "$events"
  for ((i = 1; i <= consumers; ++i)); do start_drover "consumer-$i" --config conf/consumer.properties; done
  for ((i = 1; i <= consumers; ++i)); do until_true 30 'a consumer' drover_is_ready "consumer-$i"; done
  record drover_drain "$(drained reservation-queue "$jobs")"
  stop_workers
  rows_are drover "$jobs"
}

# noop_drained NAME ISOLATION: what an empty handler gets done.
noop_drained() {
  redis flushall >/dev/null
  node tests/bench/queue.cjs fill noop noop "$noop_jobs" "$events"
  start_drover noop --set plugins.load=noop --set "plugin.noop.isolation=$2" --set "plugins.dir=$PWD/build/bench/plugins"
  until_true 30 'the worker' drover_is_ready noop
  record "$1" "$(drained noop "$noop_jobs")"
  stop_workers
}
measure_drover_noop() { noop_drained drover_noop thread; }
measure_drover_noop_process() { noop_drained drover_noop_process process; }

# --- turns -----------------------------------------------------------------------------------------------------------------

start_servers
for ((turn = 1; turn <= turns; ++turn)); do
  say "turn $turn of $turns (after $SECONDS s)"
  for part in "${parts[@]}"; do "measure_$part"; done
done
mkdir -p tests/bench/results
node tests/bench/report.cjs "$folder/measurements" "tests/bench/results/$(date -u +%Y-%m-%dT%H%M%SZ).json"
