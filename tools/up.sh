# shellcheck shell=bash
# ./dev up and ./dev down: the servers, one producer and some consumers.

# The logs of which ./dev up --watch shows lines: their names, descriptors, and lines that are not complete yet.
followed=() followed_logs=() unfinished=()
# For each name that has ended: how often in a row soon after its start, and when it is started again.
declare -A quick_ends=() again_at=()

binary=build/release/engine/drover

# role NAME FILE KEY=VALUE...: one process of the application.
role() {
  local name=$1 file=$2 sets=() pair
  shift 2
  for pair in "control.socket=$sockets/$name.sock" "$@"; do sets+=(--set "$pair"); done
  start "$name" "$binary" run --config "$file" "${sets[@]}"
}

role_is_ready() { "$binary" health --set "control.socket=$sockets/$1.sock"; }

cmd_up() {
  local consumers=3 wanted_port=4000 watch='' plugins missing_page='' api_port health_port i
  plugins=(plugins.dir="$PWD/build/release/plugins")
  while [[ $# -gt 0 ]]; do
    case $1 in
      --port) wanted_port=${2:?--port needs a number} && shift 2 ;;
      --consumers) consumers=${2:?--consumers needs a number} && shift 2 ;;
      --watch) watch=1 && shift ;;
      *) die "./dev up has --port, --consumers and --watch, not '$1'" ;;
    esac
  done
  [[ $wanted_port =~ ^[1-9][0-9]{0,4}$ && $wanted_port -le 65535 ]] || die "--port $wanted_port: a port is 1 to 65535"
  [[ $consumers =~ ^[1-9][0-9]{0,2}$ ]] || die "--consumers $consumers: a number of processes is 1 to 999"
  mkdir -p "$run/log" "$run/pid"
  exec 9>>"$run/lock"
  private_descriptors+=(9)
  flock -n 9 || die "./dev up runs already in this folder (pid $(pid_in "$run/up")); stop it with Ctrl-C there, or by ./dev down"
  identity_of $$ >"$run/up"

  install "${build_packages[@]}" "${server_packages[@]}"
  build release
  # Only the pages at /api and /board need npm: without it the API itself is the same.
  if [[ -f api/web/package-lock.json ]]; then
    (install_node 16 && npm_install api/web build/npm/web && npm_install plugins/board build/npm/board &&
      npm_install plugins/console build/npm/console) || missing_page=1
  fi
  make_token

  # A Unix socket's path is limited to 107 bytes: the clone may lie too deep.
  sockets=$(mktemp -d /tmp/drover-XXXXXX)
  trap 'exit 0' INT TERM HUP
  trap 'trap "" INT TERM HUP; stop_all; rm -rf "$run/up" "$sockets"' EXIT
  [[ -z $(running_names) ]] || { note 'an earlier run was not stopped'; stop_all; }

  say 'starting redis-server and PostgreSQL'
  start_redis 6400
  start_postgres 5500
  make_database drover
  (umask 077 && url_of drover >"$run/database-url")
  DATABASE_URL=$(<"$run/database-url")
  export DATABASE_URL REDIS_HOST=127.0.0.1 REDIS_PORT=$redis_port REDIS_PASSWORD=
  step migrate.log 'migrating the database' "$binary" db migrate
  if ! "${as_postgres[@]}" test -e "$postgres_folder/demo-loaded"; then
    step demo.log 'loading demo data' sql drover -q -v ON_ERROR_STOP=1 -f schema/demo.sql
    "${as_postgres[@]}" touch "$postgres_folder/demo-loaded"
  fi

  api_port=$(free_port "$wanted_port")
  health_port=$(free_port "$((api_port + 1))" "$api_port")
  [[ $api_port == "$wanted_port" ]] || note "port $wanted_port is taken: the API listens on $api_port"
  if [[ -n $watch ]]; then
    say 'watching plugins/'
    rm -rf "$run/plugins"
    mkdir -m 755 "$run/plugins"
    follow_logs watch $(seq -f 'consumer-%g' "$consumers")
    start watch plugins/dev/watch "$run/plugins"
    wait_for 300 watch test -e "$run/plugins/reservation.so"
    plugins=(plugins.dir="$run/plugins" plugins.load='*')
    # The installed one: a save may build build/release anew.
    binary=build/sdk/bin/drover
  fi
  say "starting one producer and $consumers consumers"
  role producer conf/producer.properties "plugins.dir=$PWD/build/release/plugins" "api.port=$api_port" \
    "api.healthPort=$health_port" "api.docsDir=$PWD/build/npm/web/node_modules/swagger-ui-dist" \
    plugins.load=api,reservation-api,board,console "api.tokens.file=$run/tokens" \
    "board.ui=$PWD/build/npm/board/node_modules/@bull-board/ui" "console.uplot=$PWD/build/npm/console/node_modules/uplot"
  for ((i = 1; i <= consumers; ++i)); do consumer "consumer-$i"; done
  wait_for 40 producer is_200 "$health_port" /readyz
  for ((i = 1; i <= consumers; ++i)); do wait_for 40 "consumer-$i" role_is_ready "consumer-$i"; done

  print_urls "$api_port" "$health_port" "$missing_page"
  [[ -z $watch ]] || printf 'Save a file in plugins/: it is built, and the consumers take it up.\n\n' >&2
  follow
}
# A token for the pages that show jobs, made once.
make_token() {
  [[ ! -s $run/tokens ]] || return 0
  (
    umask 077
    "$binary" token new dev --scope 'add:*' --scope read --scope operate --scope destroy >"$run/token.new"
    head -n 1 "$run/token.new" >"$run/token"
    tail -n 1 "$run/token.new" >"$run/tokens"
    rm "$run/token.new"
  )
}

consumer() { role "$1" conf/consumer.properties "${plugins[@]}"; }
is_200() { [[ $(http_status "$1" "$2") == 200 ]]; }

print_urls() {
  say "Drover is up after $SECONDS s. Ctrl-C stops everything; the data stays in .run."
  [[ -n $3 ]] || note "API page     http://localhost:$1/api"
  [[ -n $3 ]] || note "console      http://localhost:$1/ (any user, the password is in .run/token)"
  [[ -n $3 ]] || note "Bull Board   http://localhost:$1/board (any user, the password is in .run/token)"
  [[ -z $3 ]] || note 'API page and Bull Board are not there: npm could not fetch their files (see .run/log/npm.log)'
  note "OpenAPI      http://localhost:$1/api-json"
  note "readiness    http://localhost:$2/readyz"
  note "Redis        redis-cli -p $redis_port"
  # shellcheck disable=SC2016  # for the reader's shell
  note 'PostgreSQL   psql "$(cat .run/database-url)"'
  note "logs         .run/log"
  note "plugins      $binary plugin list --socket $sockets/consumer-1.sock"
  printf '\nReserve a seat at event 1 for user 15001, then look at it:\n\n' >&2
  printf "  curl -X POST http://localhost:%s/reservation/1/15001\n" "$1" >&2
  printf "  curl 'http://localhost:%s/reservation?eventId=1&userId=15001'\n\n" "$1" >&2
}

# follow_logs NAME...: shows later lines of these logs by print_followed.
follow_logs() {
  local name fd
  for name in "$@"; do
    exec {fd}<>"$run/log/$name.log"
    cat <&"$fd" >/dev/null
    followed+=("$name") followed_logs+=("$fd") unfinished+=('')
    private_descriptors+=("$fd")
  done
}
# Prints new lines of the watch, and those of the consumers about plugins and configuration.
print_followed() {
  local i line plugin
  for i in "${!followed[@]}"; do
    while IFS= read -r line <&"${followed_logs[i]}" || { unfinished[i]+=$line && false; }; do
      line=${unfinished[i]}$line
      unfinished[i]=''
      if [[ ${followed[i]} != watch ]]; then
        [[ $line == *'"logger":"plugins"'* || $line == *'"logger":"engine"'* ]] || continue
        plugin=
        [[ $line == *'"plugin":"'* ]] && plugin=" plugin=${line##*'"plugin":"'}"
        line=${line#*'"message":"'}
        line=${line%%'","plugin":"'*}${plugin%%'"'*}
        line=${line%'"}'}
      fi
      note "${followed[i]}: ${line//'\"'/'"'}"
    done
  done
}

# follow: until Ctrl-C. Reports each process that ends, with its last lines, and starts it again; ends everything if it
# ended six times.
follow() {
  local name
  while sleep 1 9>&-; do  # Holding no lock: it may outlive this script for a second.
    print_followed
    for name in "${!command_of[@]}"; do
      pid_of "$name" >/dev/null || start_again "$name"
    done
  done
}
# start_again NAME, which has ended: at once the first time, then after 2, 4, 8 and 16 s. The sixth end in a row within 30 s
# of a start is the last.
start_again() {
  local name=$1 wait=0
  if [[ -z ${again_at[$name]:-} ]]; then
    if ((SECONDS - started_at[$name] < 30)); then
      quick_ends[$name]=$((${quick_ends[$name]:-0} + 1))
    else
      quick_ends[$name]=1
    fi
    tail -n 20 "$run/log/$name.log" >&2
    if ((quick_ends[$name] > 5)); then
      die "$name ended six times, each time soon after its start; its last lines are above, all of them in $run/log/$name.log"
    fi
    if ((quick_ends[$name] > 1)); then wait=$((1 << (quick_ends[$name] - 1))); fi
    again_at[$name]=$((SECONDS + wait))
    note "$name ended; its last lines are above, all of them in $run/log/$name.log. It is started again in $wait s"
  fi
  if ((SECONDS >= again_at[$name])); then
    unset "again_at[$name]"
    launch "$name" || true  # The next look notices it.
  fi
}

cmd_down() {
  local up
  mkdir -p "$run"
  exec 9>>"$run/lock"
  if ! flock -n 9; then
    # A running ./dev up stops everything itself.
    if up=$(pid_in "$run/up"); then kill -s TERM "$up"; fi
    flock -w 60 9 || die "./dev up (pid ${up:-unknown}) did not stop within 60 s"
  fi
  stop_all
  say 'nothing of this folder runs'
}
