#!/usr/bin/env bash
# Sets up system packages, .venv and the pinned Python packages. What is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
VENV=.venv

fail() { echo "setup: $*" >&2; exit 3; }

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if supported "$candidate"; then command -v "$candidate"; return; fi
    done
    fail "needs Python 3.11, 3.12 or 3.13 (set PYTHON=/path/to/python3)"
}

has_header() { echo "#include <$1>" | g++ -E -x c++ - >/dev/null 2>&1; }

# cocotb embeds Python in the simulator, so its shared library must exist.
has_libpython() {
    "$1" - <<'PY'
import ctypes.util, pathlib, sys, sysconfig
folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
beside = folder and name and ".so" in name and pathlib.Path(folder, name).exists()
sys.exit(not (beside or ctypes.util.find_library(f"python3.{sys.version_info.minor}")))
PY
}

missing_required() {
    command -v iverilog >/dev/null || echo iverilog
    "$1" -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    has_libpython "$1" || echo "libpython$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
}

# Only Verilator's builds need these: without them everything that runs on Icarus still works.
missing_for_verilator() {
    command -v g++ >/dev/null || echo g++
    command -v perl >/dev/null || echo perl
    has_header lz4.h || echo liblz4-dev
    has_header zlib.h || echo zlib1g-dev
}

install_system_packages() {
    command -v apt-get >/dev/null || return 0
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 0
        as_root=(sudo -n)
    fi
    echo "setup: installing $*"
    "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "$@" >/dev/null || echo "setup: apt-get failed" >&2
}

system_packages() {
    local python=$1 wanted required optional
    mapfile -t wanted < <(missing_required "$python"; missing_for_verilator)
    [ "${#wanted[@]}" -eq 0 ] || install_system_packages "${wanted[@]}"
    required=$(missing_required "$python" | xargs)
    optional=$(missing_for_verilator | xargs)
    [ -z "$required" ] || fail "install what is missing and run again: sudo apt-get install $required $optional"
    [ -z "$optional" ] || echo "setup: no Verilator builds until you run: sudo apt-get install $optional" >&2
}

python_packages() {
    local python=$1
    [ -x $VENV/bin/python ] || "$python" -m venv $VENV
    echo "setup: installing the packages of requirements.lock"
    $VENV/bin/python -m pip install -qq --no-deps --requirement requirements.lock
    $VENV/bin/python -m pip check -q
    $VENV/bin/python -m pip install -qq --no-deps --no-build-isolation --editable .
}

stamp=$VENV/.setup-$(cat requirements.lock pyproject.toml "$0" | sha256sum | cut -c1-16)
[ ! -e "$stamp" ] || exit 0
exec 9<requirements.lock
flock 9 # two makes at once: the second one finds the stamp
[ ! -e "$stamp" ] || exit 0
python=$(find_python)
system_packages "$python"
python_packages "$python"
rm -f $VENV/.setup-*
touch "$stamp"
echo "setup: done"
