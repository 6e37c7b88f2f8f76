#include "system.h" /* VM_INHERIT_NONE */
