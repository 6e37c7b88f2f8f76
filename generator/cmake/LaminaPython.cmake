# The Python that runs the generator.
#
# find_package(Python3) takes the first `python3` it likes, which may be a version manager's that lacks
# the packages. So the candidates are tried first, and the one that has everything is cached.
include_guard(GLOBAL)

# lamina_find_python([MODULES module...])
#
# Sets LAMINA_PYTHON (cached, and in the caller's scope) to the first Python that can import what the generator
# needs and the extra modules. Candidates in order: LAMINA_PYTHON and Python3_EXECUTABLE from the cache,
# LAMINA_PYTHON from the environment, the virtual environment that Lamina was installed into or has beside it,
# python3, /usr/bin/python3, python. Stops with what to install when there is none.
function(lamina_find_python)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "MODULES")
  set(modules jinja2 yaml click ${arg_MODULES})
  list(JOIN modules ", " imports)

  # What was asked of it earlier in this run.
  get_property(known GLOBAL PROPERTY LAMINA_PYTHON_MODULES)
  set(unknown ${modules})
  list(REMOVE_ITEM unknown ${known})
  if(NOT unknown)
    return()
  endif()

  cmake_path(SET home NORMALIZE "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../..")
  cmake_path(SET wheel_bin NORMALIZE "${home}/../../../../../bin")
  set(tried "")
  foreach(candidate IN ITEMS
      "${LAMINA_PYTHON}" "${Python3_EXECUTABLE}" "$ENV{LAMINA_PYTHON}"
      "${home}/.venv/bin/python" "${wheel_bin}/python"
      python3 /usr/bin/python3 python)
    if(candidate STREQUAL "" OR candidate IN_LIST tried)
      continue()
    endif()
    list(APPEND tried "${candidate}")
    execute_process(
      COMMAND "${candidate}" -c "import sys, ${imports}; print(sys.executable)"
      RESULT_VARIABLE result OUTPUT_VARIABLE executable ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(result STREQUAL "0")
      set(LAMINA_PYTHON "${executable}" CACHE FILEPATH "The Python that runs Lamina's generator" FORCE)
      set(Python3_EXECUTABLE "${executable}" CACHE FILEPATH "The Python that runs Lamina's generator")
      set_property(GLOBAL PROPERTY LAMINA_PYTHON_MODULES "${modules}")
      return()
    endif()
  endforeach()

  list(JOIN tried ", " tried)
  set(debian "${modules}")
  list(TRANSFORM debian PREPEND "python3-")
  list(JOIN debian " " debian)
  list(TRANSFORM modules REPLACE "^yaml$" "pyyaml")
  list(JOIN modules " " packages)
  message(FATAL_ERROR
    "Lamina: no Python here can import ${imports} (tried ${tried}).\n"
    "  Debian, Ubuntu:  apt-get install ${debian}\n"
    "  anywhere:        python3 -m venv .venv && .venv/bin/pip install ${packages}\n"
    "  another Python:  cmake -DLAMINA_PYTHON=/path/to/python\n"
    "Generated code that is already there needs no Python: lamina_add_allocator(... MODE COMMITTED).")
endfunction()

# lamina_command(<variable>)
#
# The command line that starts the generator, for execute_process, add_custom_command and add_test.
function(lamina_command variable)
  lamina_find_python()
  if(LAMINA_LAUNCHER)
    set(launcher "${LAMINA_LAUNCHER}")
  else()
    cmake_path(SET launcher NORMALIZE "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../bin/lamina")
  endif()
  set(${variable} "${CMAKE_COMMAND}" -E env "LAMINA_PYTHON=${LAMINA_PYTHON}" "${LAMINA_PYTHON}" "${launcher}"
    PARENT_SCOPE)
endfunction()
