# shellcheck shell=bash
# Installs what the build, the servers, the tests and the benchmark need, on Debian 12, and builds.

# For the build, by Debian's names.
build_packages=(g++ cmake ninja-build pkg-config libpoco-dev libhiredis-dev libhowardhinnant-date-dev libpq-dev libssl-dev prometheus-cpp-dev)
# For running it: the two servers, and curl for trying it.
server_packages=(redis-server postgresql-15 curl)
# For the tests, on top.
test_packages=(libcppunit-dev rapidjson-dev pgbouncer libyaml-cpp-dev clang libclang-rt-14-dev)
# For the tests of the pages, on top.
browser_packages=(chromium)
# For the benchmarks, on top.
bench_packages=(wrk)
# For packages of npm: the API page's files, and BullMQ for tests and benchmarks.
node_packages=(nodejs npm)

# Runs as root, its text on bash's stdin: installs the packages named by its arguments, and starts no service.
# Debian's packages would start a redis-server and a PostgreSQL cluster for the whole machine; ./dev starts private ones.
# A policy-rc.d or createcluster.conf that the machine has already stays as it is.
read -r -d '' install_script <<'EOF' || true
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d clusters=/etc/postgresql-common/createcluster.conf
undo() {
  [[ -z ${policy_made:-} ]] || rm -f "$policy"
  [[ -z ${clusters_changed:-} ]] || sed -i '/^create_main_cluster = false # drover$/d' "$clusters"
}
trap undo EXIT
if [[ ! -e $policy ]]; then
  mkdir -p "${policy%/*}"
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  policy_made=1
fi
is_installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
redis_is_new='' postgres_is_new=''
for package in "$@"; do
  case $package in
    redis-server) redis_is_new=1 ;;
    postgresql-15) postgres_is_new=1 ;;
  esac
done
apt-get update
if [[ -n $postgres_is_new ]]; then
  is_installed postgresql-common || apt-get install -y --no-install-recommends postgresql-common
  if ! grep -q '^create_main_cluster' "$clusters"; then
    echo 'create_main_cluster = false # drover' >>"$clusters"
    clusters_changed=1
  fi
fi
apt-get install -y --no-install-recommends "$@"
# Not at the next boot either.
if command -v systemctl >/dev/null; then
  [[ -z $redis_is_new ]] || systemctl disable redis-server.service || true
fi
EOF

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# install PACKAGE...: installs the missing ones; without missing ones it does not call apt.
install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [[ ${#missing[@]} == 0 ]] && return
  command -v apt-get >/dev/null || die "missing, and there is no apt to install them: ${missing[*]}"
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || die "missing, and there is neither root nor sudo to install them: ${missing[*]}"
    sudo -v || die "sudo is needed to install ${missing[*]}"
  fi
  step apt.log "installing ${missing[*]}" as_root bash -c "$install_script" install "${missing[@]}"
}

# install_node MAJOR: a Node of at least that version and an npm, from the machine or from Debian; where Debian's Node
# is too old, the npm package of Node, in build/npm/node. Puts it in PATH.
install_node() {
  local wanted=$1 private=$PWD/build/npm/node
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then install "${node_packages[@]}"; fi
  [[ $(node -p 'process.versions.node.split(".")[0]') -lt $wanted ]] || return 0
  npm_install tests/bench/peers/node "$private"
  use_private_node
}

use_private_node() {
  local folder
  for folder in "$PWD"/build/npm/node/node_modules/node-linux-*/bin; do
    if [[ -x $folder/node ]]; then PATH=$folder:$PATH; fi
  done
}

# npm_install FROM INTO: installs the packages of the lock file in FROM into the folder INTO, once.
npm_install() {
  local from=$1 into=$2
  if cmp -s "$from/package-lock.json" "$into/installed.json"; then return; fi
  mkdir -p "$into"
  cp "$from/package.json" "$from/package-lock.json" "$into/"
  step npm.log "fetching what $from/package-lock.json names" npm --prefix "$into" ci --ignore-scripts --no-audit --no-fund
  cp "$from/package-lock.json" "$into/installed.json"
}

# build PRESET [CMAKE ARGUMENTS]: configures once, then builds.
build() {
  local preset=$1
  shift
  if [[ ! -f build/$preset/build.ninja || $# -gt 0 ]]; then
    step cmake.log "configuring build/$preset" cmake --preset "$preset" "$@"
  fi
  step build.log "building build/$preset" cmake --build --preset "$preset" -- -j"$(nproc)"
}
