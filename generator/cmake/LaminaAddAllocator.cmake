# lamina_add_allocator: a spec as a library target.
include_guard(GLOBAL)

# lamina_add_allocator(<target>
#   SPEC <file>                     the spec, Lua or YAML
#   [STACK <name>...]               only these stacks of the spec; all of them if none is named
#   [MODE BUILD|COMMITTED|CHECK]    BUILD, the default: generate while building; touching the spec, a file that it
#                                     requires or a template rebuilds what depends on it and nothing else
#                                   COMMITTED: compile what OUTPUT_DIR holds; needs neither Python nor Lua
#                                   CHECK: as COMMITTED, and a test and the target lamina_check fail when the
#                                     files are not what the spec gives
#   [OUTPUT_DIR <folder>]           BUILD: where to generate, a folder of the build tree by default
#                                   COMMITTED, CHECK: where the files are, `generated` beside this list file by default
#   [PLATFORM <name>]               the target that the C is for, in place of the spec's own (`lamina generate --target`);
#                                     by default what LAMINA_PLATFORM names, if anything
#   [INCLUDE_DIRS <folder>...]      folders besides the spec's own that the spec may require files from
#   [TESTS]                         an executable with the generated tests for each stack, known to ctest
#   [GENERIC])                      also <target>_generic, the twin built from chained layers
#
# <target> is a static library that links lamina::runtime; `#include "<stack>.h"` works for whoever links it.
# `lamina_add_allocator(TARGET <target> ...)` is the same.
function(lamina_add_allocator)
  cmake_parse_arguments(PARSE_ARGV 0 arg "TESTS;GENERIC" "TARGET;SPEC;MODE;OUTPUT_DIR;PLATFORM" "STACK;INCLUDE_DIRS")
  if(NOT DEFINED arg_TARGET)
    list(POP_FRONT arg_UNPARSED_ARGUMENTS arg_TARGET)
  endif()
  if(NOT arg_TARGET OR NOT arg_SPEC OR arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR
      "Lamina: usage: lamina_add_allocator(<target> SPEC <file> [STACK <name>...] [MODE BUILD|COMMITTED|CHECK]"
      " [OUTPUT_DIR <folder>] [PLATFORM <name>] [INCLUDE_DIRS <folder>...] [TESTS] [GENERIC])\n"
      "  not understood: ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
  endif()
  if(NOT arg_MODE)
    set(arg_MODE BUILD)
  endif()
  if(NOT arg_MODE MATCHES "^(BUILD|COMMITTED|CHECK)$")
    message(FATAL_ERROR "Lamina: MODE of ${arg_TARGET} is ${arg_MODE}; it can be BUILD, COMMITTED or CHECK")
  endif()
  if(NOT arg_PLATFORM)
    set(arg_PLATFORM "${LAMINA_PLATFORM}")
  endif()
  if(NOT TARGET lamina::runtime)
    message(FATAL_ERROR "Lamina: the target lamina::runtime is not there; find_package(lamina) or add_subdirectory first")
  endif()

  cmake_path(ABSOLUTE_PATH arg_SPEC BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
  list(TRANSFORM arg_INCLUDE_DIRS REPLACE "^([^/])" "${CMAKE_CURRENT_SOURCE_DIR}/\\1")

  if(arg_MODE STREQUAL "BUILD")
    if(NOT arg_OUTPUT_DIR)
      set(arg_OUTPUT_DIR "lamina/${arg_TARGET}")
    endif()
    cmake_path(ABSOLUTE_PATH arg_OUTPUT_DIR BASE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}" NORMALIZE)
    _lamina_generate_at_build()
  else()
    if(NOT arg_OUTPUT_DIR)
      set(arg_OUTPUT_DIR generated)
    endif()
    cmake_path(ABSOLUTE_PATH arg_OUTPUT_DIR BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    _lamina_find_committed()
    if(arg_MODE STREQUAL "CHECK")
      _lamina_add_check()
    endif()
  endif()

  # `files` is every generated file; the stacks are known by their manifests.
  set(manifests "${files}")
  list(FILTER manifests INCLUDE REGEX "/manifest\\.json$")
  if(NOT manifests)
    message(FATAL_ERROR "Lamina: ${arg_SPEC} gives no stack for ${arg_TARGET}")
  endif()
  _lamina_add_libraries()
  if(arg_TESTS)
    foreach(manifest IN LISTS manifests)
      _lamina_add_tests("${manifest}")
    endforeach()
  endif()
endfunction()

# The rest works on the variables of lamina_add_allocator; each is a macro only to set some of them.

# The `lamina` arguments that this call stands for.
macro(_lamina_arguments variable)
  set(${variable} "${arg_SPEC}" -o "${arg_OUTPUT_DIR}")
  foreach(stack IN LISTS arg_STACK)
    list(APPEND ${variable} --stack "${stack}")
  endforeach()
  foreach(folder IN LISTS arg_INCLUDE_DIRS)
    list(APPEND ${variable} -I "${folder}")
  endforeach()
  if(arg_PLATFORM)
    list(APPEND ${variable} --target "${arg_PLATFORM}")
  endif()
endmacro()

# Sets `files`, and adds the target <target>_generate that brings them up to date.
#
# The stamp is the only OUTPUT: it is new after every run, while the generator leaves the files alone whose content
# stays as it was. The files are BYPRODUCTS, so that what compiles them looks at their own times.
macro(_lamina_generate_at_build)
  lamina_command(lamina)
  _lamina_arguments(arguments)
  if(NOT arg_TESTS)
    list(APPEND arguments --no-tests)
    if(NOT arg_GENERIC)
      list(APPEND arguments --no-generic)
    endif()
  endif()

  # Which files there will be is asked now; a spec may come to hold other stacks, so its change asks again.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${arg_SPEC}")
  execute_process(
    COMMAND ${lamina} generate ${arguments} --list-outputs
    WORKING_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}"
    RESULT_VARIABLE result OUTPUT_VARIABLE listed ERROR_VARIABLE complaint OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT result STREQUAL "0")
    message(FATAL_ERROR "Lamina: ${arg_SPEC} can't be used (exit status ${result}):\n${complaint}")
  endif()
  string(REPLACE "\n" ";" listed "${listed}")
  set(files "")
  foreach(file IN LISTS listed)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}" NORMALIZE)
    list(APPEND files "${file}")
  endforeach()

  set(stamp "${CMAKE_CURRENT_BINARY_DIR}/${arg_TARGET}.lamina.stamp")
  set(depfile "${CMAKE_CURRENT_BINARY_DIR}/${arg_TARGET}.lamina.d")
  cmake_path(GET arg_SPEC FILENAME spec_name)
  add_custom_command(
    OUTPUT "${stamp}"
    BYPRODUCTS ${files}
    COMMAND ${lamina} generate --quiet ${arguments} --depfile "${depfile}"
    COMMAND "${CMAKE_COMMAND}" -D "STAMP=${stamp}" -D "DEPFILE=${depfile}"
      -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/LaminaStamp.cmake"
    DEPENDS "${arg_SPEC}"
    DEPFILE "${depfile}"
    WORKING_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}"
    COMMENT "Generating ${arg_TARGET} from ${spec_name}"
    VERBATIM)
  add_custom_target(${arg_TARGET}_generate DEPENDS "${stamp}")
  set(generator_target ${arg_TARGET}_generate)
endmacro()

# Sets `files` to what OUTPUT_DIR holds of the spec's stacks, by their manifests.
macro(_lamina_find_committed)
  set(generator_target "")
  set(files "")
  file(GLOB found CONFIGURE_DEPENDS LIST_DIRECTORIES FALSE "${arg_OUTPUT_DIR}/*/manifest.json")
  set(stacks_found "")
  foreach(manifest IN LISTS found)
    cmake_path(GET manifest PARENT_PATH folder)
    cmake_path(GET folder FILENAME stack)
    if(arg_STACK)
      if(NOT stack IN_LIST arg_STACK)
        continue()
      endif()
    else()
      file(READ "${manifest}" content)
      string(JSON spec ERROR_VARIABLE no_spec GET "${content}" spec)
      cmake_path(ABSOLUTE_PATH spec BASE_DIRECTORY "${folder}" NORMALIZE)
      if(no_spec OR NOT spec STREQUAL arg_SPEC)
        continue()
      endif()
    endif()
    list(APPEND stacks_found "${stack}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${manifest}")
    file(GLOB stack_files CONFIGURE_DEPENDS LIST_DIRECTORIES FALSE "${folder}/*")
    list(APPEND files ${stack_files})
  endforeach()
  foreach(stack IN LISTS arg_STACK)
    if(NOT stack IN_LIST stacks_found)
      message(FATAL_ERROR "Lamina: ${arg_OUTPUT_DIR} holds no stack ${stack}; "
        "generate it with: lamina generate ${arg_SPEC} --stack ${stack} -o ${arg_OUTPUT_DIR}")
    endif()
  endforeach()
  if(NOT files)
    message(FATAL_ERROR "Lamina: ${arg_OUTPUT_DIR} holds nothing that was generated from ${arg_SPEC}; "
      "generate it with: lamina generate ${arg_SPEC} -o ${arg_OUTPUT_DIR}")
  endif()
endmacro()

# The test and the target that compare the committed files with what the spec gives.
macro(_lamina_add_check)
  lamina_command(lamina)
  _lamina_arguments(arguments)
  # What was committed without its tests or its twin is compared without them.
  foreach(part IN ITEMS generic tests)
    set(present "${files}")
    if(part STREQUAL "generic")
      list(FILTER present INCLUDE REGEX "_generic\\.c$")
    else()
      list(FILTER present INCLUDE REGEX "/test_[^/]*\\.cpp$")
    endif()
    if(NOT present)
      list(APPEND arguments "--no-${part}")
    endif()
  endforeach()
  add_test(NAME "${LAMINA_TEST_PREFIX}check ${arg_TARGET}" COMMAND ${lamina} check ${arguments}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
  set_tests_properties("${LAMINA_TEST_PREFIX}check ${arg_TARGET}" PROPERTIES TIMEOUT 120 LABELS lamina)
  if(NOT TARGET lamina_check)
    add_custom_target(lamina_check COMMENT "Generated files compared with their specs")
  endif()
  add_custom_target(${arg_TARGET}_check COMMAND ${lamina} check ${arguments}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" VERBATIM)
  add_dependencies(lamina_check ${arg_TARGET}_check)
endmacro()

# The library of the flat stacks, and with GENERIC that of their twins.
macro(_lamina_add_libraries)
  set(flat "")
  set(generic "")
  set(folders "${arg_OUTPUT_DIR}")
  foreach(manifest IN LISTS manifests)
    cmake_path(GET manifest PARENT_PATH folder)
    cmake_path(GET folder FILENAME stack)
    list(APPEND folders "${folder}")
    foreach(file IN LISTS files)
      cmake_path(GET file PARENT_PATH place)
      cmake_path(GET file FILENAME name)
      if(NOT place STREQUAL folder OR name MATCHES "^test_${stack}[_.]" OR NOT name MATCHES "\\.[ch]$")
        continue()
      elseif(name MATCHES "^${stack}_generic\\.[ch]$")
        list(APPEND generic "${file}")
      else()
        list(APPEND flat "${file}")
      endif()
    endforeach()
  endforeach()

  _lamina_add_library(${arg_TARGET} "${flat}")
  if(arg_GENERIC)
    if(NOT generic)
      message(FATAL_ERROR "Lamina: ${arg_OUTPUT_DIR} holds no generic twin for ${arg_TARGET}")
    endif()
    _lamina_add_library(${arg_TARGET}_generic "${generic}")
  endif()
endmacro()

macro(_lamina_add_library name sources)
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC "$<BUILD_INTERFACE:${folders}>")
  target_compile_features(${name} PUBLIC c_std_11)
  target_link_libraries(${name} PUBLIC lamina::runtime)
  if(generator_target)
    add_dependencies(${name} ${generator_target})
  endif()
endmacro()

# The executable of one stack's generated tests. It compiles the stack itself, against the runtime whose platform
# calls can be made to fail.
macro(_lamina_add_tests manifest)
  lamina_find_catch2()
  lamina_find_threads()
  cmake_path(GET manifest PARENT_PATH folder)
  cmake_path(GET folder FILENAME stack)
  set(sources "")
  foreach(file IN LISTS files)
    cmake_path(GET file PARENT_PATH place)
    if(place STREQUAL folder AND file MATCHES "\\.(c|cpp)$")
      list(APPEND sources "${file}")
    endif()
  endforeach()
  if(NOT "${folder}/test_${stack}.cpp" IN_LIST sources)
    message(FATAL_ERROR "Lamina: ${folder} holds no tests of ${stack}")
  endif()
  if(arg_TARGET STREQUAL stack)
    set(executable "${arg_TARGET}_tests")
  else()
    set(executable "${arg_TARGET}_${stack}_tests")
  endif()
  add_executable(${executable} ${sources})
  target_include_directories(${executable} PRIVATE "${arg_OUTPUT_DIR}" "${folder}")
  target_compile_features(${executable} PRIVATE c_std_11 cxx_std_17)
  target_link_libraries(${executable} PRIVATE
    lamina::runtime_testing lamina::testing lamina_catch2_main Threads::Threads)
  if(generator_target)
    add_dependencies(${executable} ${generator_target})
  endif()
  lamina_add_catch2_test(${executable} NAME "${stack}" LABELS generated VALGRIND SELF_NAMED)
endmacro()
