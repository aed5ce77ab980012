# The packages of floors.txt as targets: fmt, spdlog, pcre2, cares, zlib, crypt, cli11, maxminddb.
# libcrypt comes with
# the C library's development files.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_path(CLI11_DIR CLI/CLI.hpp REQUIRED)
find_path(PCRE2_DIR pcre2.h REQUIRED)
find_library(PCRE2_LIBRARY pcre2-8 REQUIRED)
find_path(CARES_DIR ares.h REQUIRED)
find_library(CARES_LIBRARY cares REQUIRED)
find_path(MAXMINDDB_DIR maxminddb.h REQUIRED)
find_library(MAXMINDDB_LIBRARY maxminddb REQUIRED)
find_path(ZLIB_DIR zlib.h REQUIRED)
find_library(ZLIB_LIBRARY z REQUIRED)
find_path(CRYPT_DIR crypt.h REQUIRED)
find_library(CRYPT_LIBRARY crypt REQUIRED)

add_library(pcre2 INTERFACE)
target_include_directories(pcre2 SYSTEM INTERFACE ${PCRE2_DIR})
target_link_libraries(pcre2 INTERFACE ${PCRE2_LIBRARY})

add_library(cares INTERFACE)
target_include_directories(cares SYSTEM INTERFACE ${CARES_DIR})
target_link_libraries(cares INTERFACE ${CARES_LIBRARY})

add_library(maxminddb INTERFACE)
target_include_directories(maxminddb SYSTEM INTERFACE ${MAXMINDDB_DIR})
target_link_libraries(maxminddb INTERFACE ${MAXMINDDB_LIBRARY})

add_library(zlib INTERFACE)
target_include_directories(zlib SYSTEM INTERFACE ${ZLIB_DIR})
target_link_libraries(zlib INTERFACE ${ZLIB_LIBRARY})

add_library(crypt INTERFACE)
target_include_directories(crypt SYSTEM INTERFACE ${CRYPT_DIR})
target_link_libraries(crypt INTERFACE ${CRYPT_LIBRARY})

add_library(cli11 INTERFACE)
target_include_directories(cli11 SYSTEM INTERFACE ${CLI11_DIR})
