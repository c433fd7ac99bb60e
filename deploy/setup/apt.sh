#!/usr/bin/env bash
# Installs the Debian packages that a target of the Makefile needs, and only those that are missing.
#
#   deploy/setup/apt.sh GROUP...     groups: demo test race lint obs
#
# Run again it does nothing. It works as root or with sudo that asks no password; otherwise it prints the command to run.
set -euo pipefail

packages() {
  case $1 in
    demo) echo ffmpeg ;;
    test) echo ffmpeg chromium chromium-sandbox fonts-noto-cjk mpv procps ;;
    race) echo gcc libc6-dev ;;
    lint) echo shellcheck ;;
    obs) echo ffmpeg chromium chromium-sandbox obs-studio obs-plugins xvfb xauth libgl1-mesa-dri dbus-x11 ;;
    *)
      echo "apt.sh: unknown group '$1'" >&2
      exit 2
      ;;
  esac
}

# The command that shows that a package is there on a system that is not Debian; most are named like their package.
command_of() {
  case $1 in
    chromium-sandbox | fonts-noto-cjk | obs-plugins | libgl1-mesa-dri | libc6-dev | xauth | dbus-x11) echo true ;;
    obs-studio) echo obs ;;
    xvfb) echo Xvfb ;;
    procps) echo ps ;;
    *) echo "$1" ;;
  esac
}

present() {
  if command -v dpkg-query >/dev/null; then
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
  else
    command -v "$(command_of "$1")" >/dev/null
  fi
}

missing=()
for group in "$@"; do
  words=$(packages "$group")
  for package in $words; do
    present "$package" || missing+=("$package")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  if sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    as_root=(false)
  fi
fi
if ! command -v apt-get >/dev/null || [ "${as_root[*]}" = false ]; then
  {
    echo "These packages are needed and cannot be installed from here: ${missing[*]}"
    echo "On Debian or Ubuntu, run:  sudo apt-get install --no-install-recommends ${missing[*]}"
    echo "Elsewhere install the same programs by their names there, then run make again."
  } >&2
  exit 1
fi

echo "installing: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
# A fresh machine may be updating itself, and a mirror may miss a beat. The lock of the lists is one that apt does not wait for.
apt() { "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 "$@"; }
update() {
  for _ in {1..30}; do
    apt update >"$log" 2>&1 && return
    grep -q 'Could not get lock' "$log" || return 1
    sleep 10
  done
  return 1
}
if ! { update && apt install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; }; then
  tail -n 20 "$log" >&2
  echo "apt-get could not install: ${missing[*]}" >&2
  exit 1
fi
