# The packages of floors.txt as targets: fmt, spdlog, pcre2, zlib, cli11.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_path(CLI11_DIR CLI/CLI.hpp REQUIRED)
find_path(PCRE2_DIR pcre2.h REQUIRED)
find_library(PCRE2_LIBRARY pcre2-8 REQUIRED)
find_path(ZLIB_DIR zlib.h REQUIRED)
find_library(ZLIB_LIBRARY z REQUIRED)

add_library(pcre2 INTERFACE)
target_include_directories(pcre2 SYSTEM INTERFACE ${PCRE2_DIR})
target_link_libraries(pcre2 INTERFACE ${PCRE2_LIBRARY})

add_library(zlib INTERFACE)
target_include_directories(zlib SYSTEM INTERFACE ${ZLIB_DIR})
target_link_libraries(zlib INTERFACE ${ZLIB_LIBRARY})

add_library(cli11 INTERFACE)
target_include_directories(cli11 SYSTEM INTERFACE ${CLI11_DIR})
