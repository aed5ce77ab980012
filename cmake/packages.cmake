# The packages of floors.txt as targets: fmt, spdlog, pcre2, llhttp, cli11.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_path(CLI11_DIR CLI/CLI.hpp REQUIRED)
find_path(PCRE2_DIR pcre2.h REQUIRED)
find_library(PCRE2_LIBRARY pcre2-8 REQUIRED)
find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp REQUIRED)

add_library(pcre2 INTERFACE)
target_include_directories(pcre2 SYSTEM INTERFACE ${PCRE2_DIR})
target_link_libraries(pcre2 INTERFACE ${PCRE2_LIBRARY})

add_library(cli11 INTERFACE)
target_include_directories(cli11 SYSTEM INTERFACE ${CLI11_DIR})

# Debian ships llhttp as C sources; they keep their own warning rules.
add_library(llhttp STATIC ${LLHTTP_SOURCES}/llhttp.c ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c)
target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE})
target_compile_options(llhttp PRIVATE -w)
# Without it llhttp takes any byte for the LF behind a CR.
target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
