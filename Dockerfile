# The program and the certificate authorities that it trusts, on a slim Debian, as a user without rights.
#
#   docker build -t tmdb-etl:0.1.0 .
#   docker build --build-arg FEATURES=cloud -t tmdb-etl:0.1.0-cloud .
#   docker run --rm --read-only --tmpfs /tmp -v "$PWD:/data" tmdb-etl:0.1.0 run films.yaml --mock

# Not the slim one, which has no make, and jemalloc is built with it.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# FEATURES=cloud: object stores as outputs; FEATURES=cloud,delta: Delta tables, too, also there.
ARG FEATURES=""
RUN cargo build --release --locked --bin tmdb-etl --features "$FEATURES"

# The same Debian as above: the program is linked against its C library.
FROM debian:bookworm-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/tmdb-etl /usr/local/bin/tmdb-etl
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# Pipelines, tables and `.tmdb-etl/`, from a volume.
WORKDIR /data
ENTRYPOINT ["tmdb-etl"]
CMD ["--help"]
