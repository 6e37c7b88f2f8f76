#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The runtime for Windows compiles without a warning, and what is its own works, under Wine. Skipped (77) without the
# cross compiler; without Wine it is compiled and linked, and then skipped.
#
#   windows.sh CC CXX RUNTIME-FOLDER        (the compilers of this machine's own system are not used)
set -eu
runtime=$3
here=$(cd "$(dirname "$0")" && pwd)
cc=x86_64-w64-mingw32-gcc-posix
command -v "$cc" >/dev/null || { echo "no $cc: apt-get install gcc-mingw-w64-x86-64-posix"; exit 77; }
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror'
includes="-I$runtime/include -I$runtime/platform/windows -I$runtime/platform/hosted"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=$(echo "$runtime"/src/*.c "$runtime"/platform/hosted/*.c "$runtime"/platform/windows/*.c)

for source in $sources; do
    case $(basename "$source") in os_table.c | fault_injector.c) continue ;; esac
    $cc -std=c17 -O2 $warnings $includes -c "$source" -o "$work/one.o"
done
$cc -std=c11 -O1 -g $warnings -DLAMINA_OS_TABLE=1 $includes $sources "$here/windows_program.c" -static -lbcrypt \
    -o "$work/program.exe"
echo 'compiled and linked'

wine=$(command -v wine64 || ls /usr/lib/wine/wine64 2>/dev/null || true)
[ -n "$wine" ] || { echo 'no wine64: apt-get install wine64'; exit 77; }
# LAMINA_WINEPREFIX: a prefix that is there already, which saves making one. Wine's services inherit standard output, and whoever reads it would wait for them to end.
export WINEPREFIX="${LAMINA_WINEPREFIX:-$work/wine}" WINEDEBUG=-all
server=$(command -v wineserver || ls /usr/lib/wine/wineserver64 2>/dev/null || true)
mkdir -p "$WINEPREFIX"
[ -z "$server" ] || (setsid "$server" -p >/dev/null 2>&1 </dev/null) || true
[ -d "$WINEPREFIX/drive_c" ] || "$wine" wineboot >/dev/null 2>&1 </dev/null || true
status=0
timeout 120 "$wine" "$work/program.exe" >"$work/said" 2>&1 </dev/null || status=$?
cat "$work/said"
[ -z "$server" ] || [ -n "${LAMINA_WINEPREFIX:-}" ] || "$server" -k >/dev/null 2>&1 || true
exit $status
