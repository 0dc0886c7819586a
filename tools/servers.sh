# shellcheck shell=bash
# Starts a private redis-server and a private PostgreSQL on free loopback ports, with their data below $run.

postgres_programs=/usr/lib/postgresql/15/bin

# start_redis FIRST_PORT [ARGUMENTS...]: durable as a server in production, AOF every second. Sets redis_port.
start_redis() {
  mkdir -p "$run/redis"
  redis_port=$(free_port "$1")
  shift
  # From inside its folder: no path with blanks in its arguments.
  start_in "$run/redis" redis redis-server --bind 127.0.0.1 --port "$redis_port" --dir . --appendonly yes \
    --appendfsync everysec --save '' --maxmemory-policy noeviction "$@"
  wait_for 60 redis redis_answers
}
redis() { redis-cli -h 127.0.0.1 -p "$redis_port" "$@"; }
redis_answers() { [[ $(redis ping) == PONG ]]; }

# PostgreSQL refuses to run as root; root starts it as the user postgres, in a folder which that user can reach.
as_postgres=()
choose_postgres_folder() {
  local digest
  postgres_folder=$run/postgres
  mkdir -p "$postgres_folder"
  [[ $(id -u) == 0 ]] || return 0
  as_postgres=(setpriv --reuid postgres --regid postgres --clear-groups)
  chown postgres "$postgres_folder"
  if ! "${as_postgres[@]}" test -w "$postgres_folder" 2>/dev/null; then
    digest=$(printf '%s' "${run%/.run}" | sha256sum)
    postgres_folder=/var/tmp/drover-postgres-${digest:0:12}
    # Every user may write in /var/tmp, so another user can have made a folder of this name.
    [[ ! -e $postgres_folder || $(stat -c %U "$postgres_folder") == postgres ]] || die "$postgres_folder belongs to another user"
    mkdir -p "$postgres_folder"
    chown postgres "$postgres_folder"
    note "PostgreSQL runs as user postgres, which cannot reach $run: its data is in $postgres_folder"
  fi
  chmod 700 "$postgres_folder"
  echo "$postgres_folder" >"$run/postgres-folder"
}

# start_postgres FIRST_PORT: makes a cluster with a password once. Sets postgres_port and PGPASSWORD; its user is drover.
start_postgres() {
  local password_file=$run/postgres-password
  choose_postgres_folder
  if [[ ! -s $password_file ]]; then
    (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$password_file")
  fi
  if ! "${as_postgres[@]}" test -s "$postgres_folder/data/PG_VERSION"; then
    # An initdb that was interrupted leaves a folder that is neither empty nor a cluster.
    rm -rf "$postgres_folder/data" "$postgres_folder/demo-loaded"
    step initdb.log 'creating a PostgreSQL cluster' make_cluster <"$password_file"
  fi
  postgres_port=$(free_port "$1")
  # No Unix socket: its path would be limited to 107 bytes, and a clone may lie deeper.
  start_in / postgres "${as_postgres[@]}" "$postgres_programs/postgres" -D "$postgres_folder/data" -h 127.0.0.1 \
    -p "$postgres_port" -c unix_socket_directories= -c timezone=UTC
  wait_for 60 postgres "$postgres_programs/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" -U drover
  # By the environment: every user of the machine sees command lines.
  PGPASSWORD=$(<"$password_file")
  export PGPASSWORD
}
# make_database NAME: if it is not there yet.
make_database() {
  [[ $(sql postgres -Atc "SELECT 1 FROM pg_database WHERE datname = '$1'") == 1 ]] || sql postgres -qc "CREATE DATABASE $1"
}
url_of() { echo "postgresql://drover:$PGPASSWORD@127.0.0.1:$postgres_port/$1"; }
# sql DATABASE ARGUMENTS...: psql.
sql() {
  local database=$1
  shift
  psql -X -h 127.0.0.1 -p "$postgres_port" -U drover -d "$database" "$@"
}
# The password comes on stdin: a file in the clone may be out of that user's reach.
make_cluster() {
  # shellcheck disable=SC2016  # for the inner shell
  (cd / && "${as_postgres[@]}" bash -c 'umask 077
    cat >"$1/password"
    "$2/initdb" -D "$1/data" -U drover -A scram-sha-256 --pwfile="$1/password" -E UTF8 --locale=C.UTF-8
    status=$?
    rm -f "$1/password"
    exit "$status"' make_cluster "$postgres_folder" "$postgres_programs")
}
