#!/usr/bin/env bash
# Measurements against a server in a process of its own, judged from outside:
#   rate     a minute at 40/s against a server that allows 40 in every sliding second: its count of 429s, and the rate
#   reserves the same with three fetching stages, reserves, a cap, `concurrency: auto` and 5 % of answers that are tried again
#   auto     two minutes with `rate: auto` against a server that allows 73 in every sliding second: what was found
#   memory   peak resident memory at 20,000 and at 200,000 films without a rate, and CPU seconds (wants GNU time)
#   keep     what keeping documents costs a run without a rate: CPU and wall seconds with and without, 20,000 films, seven rounds
#   bodies   peak resident memory of 2,000 and of 10,000 films whose bodies have 2 to 200 KB, under `memory: 64MiB`
# And one without a server:
#   validate `validate` of the 300 lines of benches/validate.rs as a whole process, beside `--version`, 40 times each
# Nothing is asserted: the numbers are for reading.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --quiet
program=target/release/tmdb-etl
work=$(mktemp -d)
server=""
finish() {
    [ -z "$server" ] || kill -TERM "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

serve() {
    "$program" mock "$@" >"$work/address" 2>"$work/served" &
    server=$!
    until [ -s "$work/address" ]; do sleep 0.05; done
    TMDB_BASE_URL=$(cat "$work/address")
    export TMDB_BASE_URL TMDB_TOKEN=any
}

run() {
    "$program" run benches/films.yaml --out "$work" --state "$work/state" --progress none "$@"
}

case "${1:-}" in
rate)
    serve --rate-limit 40/s
    MEASURE_RATE=40/s run --limit 2360
    kill -TERM "$server" && wait "$server" || true
    server=""
    cat "$work/served"
    ;;
reserves)
    serve --rate-limit 40/s --latency 80ms±40ms --fault 500=5%
    MEASURE_RATE=40/s "$program" run benches/reserves.yaml --out "$work" --state "$work/state" --progress none --limit 760
    kill -TERM "$server" && wait "$server" || true
    server=""
    cat "$work/served"
    ;;
auto)
    serve --rate-limit 73/s --latency 80ms±40ms
    MEASURE_RATE=auto run --limit 8000
    kill -TERM "$server" && wait "$server" || true
    server=""
    cat "$work/served"
    ;;
memory)
    serve --films 1000000
    for films in 20000 200000 20000 200000; do
        /usr/bin/time -f "$films films: peak %M KB, CPU %U + %S s, %e s" \
            "$program" run benches/films.yaml --out "$work" --state "$work/state" --progress none --limit "$films" >/dev/null
    done
    ;;
keep)
    serve --films 1000000
    for _ in $(seq 7); do
        for kept in films films_keep_none; do
            /usr/bin/time -f "%U %S %e" "$program" run "benches/peers/$kept.yaml" --out "$work" --state "$work/state" --fresh --progress none \
                --limit 20000 2>&1 >/dev/null | tail -1
        done | paste - -
    done | awk '{printf "kept %.2f s of CPU, %s s; not kept %.2f s, %s s; ratios %.3f %.3f\n", $1 + $2, $3, $4 + $5, $6,
        ($1 + $2) / ($4 + $5), $3 / $6}' | tee "$work/pairs"
    for column in "2 CPU" "1 wall"; do
        awk -v back="${column% *}" '{print $(NF + 1 - back)}' "$work/pairs" | sort -n | awk -v what="${column#* }" \
            '{ratio[NR] = $1} END {printf "%s: %.3f at the median\n", what, ratio[int((NR + 1) / 2)]}'
    done
    ;;
bodies)
    serve --films 1000000 --body-size 2KiB..200KiB
    for films in 2000 10000 2000 10000; do
        MEASURE_MEMORY=64MiB /usr/bin/time -f "$films films of 2 to 200 KB: peak %M KB, CPU %U + %S s, %e s" \
            "$program" run benches/films.yaml --out "$work" --state "$work/state" --progress none --limit "$films" >/dev/null
    done
    ;;
validate)
    cargo bench --quiet --bench validate -- --write "$work/pipeline.yaml"
    echo "$(wc -l <"$work/pipeline.yaml") lines, $(grep -c 'value:' "$work/pipeline.yaml") expressions"
    for arguments in "--version" "validate $work/pipeline.yaml"; do
        for _ in $(seq 40); do
            # shellcheck disable=SC2086
            /usr/bin/time -f "%e %U %S" "$program" $arguments 2>&1 >/dev/null
        done | sort -n | awk -v what="${arguments%% *}" '{wall[NR] = $1; cpu += $2 + $3}
            END {printf "%s: wall %.1f ms at best, %.1f median; CPU %.1f ms on average\n", what, 1000 * wall[1], 1000 * wall[int((NR + 1) / 2)], 1000 * cpu / NR}'
    done
    ;;
*)
    echo "usage: benches/measure.sh rate|reserves|auto|memory|keep|bodies|validate" >&2
    exit 2
    ;;
esac
