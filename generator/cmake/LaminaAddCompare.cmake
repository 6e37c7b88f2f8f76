# lamina_add_compare: a target that compares the stacks of specs.
include_guard(GLOBAL)

# lamina_add_compare(<target>
#   SPEC <file>...             the specs, Lua or YAML
#   [JSON <file>]              where the result is written; <target>.json in the build tree by default
#   [ARGUMENTS <argument>...]  what else `lamina compare` is told, such as --quick
#
# Building <target> measures: it is never up to date, and no part of `all`. The compiler is the project's own.
function(lamina_add_compare)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "JSON" "SPEC;ARGUMENTS")
  # No arguments are as good as none: a caller's list may be empty.
  list(REMOVE_ITEM arg_KEYWORDS_MISSING_VALUES ARGUMENTS)
  if(NOT arg_SPEC OR arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "Lamina: usage: lamina_add_compare(<target> SPEC <file>... [JSON <file>] [ARGUMENTS <argument>...])\n"
      "  not understood: ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
  endif()
  if(NOT arg_JSON)
    set(arg_JSON "${ARGV0}.json")
  endif()
  cmake_path(ABSOLUTE_PATH arg_JSON BASE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}" NORMALIZE)
  lamina_command(lamina)
  add_custom_target(${ARGV0}
    COMMAND ${lamina} compare ${arg_SPEC} --cc "${CMAKE_C_COMPILER}" --json "${arg_JSON}" ${arg_ARGUMENTS}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Comparing; the result goes to ${arg_JSON}"
    USES_TERMINAL VERBATIM)
endfunction()
