#!/usr/bin/env bash
# Limits, peers and Drover in turns, in one run on one Redis and one PostgreSQL. Started by ./dev bench, which installs and
# builds what is needed. Usage: run.sh [--turns N] [PART...]; without parts all of them.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

parts=(script http sql nest_post nest_think nest_drain_seed nest_drain_insert bullmq_noop bullmq_add bullmq_flow
  drover_post drover_tls drover_think drover_beside drover_latency drover_drain drover_noop drover_noop_process drover_add
  drover_ndjson drover_flow drover_shards drover_trace drover_metrics drover_tokens)
turns=5
jobs=50000 events=100 consumers=3   # For the drains.
noop_jobs=100000                    # For an empty handler.
flow_trees=50 flow_children=1000    # For trees of jobs.
add_jobs=60000                      # For producers; twice as many for the faster ones.
post_seconds=6
handshake_seconds=3
think_seconds=5
idle=10000 streams=1000             # Beside POST.
capacity_seconds=3 latency_seconds=8
scraped_queues=1000 scraped_jobs=20 scrapes=20
token_seconds=6

case ${1:-} in
  --help) echo "./dev bench [--turns N] [PART...]; parts: ${parts[*]}" && exit ;;
  --turns) turns=$2 && shift 2 ;;
esac
[[ $# == 0 ]] || parts=("$@")
for part in "${parts[@]}"; do
  grep -q "^measure_$part()" "$0" || { echo "bench: no part '$part'; --help lists them" >&2; exit 64; }
done

source tools/messages.sh
source tools/processes.sh
source tools/servers.sh
program=bench
binary=$PWD/build/release/engine/drover
peers=$PWD/build/npm/nest
export NODE_PATH=$peers/node_modules NODE_ENV=production
export LC_ALL=C  # Numbers have points, for bash, awk and psql alike.

run=$(mktemp -d /var/tmp/drover-bench-XXXXXX)
chmod 755 "$run"
finish() {
  local status=$?
  trap '' INT TERM HUP
  stop_all
  # A failed run leaves its logs.
  if [[ $status == 0 ]]; then rm -rf "$run"; else note "logs are in $run"; fi
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# Assign before you record: `die` in a substitution among the arguments would end only that.
# record NAME VALUE [UNIT]
record() {
  local unit=${3:-/s}
  [[ -n $2 ]] || die "$1 has no value"
  printf '%s %s %s\n' "$1" "$2" "$unit" >>"$run/measurements"
  printf '  %-30s %9s %s\n' "$1" "$2" "$unit" >&2
}
# member JSON EXPRESSION: of a member of a JSON object.
member() { node -p "($1).$2"; }

# --- servers: the same for all parts, and durable in the same way: AOF every second, and PostgreSQL's defaults -------------

start_servers() {
  start_redis 6500 --auto-aof-rewrite-percentage 0
  start_postgres 5600
  make_database nest
  make_database drover
  value postgres 'ALTER SYSTEM SET track_wal_io_timing = on'
  value postgres 'SELECT pg_reload_conf()' >/dev/null
  export REDIS_HOST=127.0.0.1 REDIS_PORT=$redis_port REDIS_PASSWORD=
}
value() { sql "$1" -qAtc "$2"; }
run_sql() { local database=$1; shift; sql "$database" -q -v ON_ERROR_STOP=1 "$@"; }

# --- workers ---------------------------------------------------------------------------------------------------------------

workers=() rate=0
# start_worker NAME COMMAND...
start_worker() {
  rm -f "$run/log/$1.log"
  workers+=("$1")
  start "$@"
}
stop_workers() {
  [[ ${#workers[@]} == 0 ]] || stop TERM 30 "${workers[@]}"
  workers=()
}
says() { grep -q "$2" "$run/log/$1.log"; }

# post PORT [SCHEME]: requests per second of POST at 32 connections; anything but 2xx is a failure.
post() {
  wrk -t1 -c32 "-d${post_seconds}s" -s tests/bench/post.lua "${2:-http}://127.0.0.1:$1" >"$run/wrk"
  ! grep -q -e 'Non-2xx' -e 'Socket errors' "$run/wrk" || die "wrk: $(grep -e Non-2xx -e 'Socket errors' "$run/wrk")"
  awk '/^Requests\/sec/ {printf "%d", $2}' "$run/wrk"
}

# processor_us NAME: processor time so far of a process, with all its threads.
processor_us() {
  local stat
  stat=$(<"/proc/$(pid_of "$1")/stat")
  read -r -a stat <<<"${stat##*) }"
  echo "$(((stat[11] + stat[12]) * 1000000 / $(getconf CLK_TCK)))"
}
# redis_us [_main_thread]: the same of Redis.
redis_us() { redis info cpu | awk -F: -v name="^used_cpu_(sys|user)${1:-}\$" '$1 ~ name {sum += $2} END {printf "%d", sum * 1000000}'; }

# record_post PART NAME PORT [SCHEME]: the rate of POST, and the processor time of one in the process NAME and in Redis.
record_post() {
  local requests i before after label=(producer redis redis_main)
  before=("$(processor_us "$2")" "$(redis_us)" "$(redis_us _main_thread)")
  rate=$(post "$3" "${4:-http}")
  after=("$(processor_us "$2")" "$(redis_us)" "$(redis_us _main_thread)")
  requests=$(awk '/ requests in / {print $1}' "$run/wrk")
  record "$1" "$rate"
  for i in "${!label[@]}"; do
    record "$1_${label[i]}" "$(awk -v us="$((after[i] - before[i]))" -v n="$requests" 'BEGIN {printf "%.1f", us / n}')" us
  done
}

# record_think NAME PORT CONNECTIONS PAUSE_MS SPREAD: answers per second to clients that think; the rest is for information.
record_think() {
  local result
  result=$(build/bench/http_load think "$2" "$3" "$4" "$5" "$think_seconds" 0)
  rate=$(member "$result" 'perSecond.toFixed(0)')
  record "$1" "$rate"
  record "$1_p99" "$(member "$result" 'p99Ms.toFixed(1)')" ms
  record "$1_load" "$(member "$result" 'processorUs.toFixed(1)')" us
}

# drained QUEUE N: jobs per second, from the moment the queue is resumed with its workers ready until nothing is left.
drained() { node tests/bench/queue.cjs time "$1" "$2"; }
rows_are() {
  local rows
  rows=$(value "$1" 'SELECT count(*) FROM reservations')
  [[ $rows == "$2" ]] || die "$1: $rows rows instead of $2"
}

# --- limits ----------------------------------------------------------------------------------------------------------------

measure_script() {
  local result
  result=$(build/bench/script_limit "$redis_port" 100000 100 tests/bench/limits)
  rate=$(node -p "($result).addsPerSecond")
  record script_adds "$rate"
  rate=$(node -p "($result).jobsPerSecond")
  record script_jobs "$rate"
}

measure_http() {
  local port
  port=$(free_port 4100)
  start_worker http build/bench/http_limit "$port"
  wait_for 10 http curl -s -o /dev/null "http://127.0.0.1:$port/"
  rate=$(post "$port")
  record http_empty "$rate"
  stop_workers
}

measure_sql() {
  drover_data
  run_sql drover -c 'CREATE SEQUENCE IF NOT EXISTS bench_batch MINVALUE 0; ALTER SEQUENCE bench_batch RESTART 0'
  # 34 calls of 500 by each of three clients, 51,000 reservations.
  "$postgres_programs/pgbench" -n -h 127.0.0.1 -p "$postgres_port" -U drover -c 3 -j 1 -t 34 \
    -f tests/bench/limits/reserve.pgbench drover >"$run/pgbench" 2>&1 || die "$(tail -n 5 "$run/pgbench")"
  rows_are drover 51000
  record sql_reserve "$(awk '/^tps/ {printf "%d", $3 * 500}' "$run/pgbench")"
}

# --- peers -----------------------------------------------------------------------------------------------------------------

nest_data() {
  run_sql nest -f tests/bench/peers/nest/schema.sql 2>/dev/null
  redis flushall >/dev/null
}

# start_nest: its producer. Sets port.
start_nest() {
  port=$(free_port 4200)
  nest_data
  DATABASE_URL=$(url_of nest) SERVICE_PORT=$port start_worker nest node "$peers/dist/producer.js"
  wait_for 30 nest says nest listening
}

measure_nest_post() {
  local port
  start_nest
  record_post nest_post nest "$port"
  stop_workers
}

measure_nest_think() {
  local port
  start_nest
  record_think nest_think_128 "$port" 128 15 0
  record_think nest_think_1024 "$port" 1024 150 0
  stop_workers
}

# nest_drain LOGIC: three consumers at concurrency 50.
nest_drain() {
  local i
  nest_data
  node tests/bench/queue.cjs fill reservation-queue reserveEvent "$jobs" "$events"
  for ((i = 1; i <= consumers; ++i)); do
    DATABASE_URL=$(url_of nest) LOGIC=$1 CONCURRENCY=50 start_worker "nest-$i" node "$peers/dist/consumer.js"
  done
  for ((i = 1; i <= consumers; ++i)); do wait_for 30 "nest-$i" says "nest-$i" consuming; done
  rate=$(drained reservation-queue "$jobs")
  record "nest_drain_$1" "$rate"
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
    start_worker noop node tests/bench/peers/noop.cjs noop "$concurrency"
    wait_for 30 noop says noop consuming
    rate=$(drained noop "$noop_jobs")
    record "bullmq_noop_$concurrency" "$rate"
    stop_workers
  done
}

measure_bullmq_flow() {
  local result
  redis flushall >/dev/null
  result=$(node tests/bench/peers/flows.cjs "$flow_trees" "$flow_children")
  record bullmq_flow "$(member "$result" jobsPerSecond)"
}

measure_bullmq_add() {
  local way
  for way in bulk single; do
    redis flushall >/dev/null
    rate=$(node tests/bench/peers/add.cjs "$way" added "$add_jobs")
    record "bullmq_add_$way" "$rate"
  done
  # As many as Drover's 32 threads have.
  redis flushall >/dev/null
  rate=$(node tests/bench/peers/add.cjs single added "$add_jobs" 32)
  record bullmq_add_single_32 "$rate"
}

# --- Drover ----------------------------------------------------------------------------------------------------------------

# Makes a fresh schema with users, and with events for every pair that the jobs name.
drover_data() {
  run_sql drover -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public' 2>/dev/null
  DATABASE_URL=$(url_of drover) "$binary" db migrate >"$run/log/migrate.log" 2>&1 || die "$(tail -n 5 "$run/log/migrate.log")"
  run_sql drover -c "INSERT INTO users (name, email) SELECT 'user ' || i, 'user' || i || '@example.org' FROM generate_series(1, $jobs) i" \
    -c "INSERT INTO events (name, date, location, max_tickets) SELECT 'event ' || i, now(), 'here', 1000000 FROM generate_series(1, $events) i" \
    -c 'ANALYZE'
  redis flushall >/dev/null
}

# start_drover NAME ARGUMENTS...
start_drover() {
  local name=$1
  shift
  DATABASE_URL=$(url_of drover) start_worker "$name" "$binary" run --set "plugins.dir=$PWD/build/release/plugins" \
    --set "control.socket=$run/$name.sock" --set log.level=warning "$@"
}
drover_is_ready() { "$binary" health --socket "$run/$1.sock"; }

# start_producer ARGUMENTS...: with fresh data. Sets port.
start_producer() {
  port=$(free_port 4300)
  drover_data
  start_drover producer --config conf/producer.properties --set "api.port=$port" --set api.healthPort=0 "$@"
  wait_for 30 producer drover_is_ready producer
}
start_consumers() {
  local i
  for ((i = 1; i <= consumers; ++i)); do start_drover "consumer-$i" --config conf/consumer.properties; done
  for ((i = 1; i <= consumers; ++i)); do wait_for 30 "consumer-$i" drover_is_ready "consumer-$i"; done
}

measure_drover_post() {
  local port
  start_producer
  record_post drover_post producer "$port"
  stop_workers
}

# HTTPS with a key on the curve P-256: POST on hot connections, and the processor time of one handshake.
measure_drover_tls() {
  local port before connections
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -keyout "$run/tls.key" -out "$run/tls.pem" 2>/dev/null
  start_producer --set "api.tls.certificate=$run/tls.pem" --set "api.tls.key=$run/tls.key"
  record_post drover_tls producer "$port" https
  before=$(processor_us producer)
  connections=$(openssl s_time -connect "127.0.0.1:$port" -new -time "$handshake_seconds" 2>/dev/null |
    awk '/ connections in .* real seconds/ {print $1}')
  record drover_tls_handshake "$(awk -v us="$(($(processor_us producer) - before))" -v n="$connections" 'BEGIN {printf "%.0f", us / n}')" us
  stop_workers
}

measure_drover_think() {
  local port
  start_producer
  record_think drover_think_128 "$port" 128 15 0
  record_think drover_think_varied "$port" 128 15 50
  record_think drover_think_1024 "$port" 1024 150 0
  stop_workers
}

# POST beside connections that wait and streams that get an event a second; before and after that alone, in the same process, since
# a machine has better and worse minutes. The memory is the highest so far.
measure_drover_beside() {
  local port result
  rm -rf "$run/plugins"
  cp -r build/release/plugins "$run/plugins"
  cp build/bench/plugins/bench-events.so "$run/plugins/"
  start_producer --set "plugins.dir=$run/plugins" --set plugins.load=api,reservation-api,bench-events \
    --set api.maxConnections=12000 --set api.maxConnectionsPerAddress=12000 --set api.idleTimeoutMs=300000
  record_post drover_post_alone producer "$port"
  redis flushall >/dev/null
  start_worker hold build/bench/http_load hold "$port" "$idle" "$streams"
  wait_for 60 hold says hold ready
  record_post drover_post_beside producer "$port"
  record drover_beside_memory "$(awk '/^VmHWM/ {printf "%.1f", $2 / 1024}' "/proc/$(pid_of producer)/status")" MiB
  stop TERM 10 hold
  result=$(tail -n 1 "$run/log/hold.log")
  [[ $(member "$result" lost) == 0 && $(member "$result" 'eventsPerStreamAndSecond > 0.9') == true ]] ||
    die "the load beside POST was not served: $result"
  record drover_beside_load "$(member "$result" 'processorPercent.toFixed(1)')" %
  redis flushall >/dev/null
  record_post drover_post_alone producer "$port"
  stop_workers
}

# The time from a request to its row at half of the capacity, with requests at a fixed rate. The capacity: 32 connections send as
# fast as they can, which fills the queue, and the time counts until the queue's last row is there.
measure_drover_latency() {
  local port begin result requests rows
  start_producer
  start_consumers
  begin=$EPOCHREALTIME
  result=$(build/bench/http_load think "$port" 32 0 0 "$capacity_seconds" 0)
  requests=$(member "$result" nextPair)
  wait_for_rows "$requests"
  rate=$(awk -v n="$requests" -v begin="$begin" -v end="$EPOCHREALTIME" 'BEGIN {printf "%d", n / (end - begin)}')
  record drover_capacity "$rate"

  # A flush of the log waits for what earlier parts left to the disk: hundreds of megabytes of Redis's log.
  value postgres CHECKPOINT >/dev/null
  sync
  start_worker watch psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$postgres_port" -U drover -d drover -f tests/bench/watch-rows.sql
  wait_for 10 watch watch_is_on
  value postgres "SELECT pg_stat_reset_shared('wal')" >/dev/null
  result=$(build/bench/http_load open "$port" 128 "$((rate / 2))" "$latency_seconds" "$requests" "$run/planned")
  requests=$(member "$result" nextPair)
  wait_for_rows "$requests"
  run_sql drover -c 'CREATE TABLE bench_stop ()'
  gone_by "$((SECONDS + 30))" watch || die 'the watch of rows does not end'
  rows=$(run_sql drover -At -F ' ' -f tests/bench/row-latency.sql <"$run/planned")
  read -r -a rows <<<"$rows"
  [[ ${rows[0]} == "$(member "$result" answers)" ]] || die "${rows[0]} rows were seen instead of $(member "$result" answers)"
  record drover_row_p50 "$(printf %.1f "${rows[1]}")" ms
  record drover_row_p99 "$(printf %.1f "${rows[2]}")" ms
  record drover_row_max "$(printf %.1f "${rows[3]}")" ms
  # A row waits at least for one flush of the log, on a disk that may be shared.
  record drover_row_flush "$(value postgres "SELECT round((wal_sync_time / greatest(wal_sync, 1))::numeric, 1) FROM pg_stat_wal")" ms
  record drover_answer_p99 "$(member "$result" 'p99Ms.toFixed(1)')" ms
  record drover_latency_load "$(member "$result" 'processorUs.toFixed(1)')" us
  stop_workers
  rows_are drover "$requests"
}
watch_is_on() { [[ $(value drover "SELECT to_regclass('bench_seen')") == bench_seen ]]; }
# wait_for_rows N: waits in the server until there are N reservations. Ids are drawn in advance and can be lost, so rows are counted
# once enough ids are drawn.
wait_for_rows() {
  run_sql drover -c "DO \$\$ BEGIN
    WHILE (SELECT CASE WHEN last_value < $1 THEN true ELSE (SELECT count(*) FROM reservations) < $1 END FROM reservations_id_seq) LOOP
      PERFORM pg_sleep(0.01);
      COMMIT;
      IF clock_timestamp() > statement_timestamp() + interval '60 s' THEN RAISE 'no % rows within 60 s', $1; END IF;
    END LOOP;
  END \$\$"
}

measure_drover_drain() {
  drover_data
  node tests/bench/queue.cjs fill reservation-queue reserveEvent "$jobs" "$events"
  start_consumers
  rate=$(drained reservation-queue "$jobs")
  record drover_drain "$rate"
  stop_workers
  rows_are drover "$jobs"
}

measure_drover_add() {
  local way threads
  for way in bulk single; do
    redis flushall >/dev/null
    [[ $way == bulk ]] && threads=1 || threads=32
    rate=$(build/bench/add_load "$way" "$redis_port" added "$((2 * add_jobs))" "$threads")
    record "drover_add_$way" "$rate"
  done
}

# One body of lines over HTTP, with as many jobs as the bulks have; each line gets its answer.
measure_drover_ndjson() {
  local port token result count=$((2 * add_jobs))
  "$binary" token new bench --scope add:added >"$run/token"
  token=$(head -n 1 "$run/token")
  tail -n 1 "$run/token" >"$run/tokens"
  awk -v n="$count" 'BEGIN {
    for (i = 0; i < n; ++i) {
      printf "{\"name\":\"mail\",\"data\":{\"userId\":%d,\"eventId\":%d},\"opts\":{\"removeOnComplete\":true,\"removeOnFail\":true}}\n", i, i % 100 + 1
    }
  }' >"$run/jobs.ndjson"
  start_producer --set "api.tokens.file=$run/tokens" --set api.queues=added
  result=$(curl -sS -T "$run/jobs.ndjson" -X POST -H 'Expect:' -H 'Transfer-Encoding: chunked' -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/x-ndjson' -o "$run/answers" -w '%{time_total}' "http://127.0.0.1:$port/queues/added/jobs")
  [[ $(tail -n 1 "$run/answers") == "{\"done\":true,\"lines\":$count,\"added\":$count,\"refused\":0}" ]] ||
    die "the body was not added: $(tail -n 1 "$run/answers")"
  rate=$(awk -v n="$count" -v s="$result" 'BEGIN {printf "%d", n / s}')
  record drover_ndjson "$rate"
  stop_workers
}

# noop_drained NAME ISOLATION [OPTION...]: jobs per second of an empty handler, and the processor time of one.
noop_drained() {
  local name=$1 isolation=$2 before
  shift 2
  redis flushall >/dev/null
  node tests/bench/queue.cjs fill noop noop "$noop_jobs" "$events"
  start_drover noop --set plugins.load=noop --set "plugin.noop.isolation=$isolation" \
    --set "plugins.dir=$PWD/build/bench/plugins" "$@"
  wait_for 30 noop drover_is_ready noop
  before=$(processor_us noop)
  rate=$(drained noop "$noop_jobs")
  record "$name" "$rate"
  record "${name}_worker" "$(awk -v us="$(($(processor_us noop) - before))" -v n="$noop_jobs" 'BEGIN {printf "%.2f", us / n}')" us
  stop_workers
}
measure_drover_noop() { noop_drained drover_noop thread; }
measure_drover_noop_process() { noop_drained drover_noop_process process; }

measure_drover_flow() {
  local result
  redis flushall >/dev/null
  result=$(build/bench/flow_load "$redis_port" "$flow_trees" "$flow_children")
  record drover_flow "$(member "$result" jobsPerSecond)"
}

# One queue on one of four masters, then one with a shard on each of them: rates, and the processor time of a job in all of Redis.
# Each shard is worked as the one queue is.
start_cluster() {
  local i port addresses=()
  nodes=()
  for i in 0 1 2 3; do
    port=$(free_port "$((6600 + i))")
    mkdir -p "$run/node-$i"
    start_in "$run/node-$i" "node-$i" redis-server --bind 127.0.0.1 --port "$port" --dir . --appendonly yes --appendfsync everysec \
      --save '' --auto-aof-rewrite-percentage 0 --cluster-enabled yes
    wait_for 60 "node-$i" redis-cli -h 127.0.0.1 -p "$port" ping
    nodes+=("$port")
    addresses+=("127.0.0.1:$port")
  done
  redis-cli --cluster create "${addresses[@]}" --cluster-yes >"$run/log/cluster.log"
  wait_for 60 node-0 cluster_is_ready
}
cluster_is_ready() {
  local node
  for node in "${nodes[@]}"; do redis-cli -h 127.0.0.1 -p "$node" cluster info | grep -q cluster_state:ok || return 1; done
}
cluster_us() {
  local node
  for node in "${nodes[@]}"; do redis-cli -h 127.0.0.1 -p "$node" info cpu; done |
    awk -F: '/^used_cpu_(sys|user):/ {sum += $2} END {printf "%d", sum * 1000000}'
}
# record_cluster NAME RATE BEFORE_US: the rate, and the processor time of a job in Redis since then.
record_cluster() {
  record "$1" "$2"
  record "$1_redis" "$(awk -v us="$(($(cluster_us) - $3))" -v n="$noop_jobs" 'BEGIN {printf "%.2f", us / n}')" us
}
measure_drover_shards() {
  local shards name port before nodes
  start_cluster
  for shards in 1 4; do
    # The first shard of four and the one queue have the same slot.
    [[ $shards == 1 ]] && name='noop-{0}' || name=noop
    before=$(cluster_us)
    rate=$(build/bench/shard_load add "${nodes[0]}" "$name" "$shards" "$noop_jobs")
    record_cluster "drover_shards_${shards}_add" "$rate" "$before"
    before=$(cluster_us)
    start_worker noop env -u REDIS_HOST -u REDIS_PORT -u REDIS_PASSWORD "$binary" run --set plugins.load=noop \
      --set "plugins.dir=$PWD/build/bench/plugins" --set "control.socket=$run/noop.sock" --set log.level=warning \
      --set "redis.cluster=127.0.0.1:${nodes[0]}" --set "queue.noop.name=$name" --set "queue.noop.shards=$shards" \
      --set "queue.noop.concurrency=$((256 * shards))"
    rate=$(build/bench/shard_load wait "${nodes[0]}" "$name" "$shards" "$noop_jobs")
    record_cluster "drover_shards_${shards}_work" "$rate" "$before"
    stop_workers
  done
  stop TERM 20 node-0 node-1 node-2 node-3
  rm -rf "$run"/node-?
}

# Without traces and with one in a hundred, in turns, with a collector that accepts everything.
measure_drover_trace() {
  local mode port collector options
  for mode in off on lean; do
    collector=$(free_port 4400)
    options=()
    if [[ $mode != off ]]; then
      options=(--set "trace.endpoint=http://127.0.0.1:$collector/v1/traces" --set trace.sampling=0.01)
    fi
    # Jobs of traces that are not sent carry no context.
    if [[ $mode == lean ]]; then options+=(--set trace.passUnsampled=false); fi
    start_worker collector node tests/bench/collector.cjs "$collector"
    start_producer "${options[@]}"
    record_post "drover_trace_${mode}_post" producer "$port"
    stop_workers
    start_worker collector node tests/bench/collector.cjs "$collector"
    noop_drained "drover_trace_${mode}_noop" thread "${options[@]}"
  done
}

# Scrapes of many queues. Those within a second share a reading, so a pause lies between two.
measure_drover_metrics() {
  local port i seconds sorted
  redis flushall >/dev/null
  node tests/bench/queue.cjs fill-many scraped "$scraped_queues" "$scraped_jobs"
  port=$(free_port 4500)
  start_drover scraped --set plugins.load=api,metrics --set "api.port=$port" --set api.healthPort=0 --set 'metrics.queues=scraped-*'
  wait_for 30 scraped drover_is_ready scraped
  wait_for 30 scraped all_are_scraped "$port"
  for ((i = 0; i < scrapes; ++i)); do
    sleep 1.1
    seconds=$(curl -sSf -o "$run/scrape" -w '%{time_total}' "http://127.0.0.1:$port/metrics")
    grep -q "^drover_queues $scraped_queues\$" "$run/scrape" || die 'a scrape lacks queues'
    echo "$seconds"
  done | sort -n >"$run/scrapes"
  mapfile -t sorted <"$run/scrapes"
  [[ ${#sorted[@]} == "$scrapes" ]] || die "${#sorted[@]} scrapes of $scrapes"
  record drover_metrics_best "$(awk -v s="${sorted[0]}" 'BEGIN {printf "%.1f", s * 1000}')" ms
  record drover_metrics "$(awk -v a="${sorted[(scrapes - 1) / 2]}" -v b="${sorted[scrapes / 2]}" 'BEGIN {printf "%.1f", (a + b) * 500}')" ms
  stop_workers
}
all_are_scraped() { curl -sSf "http://127.0.0.1:$1/metrics" | grep -q "^drover_queues $scraped_queues\$"; }

# Wrong tokens from one address as fast as wrk sends them, and clients of another address that have the right one.
measure_drover_tokens() {
  local port result
  "$binary" token new bench --scope add:reservation-queue >"$run/token"
  tail -n 1 "$run/token" >"$run/tokens"
  sed -i 1q "$run/token"
  start_producer --set "api.tokens.file=$run/tokens" --set api.route.reserve.auth=token
  start_worker right node tests/bench/right-token.cjs "$port" "$run/token" "$token_seconds"
  wrk -t1 -c32 "-d${token_seconds}s" -s tests/bench/wrong-tokens.lua "http://127.0.0.1:$port" >"$run/wrk"
  gone_by "$((SECONDS + 30))" right || die 'the clients with the right token do not end'
  result=$(tail -n 1 "$run/log/right.log")
  awk '/ requests in / {all = $1} /Non-2xx/ {refused = $NF} END {exit !(all > 0 && all == refused)}' "$run/wrk" ||
    die "wrong tokens were accepted, or answered by nothing: $(<"$run/wrk")"
  record drover_tokens_refused "$(awk '/^Requests\/sec/ {printf "%d", $2}' "$run/wrk")"
  record drover_tokens_served "$(node -p "const {served, requests} = $result; (100 * served / requests).toFixed(2)")" %
  record drover_tokens_p99 "$(member "$result" 'p99Ms.toFixed(1)')" ms
  record drover_tokens_right "$(awk -v n="$(member "$result" served)" -v s="$token_seconds" 'BEGIN {printf "%d", n / s}')"
  stop_workers
}

# --- turns -----------------------------------------------------------------------------------------------------------------

start_servers
for ((turn = 1; turn <= turns; ++turn)); do
  say "turn $turn of $turns (after $SECONDS s)"
  for part in "${parts[@]}"; do "measure_$part"; done
done
mkdir -p tests/bench/results
node tests/bench/report.cjs "$run/measurements" "tests/bench/results/$(date -u +%Y-%m-%dT%H%M%SZ).json"
