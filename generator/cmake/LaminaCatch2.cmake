# Catch2, version 3 or 2, for generated tests.
include_guard(GLOBAL)

# lamina_find_catch2()
#
# Defines lamina_catch2_main: what a test executable links to get Catch2 and a main function. Version 3 brings
# its own library; the main file of version 2 takes as long to compile as ten test files, so it is compiled once.
function(lamina_find_catch2)
  if(TARGET lamina_catch2_main)
    return()
  endif()

  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT "CXX" IN_LIST languages)
    message(FATAL_ERROR "Lamina: generated tests are C++17; the project must enable the language CXX")
  endif()

  find_package(Catch2 CONFIG QUIET)
  if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
    add_library(lamina_catch2_main INTERFACE)
    target_link_libraries(lamina_catch2_main INTERFACE Catch2::Catch2WithMain)
    get_filename_component(scripts "${Catch2_DIR}" ABSOLUTE)
    set_property(GLOBAL PROPERTY LAMINA_CATCH2_SCRIPTS "${scripts}")
    return()
  endif()

  find_path(LAMINA_CATCH2_INCLUDE_DIR catch2/catch.hpp DOC "The folder that holds catch2/catch.hpp")
  if(NOT LAMINA_CATCH2_INCLUDE_DIR)
    message(FATAL_ERROR
      "Lamina: generated tests need Catch2, version 2.13 or 3.\n"
      "  Debian, Ubuntu:  apt-get install catch2\n"
      "  elsewhere:       put it on CMAKE_PREFIX_PATH")
  endif()

  # A copy of the one header, so that a cross build doesn't get the host's /usr/include with it.
  set(folder "${CMAKE_BINARY_DIR}/lamina/catch2")
  configure_file("${LAMINA_CATCH2_INCLUDE_DIR}/catch2/catch.hpp" "${folder}/include/catch2/catch.hpp" COPYONLY)
  file(CONFIGURE OUTPUT "${folder}/main.cpp"
    CONTENT "#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n" @ONLY)

  add_library(lamina_catch2_main STATIC "${folder}/main.cpp")
  target_include_directories(lamina_catch2_main SYSTEM PUBLIC "${folder}/include")
  target_compile_features(lamina_catch2_main PUBLIC cxx_std_17)
  # It is not under test: no warnings, no optimizer, no sanitizer.
  target_compile_options(lamina_catch2_main PRIVATE -w -O0)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    target_compile_options(lamina_catch2_main PRIVATE -fno-sanitize=all)
  endif()
  if(Catch2_DIR)
    set_property(GLOBAL PROPERTY LAMINA_CATCH2_SCRIPTS "${Catch2_DIR}")
  endif()
endfunction()

# lamina_add_catch2_test(<target> [NAME name] [TIMEOUT seconds] [LABELS label...] [VALGRIND] [SELF_NAMED])
#
# Registers a Catch2 executable with ctest: one test for each case, or one for the whole where the executable can't be
# asked for its cases (a cross build). LAMINA_TEST_PREFIX and the name go before each case's own; SELF_NAMED says
# that the cases begin with the name anyway. Where VALGRIND is given and LAMINA_VALGRIND is set, to Valgrind's command line
# as a list, the whole is run under it too, as one test, because each start is dear.
function(lamina_add_catch2_test target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "VALGRIND;SELF_NAMED" "NAME;TIMEOUT" "LABELS")
  if(NOT arg_NAME)
    set(arg_NAME "${target}")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  set(name "${LAMINA_TEST_PREFIX}${arg_NAME}")
  set(properties TIMEOUT "${arg_TIMEOUT}")
  if(arg_LABELS)
    list(APPEND properties LABELS "${arg_LABELS}")
  endif()

  get_property(scripts GLOBAL PROPERTY LAMINA_CATCH2_SCRIPTS)
  if(CMAKE_CROSSCOMPILING OR NOT EXISTS "${scripts}/Catch.cmake")
    add_test(NAME "${name}" COMMAND ${target})
    set_tests_properties("${name}" PROPERTIES ${properties})
  else()
    include("${scripts}/Catch.cmake")
    if(arg_SELF_NAMED)
      set(prefix "${LAMINA_TEST_PREFIX}")
    else()
      set(prefix "${name}/")
    endif()
    catch_discover_tests(${target} TEST_PREFIX "${prefix}" PROPERTIES ${properties})
  endif()

  if(arg_VALGRIND AND LAMINA_VALGRIND)
    add_test(NAME "${name} under valgrind" COMMAND ${LAMINA_VALGRIND} "$<TARGET_FILE:${target}>")
    set_tests_properties("${name} under valgrind" PROPERTIES TIMEOUT 1800 COST 500 LABELS valgrind)
  endif()
endfunction()
