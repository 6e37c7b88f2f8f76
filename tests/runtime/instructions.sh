#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the inline functions compile to. The limits are for gcc -O2 on baseline x86-64, where the budgets of whole
# allocators are counted; any other compiler or machine is skipped (77).
#
#   instructions.sh CC CXX RUNTIME-FOLDER
set -eu
cc=$1 runtime=$3
here=$(cd "$(dirname "$0")" && pwd)
case $($cc -dumpmachine) in x86_64-*) ;; *) echo 'not x86-64'; exit 77 ;; esac
if $cc -dM -E -x c /dev/null | grep -q __clang__; then
    echo 'not gcc'
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
$cc -std=c11 -O2 -fcf-protection=none -I"$runtime/include" -c "$here/instructions.c" -o "$work/code.o"
objdump -d --no-show-raw-insn "$work/code.o" >"$work/listing"

# The instructions of a function, one a line, without addresses and padding.
body() {
    awk -v name="<$1>:" '
        $2 == name { on = 1; next }
        /^$/ { on = 0 }
        on { $1 = ""; sub(/^ /, ""); sub(/ *#.*/, ""); if ($0 !~ /nop|^xchg +%ax,%ax|^cs$|^data16/) print }' \
        "$work/listing"
}

failed=0
at_most() { # FUNCTION LIMIT: its instructions, the return included
    count=$(body "$1" | wc -l)
    echo "$1: $count, at most $2"
    [ "$count" -gt 0 ] && [ "$count" -le "$2" ] || failed=1
}
same() { # FUNCTION FUNCTION
    if [ "$(body "$1")" = "$(body "$2")" ]; then
        echo "$1 and $2 are the same"
    else
        echo "$1 and $2 differ:" >&2
        body "$1" >&2
        body "$2" >&2
        failed=1
    fi
}

# Beside what they are about, these hold a load of the constant, which a loop hoists, a return, and a jump to the cold
# path.
at_most holds_56 19   # 16 of them in line, the branch and the zero to compare with included
at_most holds_48 16
at_most holds_8 5
at_most fill_56 6
same fill_64 memset_64
same fill_16 memset_16
at_most fill_64_mixed 6
at_most zero_64 6
at_most thread_id 3
at_most thread_index 6
at_most siphash 135
at_most load_store_ptr 3
at_most mutex_pair 12
if body holds_56 | grep -q call || body siphash | grep -q call || body zero_64 | grep -q call; then
    echo 'a call where there should be none' >&2
    failed=1
fi
exit $failed
