# What `cmake --install` puts where. Included by the top CMakeLists.txt only.
#
#   bin/lamina                        the launcher
#   include/, lib/                    the runtime's and the test harness's headers and libraries
#   lib/cmake/lamina/                 the package for find_package
#   share/lamina/                     generator, templates and runtime sources, laid out as in the source tree
#   share/man, share/bash-completion  and so on: the man page, the completions

include(CMakePackageConfigHelpers)

set(lamina_share "${CMAKE_INSTALL_DATADIR}/lamina")
set(lamina_package "${CMAKE_INSTALL_LIBDIR}/cmake/lamina")

# The runtime and the harness.
foreach(name IN ITEMS lamina_runtime lamina_runtime_testing lamina_runtime_freestanding)
  if(TARGET ${name})
    install(TARGETS ${name} EXPORT laminaTargets
      ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
      INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  endif()
endforeach()
install(TARGETS lamina_testing EXPORT laminaTargets)
install(EXPORT laminaTargets NAMESPACE lamina:: DESTINATION "${lamina_package}")
foreach(headers IN ITEMS runtime/include/ runtime/testing/include/)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${headers}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
endforeach()

# The package: what find_package reads, and the functions it brings.
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/generator/cmake/laminaConfig.cmake.in" "${PROJECT_BINARY_DIR}/laminaConfig.cmake"
  INSTALL_DESTINATION "${lamina_package}"
  PATH_VARS lamina_share)
install(
  FILES
    "${PROJECT_BINARY_DIR}/laminaConfig.cmake"
    "${PROJECT_SOURCE_DIR}/generator/cmake/laminaConfigVersion.cmake"
  DESTINATION "${lamina_package}")

# The generator with everything it reads, and the launcher.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/generator/lamina" DESTINATION "${lamina_share}/generator"
  PATTERN "__pycache__" EXCLUDE)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/generator/cmake" DESTINATION "${lamina_share}/generator"
  FILES_MATCHING PATTERN "Lamina*.cmake" PATTERN "LaminaInstall.cmake" EXCLUDE)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/templates" DESTINATION "${lamina_share}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/runtime" DESTINATION "${lamina_share}")
install(PROGRAMS "${PROJECT_SOURCE_DIR}/generator/bin/lamina" DESTINATION "${lamina_share}/generator/bin")

file(RELATIVE_PATH lamina_home_from_bin
  "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_PREFIX}/${lamina_share}/generator")
file(READ "${PROJECT_SOURCE_DIR}/generator/bin/lamina" launcher)
string(REPLACE "../share/lamina/generator" "${lamina_home_from_bin}" launcher "${launcher}")
file(WRITE "${PROJECT_BINARY_DIR}/launcher/lamina" "${launcher}")
install(PROGRAMS "${PROJECT_BINARY_DIR}/launcher/lamina" DESTINATION "${CMAKE_INSTALL_BINDIR}")

# The man page and the licence.
install(FILES "${PROJECT_SOURCE_DIR}/docs/lamina.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" OPTIONAL)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# The shells' completions are what the command itself prints; without a Python to run it they are left out.
set(lamina_completions
  "bash=${CMAKE_INSTALL_DATADIR}/bash-completion/completions/lamina"
  "zsh=${CMAKE_INSTALL_DATADIR}/zsh/site-functions/_lamina"
  "fish=${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d/lamina.fish")
foreach(completion IN LISTS lamina_completions)
  string(REGEX REPLACE "=.*" "" shell "${completion}")
  string(REGEX REPLACE ".*=" "" file "${completion}")
  install(CODE "
    set(file \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${file}\")
    execute_process(
      COMMAND \"${PROJECT_SOURCE_DIR}/generator/bin/lamina\" completion ${shell}
      RESULT_VARIABLE result OUTPUT_VARIABLE script ERROR_QUIET)
    if(result STREQUAL \"0\")
      message(STATUS \"Installing: \${file}\")
      file(WRITE \"\${file}\" \"\${script}\")
    endif()")
endforeach()
