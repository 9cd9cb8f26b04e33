"""Runs every contender against one nginx, as whole processes from exec to exit, and prints what each took.

    bench.py WORK PROGRAM PYTHON [--films N] [--slow N] [--rounds N]

Called by run.sh, which builds and installs. One round runs every contender once, in an order of its own; ratios are taken
within a round, and the median of the rounds is shown. What is not there is said and left out.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONNECTIONS = 64
WORDS = (
    "lighthouse keeper winter letters village coast ship night man light sea lamp hundred years empty follows senders "
    "returns seventh fewer meant decide seen garden engine summit comet song understudy train north stolen orchard"
).split()


def film(id, dice):
    """A film as `/movie/{id}` answers it, 1.5 KB, made up from its number."""
    text = lambda count: " ".join(dice.choice(WORDS) for _ in range(count))  # noqa: E731
    path = lambda: "/" + "".join(dice.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", k=27)) + ".jpg"  # noqa: E731
    title = text(3).title()
    collection = {"id": 2000 + id % 500, "name": text(2).title() + " Collection", "poster_path": path(), "backdrop_path": path()}
    genres = [(28, "Action"), (878, "Science Fiction"), (12, "Adventure"), (18, "Drama"), (35, "Comedy")]
    return {
        "adult": False,
        "backdrop_path": path(),
        "belongs_to_collection": collection if id % 4 == 0 else None,
        "budget": dice.randrange(200_000_000),
        "genres": [{"id": id, "name": name} for id, name in dice.sample(genres, 1 + id % 3)],
        "homepage": "",
        "id": id,
        "imdb_id": f"tt{id:07}",
        "origin_country": ["US"],
        "original_language": "en",
        "original_title": title,
        "overview": text(40 + id % 40).capitalize() + ".",
        "popularity": round(dice.random() * 50, 4),
        "poster_path": path(),
        "production_companies": [
            {"id": dice.randrange(9000), "logo_path": path(), "name": text(2).title(), "origin_country": "US"} for _ in range(2)
        ],
        "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
        "release_date": f"{1930 + id % 95}-{1 + id % 12:02}-{1 + id % 28:02}",
        "revenue": dice.randrange(900_000_000),
        "runtime": 60 + id % 120,
        "softcore": False,
        "spoken_languages": [{"english_name": "English", "iso_639_1": "en", "name": "English"}],
        "status": "Released",
        "tagline": text(5).capitalize() + ".",
        "title": title,
        "video": False,
        "vote_average": round(dice.random() * 10, 3),
        "vote_count": dice.randrange(30_000),
    }


def make_films(folder, count):
    """The files that nginx serves; a folder that has them is left as it is."""
    done = folder / f"{count}.done"
    if done.exists():
        return
    films = folder / "3" / "movie"
    films.mkdir(parents=True, exist_ok=True)
    total = 0
    for id in range(1, count + 1):
        body = json.dumps(film(id, random.Random(id)), separators=(",", ":")).encode()
        (films / str(id)).write_bytes(body)
        total += len(body)
    print(f"{count} films of {total / count:.0f} bytes", file=sys.stderr)
    done.touch()


class Nginx:
    """nginx with one worker and no log, on a free port of loopback. Files are opened anew for each request: kept open, a
    hundred thousand of them are more than a process may have."""

    def __init__(self, program, work, films):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = f"""
            daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/nginx.error crit;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; default_type application/json; sendfile off; tcp_nodelay on; keepalive_requests 1000000000;
                client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3;
                uwsgi_temp_path {work}/t4; scgi_temp_path {work}/t5;
                server {{ listen 127.0.0.1:{self.port}; root {films}; }}
            }}
        """
        path = Path(work) / "nginx.conf"
        path.write_text(config)
        self.process = subprocess.Popen([program, "-c", str(path), "-e", f"{work}/nginx.error"])
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("nginx does not start: see " + f"{work}/nginx.error")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def measured(command, environment, log):
    """Runs `command` to its end: seconds, CPU seconds and peak memory in MB of it and its children."""
    start = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {Path(log).read_text(errors='replace')[-2000:]}")
    return time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def rows_of(python, path):
    """Rows of the Parquet files at or below `path`, read by pyarrow."""
    count = (
        "import sys, glob, os, pyarrow.parquet as pq; p = sys.argv[1]; "
        "fs = [p] if os.path.isfile(p) else [f for f in glob.glob(p + '/**/*.parquet', recursive=True) if '_dlt' not in f and '/dlt/' not in f]; "
        "print(sum(pq.ParquetFile(f).metadata.num_rows for f in fs))"
    )
    return int(subprocess.check_output([python, "-c", count, str(path)]))


def main():
    parser = argparse.ArgumentParser()
    for name in ("work", "program", "python"):
        parser.add_argument(name)
    parser.add_argument("--films", type=int, default=100_000)
    parser.add_argument("--slow", type=int, default=5_000, help="films of the contenders that take milliseconds for each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names with commas between them")
    arguments = parser.parse_args()
    work = Path(arguments.work).resolve()
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if nginx is None:
        sys.exit("nginx is not installed: apt-get install nginx-light")
    make_films(work / "films", arguments.films)
    server = Nginx(nginx, work, work / "films")
    base_url = f"http://127.0.0.1:{server.port}/3"
    try:
        compare(arguments, work, base_url)
    finally:
        server.stop()


def contenders(arguments, work, base_url):
    """Name, films, command, and where its rows are."""
    films, slow, python = arguments.films, arguments.slow, arguments.python
    out = work / "out"
    ours = lambda keep: [  # noqa: E731
        arguments.program, "run", str(HERE / f"films{keep}.yaml"), "--limit", str(films), "--out", str(out), "--state",
        str(out / "state"), "--progress", "none",
    ]
    found = []
    found.append(("tmdb-etl", films, ours("_keep_none"), out / "films.parquet"))
    found.append(("tmdb-etl, documents kept", films, ours(""), out / "films.parquet"))
    for name, module, script, count, where in (
        ("aiohttp by hand", "aiohttp", "asyncio_films.py", films, out / "films.parquet"),
        ("dlt", "dlt", "dlt_films.py", slow, out),
        ("Scrapy", "scrapy", "scrapy_films.py", slow, out / "films.parquet"),
    ):
        if subprocess.call([python, "-c", f"import {module}, pyarrow"], stderr=subprocess.DEVNULL) == 0:
            found.append((name, count, [python, str(HERE / script), base_url, str(count), str(where)], where))
        else:
            print(f"skipped: {name} ({module} is not installed for {python})", file=sys.stderr)
    if arguments.only:
        found = [contender for contender in found if contender[0] in arguments.only.split(",")]
    return found, out


def wrk(work, base_url, films):
    """Requests per second of wrk over all files, or nothing where it is not installed."""
    if shutil.which("wrk") is None:
        print("skipped: wrk (not installed: apt-get install wrk)", file=sys.stderr)
        return None
    script = work / "wrk.lua"
    script.write_text(f'local id = 0\nrequest = function() id = id % {films} + 1; return wrk.format("GET", "/3/movie/" .. id) end\n')
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d5s", "-s", str(script), base_url]
    output = subprocess.check_output(command, text=True)
    return float(output.split("Requests/sec:")[1].split()[0])


def compare(arguments, work, base_url):
    found, out = contenders(arguments, work, base_url)
    environment = dict(os.environ, TMDB_BASE_URL=base_url, TMDB_TOKEN="any")
    results = {name: [] for name, *_ in found}
    ceiling = []
    for round in range(arguments.rounds):
        order = list(found)
        random.Random(round).shuffle(order)
        ceiling.append(wrk(work, base_url, arguments.films))
        for name, films, command, where in order:
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            seconds, cpu, memory = measured(command, environment, work / "log")
            rows = rows_of(arguments.python, where)
            if rows != films:
                sys.exit(f"{name} wrote {rows} rows, not {films}")
            results[name].append((films / seconds, cpu / films * 1e6, memory, seconds))
            print(f"round {round + 1}: {name}: {films / seconds:.0f} rows/s, {cpu / films * 1e6:.1f} us of CPU", file=sys.stderr)
    shutil.rmtree(out, ignore_errors=True)

    def median(values):
        return sorted(values)[len(values) // 2]

    first = found[0][0]
    print("| | films | rows/s | CPU µs a row | peak memory | speed of `tmdb-etl` to it | its CPU to that of `tmdb-etl` |")
    print("|---|---|---|---|---|---|---|")
    for name, films, *_ in found:
        runs = results[name]
        ratio = median([ours[0] / theirs[0] for ours, theirs in zip(results[first], runs)])
        cost = median([theirs[1] / ours[1] for ours, theirs in zip(results[first], runs)])
        print(
            f"| {name} | {films:,} | {median([run[0] for run in runs]):,.0f} | {median([run[1] for run in runs]):,.1f} | "
            f"{median([run[2] for run in runs]):,.0f} MB | {ratio:.2f} | {cost:.2f} |"
        )
    if None not in ceiling:
        ratio = median([ours[0] / requests for ours, requests in zip(results[first], ceiling)])
        print(f"| wrk (nothing but requests) | 5 s | {median(ceiling):,.0f} | | | {ratio:.2f} | |")


if __name__ == "__main__":
    main()
