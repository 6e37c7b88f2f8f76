#include "system.h" /* mach_task_self */
