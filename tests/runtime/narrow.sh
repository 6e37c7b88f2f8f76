#!/bin/sh
# SPDX-License-Identifier: MIT
#
# On 32 bits no atomic operation on 64 bits is needed: the runtime is compiled for a processor that has none (an i486, with
# an operating system; a Cortex-M4, without), where each would be a call of a library's. Without an operating system the
# rest of what is called is checked as well: memcpy, memset, and what runtime/README.md says a program may supply.
# Skipped (77) without the two compilers.
#
#   narrow.sh CC CXX RUNTIME-FOLDER        (the compilers of this machine's own system are not used)
set -eu
runtime=$3
here=$(cd "$(dirname "$0")" && pwd)
[ -e /usr/lib/gcc/x86_64-linux-gnu/12/32/libgcc.a ] || { echo 'no gcc-12 -m32: apt-get install gcc-12-multilib'; exit 77; }
command -v arm-none-eabi-gcc >/dev/null || { echo 'no arm-none-eabi-gcc: apt-get install gcc-arm-none-eabi'; exit 77; }
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Fails when an object asks a library for an atomic operation, of whatever width.
no_atomics() { # NM OBJECT WHAT
    if "$1" -u "$2" | grep -E '__(atomic|sync)_'; then
        echo "$3 needs it of a library" >&2
        exit 1
    fi
}

folders="$runtime/platform/linux $runtime/platform/posix $runtime/platform/hosted"
includes="-I$runtime/include $(printf -- '-I%s ' $folders)"
i486="gcc-12 -m32 -march=i486 -idirafter /usr/include/x86_64-linux-gnu -std=c11 -O2 $warnings"
# That a wide one would be seen.
echo 'void f(unsigned long long *p); void f(unsigned long long *p) { __atomic_fetch_add(p, 1, __ATOMIC_RELAXED); }' >"$work/one.c"
$i486 -c "$work/one.c" -o "$work/one.o"
nm -u "$work/one.o" | grep -q '__atomic_fetch_add_8'
for table in '' -DLAMINA_OS_TABLE=1; do
    for folder in "$runtime/src" $folders; do
        for source in "$folder"/*.c; do
            $i486 $table $includes -c "$source" -o "$work/one.o"
            no_atomics nm "$work/one.o" "$source on 32 bits"
        done
    done
done
{
    echo '#define LAMINA_OS_TABLE 1'
    for header in "$runtime"/include/lamina/*.h; do
        echo "#include \"lamina/$(basename "$header")\""
    done
    echo 'int used;'
} >"$work/one.c"
$i486 $includes -c "$work/one.c" -o "$work/one.o"
no_atomics nm "$work/one.o" 'a header on 32 bits'

arm="arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -std=c11 -ffreestanding $warnings"
for supplied in 0 1; do
    for level in 0 2 s; do
        objects=
        for source in "$runtime"/src/*.c "$runtime"/platform/freestanding/*.c "$here/freestanding_program.c"; do
            object=$work/$(basename "$source" .c).o
            $arm -O$level -DSUPPLIED=$supplied -I"$runtime/include" -c "$source" -o "$object"
            no_atomics arm-none-eabi-nm "$object" "$source on a Cortex-M4"
            objects="$objects $object"
        done
        # With the compiler's own library, whose arithmetic on 64 bits calls nothing further.
        arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -nostdlib -r -o "$work/all.o" $objects -lgcc
        arm-none-eabi-nm -u "$work/all.o" | while read -r kind symbol; do
            case $kind/$symbol in
                U/memcpy | U/memset | U/yields) ;; # the last is of the program itself
                w/*) grep -q "\`[^\`]*\\b$symbol(" "$runtime/README.md" || { echo "-O$level: no word of $symbol" >&2; exit 1; } ;;
                *) echo "-O$level needs $symbol" >&2; exit 1 ;;
            esac
        done
    done
done
echo 'no atomic operation of a library, and without an operating system memcpy and memset alone'
