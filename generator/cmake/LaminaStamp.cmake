# Run after a generation, as `cmake -D STAMP=<file> -D DEPFILE=<file> -P LaminaStamp.cmake`.
#
# The generator's depfile names the files it emits; what the build tool watches is the stamp, because those files keep
# their old times when their content stays. So the rule's target becomes the stamp, and the stamp becomes new.

file(READ "${DEPFILE}" rule)
string(REGEX REPLACE "^([^:]|:[^ \\\n])*:" "" dependencies "${rule}")
string(REPLACE " " "\\ " target "${STAMP}")
file(WRITE "${DEPFILE}" "${target}:${dependencies}")
file(TOUCH "${STAMP}")
