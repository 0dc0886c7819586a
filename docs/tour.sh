#!/usr/bin/env bash
# Runs every command that a document shows, against servers and a process of its own, and compares the output with the
# document. Fails if one differs in more than times, addresses and the like, or if docs/tour.md lacks a command of the binary.
#
#   docs/tour.sh [--write] [BUILD_FOLDER [DOCUMENT]]    default: build/release docs/tour.md; --write puts the output there
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
source tools/messages.sh
source tools/processes.sh
source tools/servers.sh

# shellcheck disable=SC2317  # The document calls these functions.
program=tour
write=false
if [[ ${1:-} == --write ]]; then
  write=true
  shift
fi
build=$(readlink -f "${1:-build/release}")
document=$PWD/${2:-docs/tour.md}
schema=$PWD/schema
# Exit code 77: a service is missing, and the test is skipped.
for needed in redis-server redis-cli "$postgres_programs/initdb" psql; do
  command -v "$needed" >/dev/null || { [[ ${DROVER_REQUIRE_SERVICES:-} == 1 ]] && exit 1 || exit 77; }
done

run=$(mktemp -d /var/tmp/drover-tour-XXXXXX)
chmod 755 "$run"
trap 'stop_all 2>/dev/null; rm -rf "$run"' EXIT
trap 'exit 1' INT TERM HUP
start_redis 6579
start_postgres 5679
make_database drover

export REDIS_HOST=127.0.0.1 REDIS_PORT=$redis_port DROVER_PLUGINS_DIR=$build/plugins DROVER_LOG_FORMAT=text TZ=UTC
export DROVER_CONTROL_SOCKET=$run/control.sock
DATABASE_URL=$(url_of drover)
export DATABASE_URL
SERVICE_PORT=$(free_port 4100)
export SERVICE_PORT
mkdir "$run/work"
cp -r "$schema" "$run/work/schema"
ln -s "$build/plugins" "$run/work/plugins"
cd "$run/work"

# The programs that the document may call.
drover() {
  if [[ $1 == run ]]; then
    start_in "$PWD" consumer "$build/engine/drover" "$@"
    # Its worker waits for jobs on a connection with a name.
    is_fit() { "$build/engine/drover" health >/dev/null && redis client list | grep -q 'name=bull:'; }
    wait_for 60 consumer is_fit
  else
    "$build/engine/drover" "$@" </dev/null
  fi
}
# The document has the default port. A stream that is read for a time ends with 28. Each answer gets a line of its own.
curl() {
  command curl -s "${@/localhost:4000/localhost:$SERVICE_PORT}" || [[ $? == 28 ]]
  [[ " $* " == *' -w '* || " $* " == *' -N '* ]] || echo
}
redis-cli() { command redis-cli -p "$redis_port" "$@"; }

# Prints the document with the output of each command behind its line.
toured() {
  local line inside=false status
  while IFS= read -r line; do
    if [[ $line == '```console' ]]; then
      inside=true
    elif [[ $line == '```' ]]; then
      inside=false
    elif $inside && [[ $line == '$ '* ]]; then
      printf '%s\n' "$line"
      status=0
      eval "${line#\$ }" 2>&1 || status=$?
      [[ $status == 0 ]] || echo "(exit code $status)"
      continue
    elif $inside; then
      continue
    fi
    printf '%s\n' "$line"
  done
}

# Replaces what differs from run to run.
normalised() {
  sed -E -e 's/20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(\.[0-9]+)?Z?/TIME/g' \
    -e 's/\b1[0-9]{12}(-[0-9]+)?\b/MS/g' -e 's/127\.0\.0\.1:[0-9]+/ADDRESS/g' \
    -e 's/[0-9]+(\.[0-9])? (ms|s|min)\b/AGE/g' -e 's/"(ageSeconds|oldestWaitMs|pid)":[0-9]+/"\1":N/g' \
    -e 's/(process|host-1) +[0-9]+/\1 PID/g' -e 's# [0-9.]+/s##g' -e 's/[0-9]+ (kB|bytes)/N \1/g' -e 's/in [0-9]+ jobs and [0-9]+ keys/in N jobs and N keys/' \
    -e 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+/UUID/g' -e 's/[0-9a-f]{32,}/HEX/g' -e 's/drover-tour-[A-Za-z0-9]{6}/FOLDER/g' \
    -e 's/drv_[A-Za-z0-9_-]+/TOKEN/g' -e 's/ +/ /g; s/ $//'
}

toured <"$document" >"$run/toured.md"
if $write; then
  cp "$run/toured.md" "$document"
fi
failed=0
if ! diff <(normalised <"$document") <(normalised <"$run/toured.md") >"$run/differences"; then
  cat "$run/differences"
  echo "${document#"$PWD/"} shows other output; docs/tour.sh --write puts the present one there"
  failed=1
fi
while [[ $document == */tour.md ]] && read -r noun verb; do
  if ! grep -qE "^\\$ drover $noun${verb:+ $verb}( |$)" "$document"; then
    echo "docs/tour.md does not show drover $noun $verb"
    failed=1
  fi
done < <("$build/engine/drover" help --bash-completion | sed -nE "s/^ +\"([a-z -]+)\"\\*?\\) words=.*/\\1/p")
exit "$failed"
