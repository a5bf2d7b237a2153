# nexgate as an image: docker build -t nexgate .   How it is run: docs/deploy.md
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev make pkg-config \
        libevent-dev libcurl4-openssl-dev libjansson-dev libhiredis-dev libssl-dev libxxhash-dev liblz4-dev libseccomp-dev
WORKDIR /src
COPY Makefile ./
COPY include include
COPY gateway gateway
COPY conf/entities conf/entities
RUN make -j"$(nproc)" programs && strip --strip-unneeded build/nexgate

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates \
        libevent-core-2.1-7 libcurl4 libjansson4 libhiredis0.14 libssl3 libxxhash0 liblz4-1 libseccomp2 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/nexgate /usr/bin/nexgate
# A number, so that "runAsNonRoot" can be checked without reading /etc/passwd. Nothing is written: the root may be read-only.
USER 65532:65532
EXPOSE 8080 9180
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=15s --retries=3 \
    CMD ["/usr/bin/nexgate", "health", "-c", "/etc/nexgate/nexgate.conf"]
ENTRYPOINT ["/usr/bin/nexgate"]
CMD ["serve", "-c", "/etc/nexgate/nexgate.conf"]
