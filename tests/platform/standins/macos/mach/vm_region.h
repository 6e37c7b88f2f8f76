#include "system.h" /* vm_region_submap_info_data_64_t */
