/* SPDX-License-Identifier: MIT */
/* Preloaded behind the recorder, and brought to life before it: the first calls of a process come from its constructor.
 */
#include <stdlib.h>

__attribute__((constructor)) static void first(void)
{
    void *block = malloc(90001);
    __asm__ volatile("" : "+r"(block) : : "memory");
    block = realloc(block, 90007);
    __asm__ volatile("" : "+r"(block) : : "memory");
    free(block);
}
