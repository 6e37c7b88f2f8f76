# The runtime's targets, where they don't come from an installed prefix: built from source.
include_guard(GLOBAL)

# lamina_define_testing(<include folder>)
#
# lamina::testing: the header-only harness that generated tests are written against.
function(lamina_define_testing include_dir)
  if(TARGET lamina::testing)
    return()
  endif()
  add_library(lamina_testing INTERFACE)
  add_library(lamina::testing ALIAS lamina_testing)
  target_include_directories(lamina_testing INTERFACE
    "$<BUILD_INTERFACE:${include_dir}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_compile_features(lamina_testing INTERFACE cxx_std_17)
  # The tests look at free objects, and write to them, on purpose; a sanitizer watches everything else.
  target_compile_definitions(lamina_testing INTERFACE LAMINA_ANNOTATE=0)
  set_target_properties(lamina_testing PROPERTIES EXPORT_NAME testing)
endfunction()

# lamina_find_threads()
#
# Threads::Threads, visible to the whole project: the runtime's link interface names it to every directory.
function(lamina_find_threads)
  if(CMAKE_SYSTEM_NAME STREQUAL "Generic" OR TARGET Threads::Threads)
    return()
  endif()
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads REQUIRED)
  set_target_properties(Threads::Threads PROPERTIES IMPORTED_GLOBAL TRUE)
endfunction()

# lamina_runtime_from_source()
#
# lamina::runtime, lamina::runtime_testing and lamina::testing from the folder runtime/ of a source tree or wheel.
function(lamina_runtime_from_source)
  cmake_path(SET runtime NORMALIZE "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../runtime")
  if(NOT TARGET lamina::runtime)
    lamina_find_threads()
    add_subdirectory("${runtime}" "${CMAKE_BINARY_DIR}/lamina/runtime" EXCLUDE_FROM_ALL)
  endif()
  lamina_define_testing("${runtime}/testing/include")
endfunction()
