// windows/system.hpp: windows.h without what would be in the tests' way.
#ifndef LAMINA_TESTING_WINDOWS_SYSTEM_HPP
#define LAMINA_TESTING_WINDOWS_SYSTEM_HPP

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
/* After windows.h. */
#include <psapi.h>

#endif // LAMINA_TESTING_WINDOWS_SYSTEM_HPP
