# drover: the binary, its plugins, the role files and the schema, on Debian 12. Runs as a user without rights.
#   docker build -t drover .
#   docker run drover run --config /etc/drover/consumer.properties

FROM debian:12-slim AS build
# The list of `build_packages` in tools/packages.sh; a test compares them.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       g++ cmake ninja-build pkg-config libpoco-dev libhiredis-dev libhowardhinnant-date-dev \
       libpq-dev libssl-dev prometheus-cpp-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY engine engine
COPY api api
COPY plugins plugins
RUN cmake --preset release -DCMAKE_INSTALL_PREFIX=/opt/drover -DCMAKE_INSTALL_LIBDIR=lib \
    && cmake --build --preset release \
    && cmake --install build/release --strip
# The plugins of this repository, with those that are not installed for others to link against.
RUN mkdir -p /opt/drover/lib/drover/plugins \
    && install -s -m 644 build/release/plugins/*.so /opt/drover/lib/drover/plugins/ \
    && rm -rf /opt/drover/include /opt/drover/lib/cmake /opt/drover/lib/pkgconfig

# Builds plugins as they are saved, for docker-compose.dev.yml.
FROM build AS dev
WORKDIR /src
ENTRYPOINT ["plugins/dev/watch", "/live"]

# The pages at /api and /board, and the plots at /, come from npm; the API works without them.
FROM debian:12-slim AS web
RUN apt-get update \
    && apt-get install -y --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /web
COPY api/web/package.json api/web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
WORKDIR /board
COPY plugins/board/package.json plugins/board/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
WORKDIR /console
COPY plugins/console/package.json plugins/console/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       libpocofoundation80 libpoconet80 libpococrypto80 libpoconetssl80 libpocoutil80 libpocodata80 libpocodatapostgresql80 libhiredis0.14 libdate-tz3 \
       tzdata libpq5 libssl3 libprometheus-cpp-core1.0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin drover \
    && install -d -o drover -g drover -m 700 /run/drover
COPY --from=build /opt/drover /opt/drover
COPY --from=web /web/node_modules/swagger-ui-dist /opt/drover/share/swagger-ui
COPY --from=web /board/node_modules/@bull-board/ui /opt/drover/share/bull-board
COPY --from=web /console/node_modules/uplot /opt/drover/share/uplot
COPY conf /etc/drover
COPY schema /opt/drover/share/schema
ENV PATH=/opt/drover/bin:/usr/local/bin:/usr/bin:/bin
ENV DROVER_PLUGINS_DIR=/opt/drover/lib/drover/plugins
# A fixed name, so that the health check below finds the process by itself.
ENV DROVER_CONTROL_SOCKET=/run/drover/control.sock
USER drover
WORKDIR /opt/drover/share
EXPOSE 4000 4001
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s --retries=3 CMD ["drover", "health"]
ENTRYPOINT ["drover"]
CMD ["run", "--config", "/etc/drover/producer.properties"]
