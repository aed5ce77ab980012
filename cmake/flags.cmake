# Compiler flags of the house, on the interface target `flags`.
add_library(flags INTERFACE)
# -iquote, not -I: the room sys/ must not shadow the system's <sys/socket.h>.
target_compile_options(flags INTERFACE "SHELL:-iquote ${CMAKE_SOURCE_DIR}/src")
target_compile_options(flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
    -Wnon-virtual-dtor -Wswitch -Wimplicit-fallthrough -fno-rtti
    $<$<CONFIG:Release,RelWithDebInfo>:-fstack-protector-strong>)
if(SLUICE_WERROR)
    target_compile_options(flags INTERFACE -Werror)
endif()
if(SLUICE_SANITIZE)
    add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${SLUICE_SANITIZE})
else()
    target_compile_definitions(flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
