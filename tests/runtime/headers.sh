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
        core.h | block.h | random.h | report.h | siphash.h | thread.h)
            $cc -std=c11 -ffreestanding -O2 $warnings -c "$work/one.c" -o "$work/one.o"
            $cxx -std=c++17 -ffreestanding -O2 $warnings -c "$work/one.cpp" -o "$work/one.o"
            ;;
    esac
done

folders="$runtime/platform/linux $runtime/platform/posix $runtime/platform/hosted"
private=$(printf -- '-I%s ' $folders)
sources=
for folder in "$runtime/src" $folders; do
    sources="$sources $(echo "$folder"/*.c)"
done
for source in $sources; do
    for standard in c11 c17; do
        for table in '' -DLAMINA_OS_TABLE=1; do
            case $(basename "$source")$table in os_table.c | fault_injector.c) continue ;; esac
            $cc -std=$standard -O2 $warnings $table -I"$runtime/include" $private -c "$source" -o "$work/one.o"
        done
    done
done

# A copy beside a program, as runtime/README.md describes it: "cc -c *.c" and nothing else.
mkdir "$work/copy"
cp -r "$runtime/include/lamina" "$work/copy/lamina"
for source in $sources; do
    case $(basename "$source") in os_table.c | fault_injector.c) continue ;; esac
    [ ! -e "$work/copy/$(basename "$source")" ] # no two of one platform have the same name
    cp "$source" "$work/copy/"
done
for folder in $folders; do
    for header in "$folder"/*.h; do
        [ ! -e "$header" ] || cp "$header" "$work/copy/"
    done
done
(cd "$work/copy" && $cc -c ./*.c)
echo "every header and source compiles without a warning"
