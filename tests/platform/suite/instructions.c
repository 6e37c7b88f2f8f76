/* SPDX-License-Identifier: MIT */
/* A function that only returns, for each processor: see suite.h. */
#include "suite.h"

#if defined(__x86_64__) || defined(__i386__)
static const unsigned char code[] = {0xC3}; /* ret */
#define KNOWN 1
#elif defined(__aarch64__)
static const uint32_t code[] = {0xD65F03C0U}; /* ret */
#define KNOWN 1
#elif defined(__arm__)
static const uint32_t code[] = {0xE12FFF1EU}; /* bx lr */
#define KNOWN 1
#elif defined(__riscv)
static const uint32_t code[] = {0x00008067U}; /* jalr x0, 0(x1) */
#define KNOWN 1
#elif defined(__s390x__)
static const uint16_t code[] = {0x07FEU}; /* br %r14 */
#define KNOWN 1
#else
static const unsigned char code[] = {0};
#define KNOWN 0
#endif

bool host_return_instruction(void *at)
{
    (void)memcpy(at, code, sizeof code);
    return KNOWN != 0;
}
