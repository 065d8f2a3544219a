# Two stages: the compiler stays in the first; what runs is the program, its libraries, no root.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev cmake ninja-build pkg-config \
        libpq-dev librdkafka-dev uuid-dev libyaml-dev libjansson-dev libmsgpack-dev \
        libmicrohttpd-dev libssl-dev uthash-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cmake --preset release -DWEIR_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr \
    && cmake --build build/release \
    && DESTDIR=/installed cmake --install build/release --strip

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        libpq5 librdkafka1 libuuid1 libyaml-0-2 libjansson4 libmsgpackc2 libmicrohttpd12 libssl3 \
        ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /etc/weir --shell /usr/sbin/nologin weir
COPY --from=build /installed/usr/bin/weir /usr/bin/weir
USER weir
WORKDIR /etc/weir
ENV WEIR_ADMIN_LISTEN=0.0.0.0:8780
EXPOSE 8780
ENTRYPOINT ["/usr/bin/weir"]
CMD ["serve"]
