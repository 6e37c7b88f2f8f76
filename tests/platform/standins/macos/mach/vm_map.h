#include "system.h" /* vm_region_recurse_64 */
