# find_package(lamina CONFIG), from a source tree or from what pip installed; point it here with
#   cmake -Dlamina_DIR=$(python -m lamina.paths cmake)
#
# The runtime is built from source as part of the project that asks. An installed prefix has a
# package of its own, made from laminaConfig.cmake.in.

include("${CMAKE_CURRENT_LIST_DIR}/Lamina.cmake")
lamina_runtime_from_source()

set(lamina_FOUND TRUE)
