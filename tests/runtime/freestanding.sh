#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Without an operating system the runtime needs memcpy and memset and nothing else; a program made of it, of those two,
# and of no C library at all, runs.
#
#   freestanding.sh CC CXX RUNTIME-FOLDER
set -eu
cc=$1 runtime=$3
here=$(cd "$(dirname "$0")" && pwd)
flags='-std=c11 -ffreestanding -fno-stack-protector -fno-pic -fno-pie'
common="$flags -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror"
expected='lamina: firmware: poison: poison overwritten at 0x20 (offset 3: expected 0xde, found 0xdf)'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for kind in '0 0' '0 1' '1 1' '2 0' '2 1' '3 1' 's 0' 's 1'; do
    level=${kind% *} # and whether the program supplies what the runtime may ask for
    flags="$common -DSUPPLIED=${kind#* }"
    objects=
    for source in "$runtime"/src/*.c "$runtime"/platform/freestanding/*.c "$here/freestanding_program.c"; do
        object=$work/$(basename "$source" .c).o
        $cc $flags -O$level -I"$runtime/include" -c "$source" -o "$object"
        objects="$objects $object"
    done
    $cc -nostdlib -r -o "$work/all.o" $objects
    # 'w' is what the program may supply, as the table in runtime/README.md says.
    for symbol in $(nm -u "$work/all.o" | awk '$1 == "w" { print $NF }'); do
        if ! grep -q "\`[^\`]*\\b$symbol(" "$runtime/README.md"; then
            echo "-O$level may use $symbol, of which README.md has no word" >&2
            exit 1
        fi
    done
    needed=$(nm -u "$work/all.o" | awk '$1 != "w" { print $NF }' | sort | tr '\n' ' ')
    for symbol in $needed; do
        case $symbol in
            memcpy | memset) ;;
            yields) ;; # of the program itself
            *)
                echo "-O$level needs $symbol" >&2
                exit 1
                ;;
        esac
    done
    echo "-O$level needs: ${needed:-nothing}"
    case $($cc -dumpmachine) in
        x86_64-*-linux* | aarch64-*-linux*)
            # no-builtin: or the compiler makes the loop in memcpy a call of memcpy
            $cc $flags -O$level -fno-builtin -fno-tree-loop-distribute-patterns -c "$here/freestanding_start.c" \
                -o "$work/start.o" 2>/dev/null ||
                $cc $flags -O$level -fno-builtin -c "$here/freestanding_start.c" -o "$work/start.o"
            $cc -nostdlib -static -o "$work/program" $objects "$work/start.o"
            said=$("$work/program" 2>&1) && status=0 || status=$?
            if [ "$status" != 42 ] || [ "$said" != "$expected" ]; then
                echo "-O$level: the program ended with status $status and said: $said" >&2
                exit 1
            fi
            ;;
    esac
done
