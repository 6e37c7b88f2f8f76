# Lamina's version, for find_package; the top CMakeLists.txt takes it from here too.
# While the major version is 0, a new minor version may break what was there.

set(PACKAGE_VERSION "0.1.0")

set(PACKAGE_VERSION_COMPATIBLE FALSE)
set(PACKAGE_VERSION_EXACT FALSE)
string(REGEX MATCH "^[0-9]+" _lamina_major "${PACKAGE_VERSION}")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" _lamina_series "${PACKAGE_VERSION}")

if(NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  if(PACKAGE_FIND_VERSION_COUNT EQUAL 1)
    if(PACKAGE_FIND_VERSION_MAJOR EQUAL _lamina_major)
      set(PACKAGE_VERSION_COMPATIBLE TRUE)
    endif()
  elseif("${PACKAGE_FIND_VERSION_MAJOR}.${PACKAGE_FIND_VERSION_MINOR}" VERSION_EQUAL _lamina_series)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
  endif()
endif()
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()

unset(_lamina_major)
unset(_lamina_series)
