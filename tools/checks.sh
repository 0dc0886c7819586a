# shellcheck shell=bash
# ./dev test, faults, fuzz, model, differential and bench.

prepare_tests() {
  install "${build_packages[@]}" "${server_packages[@]}" "${test_packages[@]}" "${browser_packages[@]}"
  # Without npm the suites that run real BullMQ or a browser are skipped; CI counts that as a failure.
  if ! (install_node 18 && npm_install tests/compat build/npm/compat && npm_install tests/bench/peers/nest build/npm/nest &&
    npm_install tests/browser build/npm/browser && npm_install plugins/board build/npm/board &&
    npm_install plugins/console build/npm/console); then
    [[ -z ${DROVER_REQUIRE_SERVICES:-} ]] || die 'the packages of the tests could not be installed from npm'
    note 'npm could not install the packages of the tests: those with BullMQ and a browser will be skipped'
  fi
  use_private_node
  build dev
}

cmd_test() {
  prepare_tests
  # Most suites wait for timers and servers more than they compute; suites that measure time run alone.
  ctest --preset dev -j "$((2 * $(nproc)))" "$@"
}

# Breaks servers, connections and processes of a fleet under load. All faults together write docs/faults.md.
cmd_faults() {
  local kills=1000 rewinds=50 rounds='' seed=() times=() names=() results=build/dev/faults tool=build/dev/tests/faults/drover_faults status=0
  local changes=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --kills) kills=${2:?--kills needs a number} && shift 2 ;;
      --rewinds) rewinds=${2:?--rewinds needs a number} && shift 2 ;;
      --rounds) rounds=${2:?--rounds needs a number} && shift 2 ;;
      --times) times=(--times "${2:?--times needs a number}") && shift 2 ;;
      --seed) seed=(--seed "${2:?--seed needs a number}") && shift 2 ;;
      --failovers) changes=(failovers "${2:?--failovers needs a number}") && shift 2 ;;
      --moves) changes=(moves "${2:?--moves needs a number}") && shift 2 ;;
      -*) die "./dev faults has --kills, --rewinds, --rounds, --times, --failovers, --moves, --seed and names of faults, not '$1'" ;;
      *) names+=("$1") && shift ;;
    esac
  done
  install "${build_packages[@]}" "${server_packages[@]}" "${test_packages[@]}"
  build dev
  if [[ ${#changes[@]} -gt 0 ]]; then
    build/dev/tests/faults/drover_changes "${changes[@]}"
    return
  fi
  # A round ends with the checker: about a hundred kills each by default.
  local storm=(storm --results "$results" --kills "$kills" --rewinds "$rewinds" --rounds "${rounds:-$((kills / 100 + 1))}" "${seed[@]}")
  # The command that the document names, with its counts.
  local whole=(--command "./dev faults --kills $kills --rewinds $rewinds")
  case ${names[*]} in
    '')
      "$tool" run --results "$results" "${seed[@]}" "${whole[@]}" --all || status=1
      "$tool" "${storm[@]}" "${whole[@]}" || status=1
      "$tool" report "$results" >docs/faults.md
      note 'docs/faults.md is written'
      ;;
    storm) "$tool" "${storm[@]}" || status=1 ;;
    list) "$tool" list ;;
    report) "$tool" report "$results" >docs/faults.md ;;
    *) "$tool" run --results "$results" "${seed[@]}" "${times[@]}" --command "./dev faults ${times[*]} ${names[*]}" "${names[@]}" || status=1 ;;
  esac
  return "$status"
}

cmd_bench() {
  if [[ ${1:-} == --help ]]; then exec tests/bench/run.sh --help; fi
  install "${build_packages[@]}" "${server_packages[@]}" "${bench_packages[@]}"
  install_node 20
  build release
  step bench-build.log 'building limits and plugin' build_bench
  npm_install tests/bench/peers/nest build/npm/nest
  step bench-peers.log 'building the peers' build_peers
  exec tests/bench/run.sh "$@"
}
build_bench() {
  cmake -S tests/bench -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build build/bench
}
build_peers() {
  cp -r tests/bench/peers/nest/src tests/bench/peers/nest/tsconfig.json build/npm/nest/
  (cd build/npm/nest && node node_modules/typescript/bin/tsc -p .)
}

cmd_fuzz() {
  install "${build_packages[@]}" "${test_packages[@]}"
  exec tests/fuzz/run "$@"
}

# What the suites with BullMQ need.
prepare_compat() {
  install "${build_packages[@]}" "${server_packages[@]}" "${test_packages[@]}"
  install_node 18
  npm_install tests/compat build/npm/compat
  use_private_node
  build dev
  export DROVER_REQUIRE_SERVICES=1
}

cmd_model() {
  prepare_compat
  export DROVER_MODEL_OPERATIONS=${1:-50000}
  export DROVER_MODEL_SEED=${2:-$((RANDOM * 32768 + RANDOM))}
  exec build/dev/tests/compat/drover_compat_tests ModelTest
}

# Each suite prints the seed of its first script.
cmd_differential() {
  local suite status=0
  prepare_compat
  export DROVER_DIFFERENTIAL_SCRIPTS=${1:-1000} DROVER_DIFFERENTIAL_SCHEDULERS=${1:-1000}
  export DROVER_DIFFERENTIAL_SEED=${2:-$((RANDOM * 32 + RANDOM % 32))}
  for suite in ProducingDifferentialTest DifferentialTest SchedulerDifferentialTest; do
    build/dev/tests/compat/drover_compat_tests "$suite" || status=1
  done
  return "$status"
}
