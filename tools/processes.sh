# shellcheck shell=bash
# Starts, watches and stops processes by name. A name's identity is in $run/pid, its output in $run/log.

# The command of each name, its folder, and when it was started.
declare -A command_of=() folder_of=() started_at=()
# Descriptors of the script that a started process does not inherit: its lock, and the logs that it reads.
private_descriptors=()

# identity_of PID: its id, its start time and the machine's boot. The kernel gives the id alone to another process later.
identity_of() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  [[ ${stat%% *} != Z ]] || return 1
  read -r -a stat <<<"$stat"
  echo "$1 ${stat[19]} $(</proc/sys/kernel/random/boot_id)"
}

# pid_in FILE: the id of the process whose identity FILE holds; fails if it is not running any more.
pid_in() {
  local recorded
  recorded=$(cat "$1" 2>/dev/null) || return 1
  [[ -n $recorded && $(identity_of "${recorded%% *}") == "$recorded" ]] || return 1
  echo "${recorded%% *}"
}
pid_of() { pid_in "$run/pid/$1"; }

# start NAME COMMAND...; start_in FOLDER NAME COMMAND...
start() { start_in "$PWD" "$@"; }
start_in() {
  local folder=$1 name=$2
  shift 2
  command_of[$name]=$(printf '%q ' "$@")
  folder_of[$name]=$folder
  launch "$name" || die "$name ended at once; see $run/log/$name.log"
}
# launch NAME: in a session of its own, so that Ctrl-C reaches this script alone, which stops processes in its own order.
# Fails if the process has ended already.
launch() {
  local name=$1 fd
  mkdir -p "$run/pid" "$run/log"
  started_at[$name]=$SECONDS
  (
    for fd in "${private_descriptors[@]}"; do exec {fd}<&-; done
    cd "${folder_of[$name]}"
    eval "exec setsid ${command_of[$name]}" </dev/null >>"$run/log/$name.log" 2>&1
  ) &
  disown  # Without a message of the shell when it ends.
  identity_of $! >"$run/pid/$name"
}

# stop SIGNAL SECONDS NAME...: signals all of them, waits for all of them, then kills those that are left.
stop() {
  local signal=$1 deadline=$((SECONDS + $2)) name pid
  shift 2
  for name in "$@"; do
    if pid=$(pid_of "$name"); then kill -s "$signal" "$pid" || true; fi
  done
  for name in "$@"; do
    if ! gone_by "$deadline" "$name" && pid=$(pid_of "$name"); then
      note "$name (pid $pid) did not stop in time; ending it"
      # QUIT is PostgreSQL's immediate shutdown, which ends its children as well.
      if [[ $name == postgres ]]; then kill -s QUIT "$pid"; else kill -s KILL "$pid"; fi
      gone_by $((SECONDS + 5)) "$name" || note "$name (pid $pid) is still there"
    fi
    rm -f "$run/pid/$name"
  done
}
gone_by() {
  while pid_of "$2" >/dev/null; do
    ((SECONDS <= $1)) || return 1
    sleep 0.1
  done
}

running_names() {
  local file
  for file in "$run"/pid/*; do
    [[ -e $file ]] && pid_of "${file##*/}" >/dev/null && echo "${file##*/}"
  done
  true
}

# stop_all: stops the application first, so that it drains, and then the servers.
stop_all() {
  local names name apps=() servers=()
  mapfile -t names < <(running_names)
  for name in "${names[@]}"; do
    case $name in redis | postgres) servers+=("$name") ;; *) apps+=("$name") ;; esac
  done
  if [[ ${#names[@]} -gt 0 ]]; then say "stopping ${names[*]}"; fi
  [[ ${#apps[@]} == 0 ]] || stop TERM 15 "${apps[@]}"
  for name in "${servers[@]}"; do
    # INT is PostgreSQL's fast shutdown; TERM would wait for its clients.
    if [[ $name == postgres ]]; then stop INT 20 postgres; else stop TERM 20 redis; fi
  done
  rm -f "$run"/pid/* 2>/dev/null || true
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port WANTED [NOT]: WANTED, or the next free port above it that is not NOT.
free_port() {
  local port=$1
  while port_is_taken "$port" || [[ $port == "${2:-}" ]]; do port=$((port + 1)); done
  echo "$port"
}

# http_status PORT PATH: the status of a GET, without curl; fails if no server answers.
http_status() {
  local line
  exec 4<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&4
  read -r -t 2 line <&4 || true
  exec 4>&-
  line=${line#HTTP/1.? }
  echo "${line:0:3}"
}

# wait_for SECONDS NAME COMMAND...: until COMMAND succeeds. If NAME ends first or is too late, prints its log and dies.
wait_for() {
  local deadline=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! pid_of "$name" >/dev/null || ((SECONDS > deadline)); then
      tail -n 20 "$run/log/$name.log" >&2
      die "$name is not ready; see $run/log/$name.log"
    fi
    sleep 0.1
  done
}
