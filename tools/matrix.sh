# shellcheck shell=bash
# ./dev matrix: the suites that need a Redis, with servers of other Debians. Nothing of them is installed.

matrix_names=(valkey-8 redis-8)

cmd_matrix() {
  local names=() name status=0
  while [[ $# -gt 0 ]]; do
    case $1 in
      valkey-8 | redis-8) names+=("$1") && shift ;;
      *) break ;;
    esac
  done
  [[ ${#names[@]} -gt 0 ]] || names=("${matrix_names[@]}")
  prepare_tests
  for name in "${names[@]}"; do
    case $name in
      valkey-8) fetch_server "$name" bookworm-backports valkey-server ;;
      redis-8) fetch_server "$name" trixie redis-server ;;
    esac
    say "$name: $(build/matrix/"$name"/bin/redis-server --version)"
    PATH=$PWD/build/matrix/$name/bin:$PATH ctest --preset dev -j "$((2 * $(nproc)))" \
      -L '^(integration|compat|conformance|cluster|sentinel|tls)$' "$@" || status=1
  done
  return "$status"
}

# fetch_server NAME SUITE PACKAGE: the server and the libraries that it needs, from this machine's mirror of Debian, in
# build/matrix/NAME; bin/redis-server there runs it with its own loader.
fetch_server() {
  local root=$PWD/build/matrix/$1
  [[ ! -x $root/bin/redis-server ]] || return 0
  rm -rf "$root"
  mkdir -p "$root"/{apt/lists/partial,apt/cache/archives/partial,debs,bin}
  step matrix.log "fetching $3 of $2" fetch_packages "$root" "$2" "$3"
  cat >"$root/bin/redis-server.new" <<EOF
#!/bin/sh
exec "$(find "$root/root/" -name 'ld-linux*.so.*' | head -n 1)" --argv0 "$3" \\
  --library-path "$(find "$root/root/" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)" "$root/root/usr/bin/$3" "\$@"
EOF
  chmod +x "$root/bin/redis-server.new"
  "$root/bin/redis-server.new" --version >/dev/null || die "$3 of $2 does not run"
  mv "$root/bin/redis-server.new" "$root/bin/redis-server"
}

fetch_packages() {
  local root=$1 suite=$2 package=$3 mirror base one
  # shellcheck disable=SC2016  # apt's own fields
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
  [[ -n $mirror ]] || { echo 'no mirror of Debian 12 among the sources of apt' && return 1; }
  # Backports need the suite that they are for.
  base=${suite%-backports}
  for one in "$base" "$suite"; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $one main"
  done | sort -u >"$root/apt/sources.list"
  # A machine with nothing installed: apt then names everything that the server needs.
  : >"$root/apt/status"
  local apt=(-o "Dir::Etc::SourceList=$root/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$root/apt/lists"
    -o "Dir::State::status=$root/apt/status" -o "Dir::Cache=$root/apt/cache" -o APT::Sandbox::User= -o Debug::NoLocking=1)
  apt-get "${apt[@]}" update
  apt-get "${apt[@]}" --simulate --no-install-recommends -t "$suite" install "$package" |
    awk '$1 == "Inst" && $2 ~ /^(lib|lua|redis|valkey)/ { print $2 }' >"$root/apt/needed"
  (cd "$root/debs" && xargs apt-get "${apt[@]}" download -t "$suite" <"$root/apt/needed")
  for one in "$root"/debs/*.deb; do dpkg-deb -x "$one" "$root/root"; done
}
