# SPDX-License-Identifier: BSD-2-Clause
# docker build -t sluice . && docker run -p 8080:8080 sluice
#
# Configuration: mount a folder with a sluice.conf on /etc/sluice, files on /srv/www, or set
# SLUICE_PORT, SLUICE_ROOT and SLUICE_WORKERS. A read-only root file system works: the only place
# that is written is the volume /run/sluice (pid file and control socket).

FROM debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
        g++ cmake ninja-build ccache pkg-config libspdlog-dev libcli11-dev \
        libfmt-dev libpcre2-dev libc-ares-dev zlib1g-dev libmaxminddb-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY tests/lint/floors.txt tests/lint/floors.txt
COPY src src
RUN cmake --preset release -DSLUICE_TESTS=OFF \
 && cmake --build --preset release --target sluice \
 && strip build/release/sluice

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libfmt9 libspdlog1.10 libpcre2-8-0 libc-ares2 zlib1g libmaxminddb0 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 101 sluice \
 && useradd --system --uid 101 --gid 101 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin sluice \
 && mkdir -p /run/sluice \
 && chown sluice:sluice /run/sluice
COPY --from=build /build/build/release/sluice /usr/sbin/sluice
COPY conf/sluice.conf conf/mime.types /etc/sluice/
COPY conf/www /srv/www
ENV SLUICE_PORT=8080 \
    SLUICE_ROOT=/srv/www \
    SLUICE_PID=/run/sluice/sluice.pid
# A volume is writable even where the root file system is not.
VOLUME /run/sluice
USER sluice
EXPOSE 8080
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
    CMD sluice --probe "http://127.0.0.1:${SLUICE_PORT}/"
CMD ["sluice", "-p", "/etc/sluice/", "-c", "/etc/sluice/sluice.conf", "-e", "stderr", "-g", "daemon off;"]
