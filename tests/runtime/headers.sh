#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each header compiles alone, as C11, C17 and C++17, hosted and freestanding where it can be, and each source as C11
# and C17, without a warning; and all of it works from a copy that no -I points to.
#
#   headers.sh CC CXX RUNTIME-FOLDER
set -eu
cc=$1 cxx=$2 runtime=$3
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -r "$runtime/include/lamina" "$work/lamina"
for path in "$work"/lamina/*.h; do
    header=$(basename "$path")
    printf '#include "lamina/%s"\n#include "lamina/%s"\nint used;\n' "$header" "$header" >"$work/one.c"
    cp "$work/one.c" "$work/one.cpp"
    table=
    [ "$header" = os_table.h ] && table=-DLAMINA_OS_TABLE=1
    $cc -std=c11 -O0 $warnings $table -c "$work/one.c" -o "$work/one.o"
    $cc -std=c17 -O2 $warnings $table -c "$work/one.c" -o "$work/one.o"
    $cxx -std=c++17 -O2 $warnings $table -c "$work/one.cpp" -o "$work/one.o"
    case $header in
        core.h | block.h | report.h | siphash.h)
            $cc -std=c11 -ffreestanding -O2 $warnings -c "$work/one.c" -o "$work/one.o"
            $cxx -std=c++17 -ffreestanding -O2 $warnings -c "$work/one.cpp" -o "$work/one.o"
            ;;
    esac
done

for source in "$runtime"/src/*.c "$runtime"/platform/linux/*.c; do
    for standard in c11 c17; do
        for table in '' -DLAMINA_OS_TABLE=1; do
            [ "$(basename "$source")$table" = os_table.c ] && continue
            $cc -std=$standard -O2 $warnings $table -I"$runtime/include" -c "$source" -o "$work/one.o"
        done
    done
done

# A copy beside a program, as runtime/README.md describes it: "cc -c *.c" and nothing else.
mkdir "$work/copy"
cp -r "$runtime/include/lamina" "$work/copy/lamina"
for source in "$runtime"/src/*.c "$runtime"/platform/linux/*.c; do
    [ "$(basename "$source")" = os_table.c ] || cp "$source" "$work/copy/"
done
cp "$runtime/platform/linux/calls.h" "$work/copy/"
(cd "$work/copy" && $cc -c ./*.c)
echo "every header and source compiles without a warning"
