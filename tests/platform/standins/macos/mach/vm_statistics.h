/* SPDX-License-Identifier: MIT */
/* Tags of mappings, in place of a file: Linux looks at no file where the mapping is anonymous. */
#define VM_MEMORY_APPLICATION_SPECIFIC_1 240
#define VM_MAKE_TAG(tag)                 ((unsigned)(tag) << 24U)
