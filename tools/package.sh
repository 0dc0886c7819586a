# shellcheck shell=bash disable=SC2154  # build_packages is that of packages.sh, version that of cmd_package.
# ./dev package: Debian packages, an archive for other systems, and the list of what is in them.

# For the packages, on top of what the build needs.
package_packages=(debhelper dpkg-dev lintian chrpath)

cmd_package() {
  local twice='' out=build/package version
  while [[ $# -gt 0 ]]; do
    case $1 in
      --twice) twice=1 && shift ;;
      *) die "./dev package has --twice, not '$1'" ;;
    esac
  done
  install "${build_packages[@]}" "${package_packages[@]}"
  version=$(dpkg-parsechangelog -S Version)
  rm -rf "$out"
  mkdir -p "$out"
  build_packages_in "$out/first"
  if [[ -n $twice ]]; then
    build_packages_in "$out/second/elsewhere"
    compare_packages "$out/first" "$out/second/elsewhere"
  fi
  mv "$out"/first/*.deb "$out"/first/*.changes "$out"/first/*.buildinfo "$out"
  step lintian.log 'looking at the packages with lintian' lintian --fail-on error "$out"/*.changes
  step archive.log 'making the archive' make_archive "$out"
  step sbom.log 'writing the SBOM' tools/sbom "$out" "$version" "$out/drover-$version.spdx.json"
  say "in $out:"
  (cd "$out" && sha256sum ./*.deb ./*.tar.xz ./*.json)
}

# The files that git knows, or would add, in a folder of their own: what a build leaves behind does not get in.
copy_sources() {
  local file
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if [[ -e $file ]]; then printf '%s\0' "$file"; fi
  done | tar --null -T - -c | tar -x -C "$1"
}

build_packages_in() {
  local folder=$1/drover-$version
  copy_sources "$folder"
  step package.log "building the packages in $folder" build_packages_there "$folder"
}
# The dates in the packages are that of debian/changelog.
build_packages_there() {
  (cd "$1" && unset SOURCE_DATE_EPOCH && DEB_BUILD_OPTIONS="parallel=$(nproc) ${DEB_BUILD_OPTIONS:-}" dpkg-buildpackage -b -us -uc)
}

# compare_packages FOLDER FOLDER: equal, byte by byte.
compare_packages() {
  local one different=''
  for one in "$1"/*.deb; do
    cmp -s "$one" "$2/${one##*/}" || { note "${one##*/} differs" && different=1; }
  done
  [[ -z $different ]] || die 'two builds of the same sources differ'
  note 'both builds are equal'
}

# make_archive FOLDER: the files of the packages in one tree, for machines that take no packages.
make_archive() {
  local name root one
  name=drover-$version-$(dpkg --print-architecture)
  root=$1/archive/$name
  mkdir -p "$root"
  for one in "$1"/*.deb; do
    case ${one##*/} in *-dbgsym_*) ;; *) dpkg-deb -x "$one" "$root" ;; esac
  done
  tar -C "$1/archive" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(dpkg-parsechangelog -S Timestamp)" \
    -cJf "$1/$name.tar.xz" "$name"
  rm -rf "$1/archive"
}
