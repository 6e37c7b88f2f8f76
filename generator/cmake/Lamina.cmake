# Lamina's CMake functions. Needs nothing at this point: Python is looked for when a call asks for
# generation, Catch2 when one asks for tests.
include_guard(GLOBAL)

include("${CMAKE_CURRENT_LIST_DIR}/LaminaPython.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/LaminaRuntime.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/LaminaCatch2.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/LaminaAddAllocator.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/LaminaAddCompare.cmake")
