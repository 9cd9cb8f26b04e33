//! The program over TLS, as its server sees it: HTTP/2 and HTTP/1.1, gzip, authorities, proxies, and what goes wrong.
//!
//! Every test runs the program as a process of its own: what the environment says about certificates and proxies holds
//! for a whole process.

mod authority;
mod faults;
mod proxy;
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::Output;

use hyper::Version;

use crate::cli::place::{Place, text};
use authority::{Authority, NAMES};
use server::{Asked, Door, Reaction, Server, answer, document, film};

const BOTH: [&str; 2] = ["h2", "http/1.1"];
const TOKEN: &str = "s3nt1nel-0f-a-cr3dent1al";

/// A pipeline of `films` films with these settings of the API.
fn pipeline(films: usize, api: &str) -> String {
    format!(
        "\
version: 1
name: small
api: {{rate: none, {api}}}
stages:
  ids: {{kind: seed, range: 1..{films}}}
  movies: {{kind: fetch, path: '/movie/{{id}}', concurrency: 16}}
  films:
    kind: project
    columns: {{id: int64, title: string, release_date: date}}
    output: {{path: out/films.parquet}}
"
    )
}

/// A place with a pipeline and the certificate of an authority in `ca.pem`.
fn place(authority: &Authority, films: usize, api: &str) -> Place {
    let place = Place::new();
    place.write("small.yaml", &pipeline(films, api));
    place.write("ca.pem", authority.pem());
    place
}

/// Runs the pipeline against `url`, trusting `ca.pem`, with more in the environment.
fn run(place: &Place, url: &str, env: &[(&str, &str)]) -> Output {
    let mut all = vec![("TMDB_TOKEN", TOKEN), ("SSL_CERT_FILE", "ca.pem"), ("TMDB_BASE_URL", url)];
    all.extend(env);
    place.run(&["run", "small.yaml", "-vv", "--progress", "none"], &all)
}

/// All of a run's output; it never shows the credential.
#[track_caller]
fn shown(output: &Output) -> String {
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert!(!shown.contains(TOKEN), "the credential is shown: {shown}");
    shown
}

#[track_caller]
fn assert_complete(output: &Output, films: usize) {
    let shown = shown(output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains(&format!("{films} rows")), "{shown}");
}

fn tls(authority: &Authority, protocols: &[&str]) -> Door {
    Door::Tls(authority.server(&NAMES, protocols, false))
}

#[test]
fn alpn_decides_and_requests_share_connections() {
    let check = |protocols: &[&str], version: Version, shares: fn(&Server) -> bool| {
        let authority = Authority::new();
        let server = Server::start(tls(&authority, protocols), document);
        let place = place(&authority, 60, "connections: 3");
        assert_complete(&run(&place, &server.url("localhost"), &[]), 60);
        let asked = server.asked();
        let versions: Vec<_> = asked.iter().map(|asked| asked.version).collect();
        assert_eq!(versions, vec![version; 60], "{protocols:?}");
        let targets: BTreeSet<_> = asked.iter().map(|asked| asked.target.as_str()).collect();
        assert_eq!(targets.len(), 60, "each film once");
        let token = format!("Bearer {TOKEN}");
        assert!(asked.iter().all(|asked| asked.headers["authorization"] == *token));
        assert!(asked.iter().all(|asked| asked.headers["accept-encoding"] == "gzip"));
        assert!(
            shares(&server),
            "{protocols:?}: {} connections, {} at once",
            server.connections(),
            server.open_max()
        );
    };
    // One connection carries everything, from the first request on.
    check(&BOTH, Version::HTTP_2, |server| server.connections() == 1);
    check(&["h2"], Version::HTTP_2, |server| server.connections() == 1);
    check(&["http/1.1"], Version::HTTP_11, |server| server.open_max() <= 3);
    // A server that does not negotiate speaks HTTP/1.1.
    check(&[], Version::HTTP_11, |server| server.open_max() <= 3);
}

#[test]
fn both_ways_to_name_an_authority_are_honoured() {
    let check = |env: &[(&str, &str)]| {
        let authority = Authority::new();
        let server = Server::start(tls(&authority, &BOTH), document);
        let place = place(&authority, 3, "connections: 3");
        fs::create_dir(place.path().join("certificates")).unwrap();
        place.write("certificates/private.pem", authority.pem());
        let url = server.url("127.0.0.1");
        let mut all = vec![("TMDB_TOKEN", TOKEN), ("TMDB_BASE_URL", &*url)];
        all.extend(env);
        assert_complete(&place.run(&["run", "small.yaml"], &all), 3);
    };
    check(&[("SSL_CERT_FILE", "ca.pem")]);
    check(&[("SSL_CERT_DIR", "certificates")]);
    check(&[("SSL_CERT_FILE", "none.pem"), ("SSL_CERT_DIR", "certificates")]);
}

#[test]
fn settings_for_certificates_that_lead_nowhere_are_told() {
    let authority = Authority::new();
    let server = Server::start(tls(&authority, &BOTH), document);
    let place = place(&authority, 3, "connections: 3");
    place.write("empty.pem", "no certificate");
    for file in ["none.pem", "empty.pem", "."] {
        let output = run(&place, &server.url("localhost"), &[("SSL_CERT_FILE", file)]);
        let shown = shown(&output);
        assert_eq!(output.status.code(), Some(1), "{file}: {shown}");
        assert!(shown.contains("hint: SSL_CERT_FILE and SSL_CERT_DIR"), "{file}: {shown}");
        // The embedded API needs no authority.
        let env = [("SSL_CERT_FILE", file)];
        assert_eq!(place.run(&["run", "small.yaml", "--mock"], &env).status.code(), Some(0), "{file}");
    }
    assert_eq!(server.connections(), 0);
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(body: Vec<u8>) -> Reaction {
    let mut response = answer(200, body);
    response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    Reaction::Answer(response)
}

#[test]
fn gzip_is_decoded_and_a_body_cut_inside_of_it_is_asked_for_again() {
    for protocols in [["h2"], ["http/1.1"]] {
        let authority = Authority::new();
        let server = Server::start(tls(&authority, &protocols), |asked: &Asked| {
            let mut body = gzip(&film(&asked.target));
            if asked.number.is_multiple_of(2) && asked.number < 6 {
                body.truncate(body.len() - 9);
            }
            gzipped(body)
        });
        let place = place(&authority, 3, "connections: 3");
        assert_complete(&run(&place, &server.url("localhost"), &[]), 3);
        assert_eq!(server.asked().len(), 6, "three were cut");
    }
}

/// 1 GiB of spaces in 1 MB: it is read up to the bound on bodies and no further, so the process stays small.
#[test]
fn a_small_body_that_inflates_without_end_is_refused_in_little_memory() {
    const MEMORY_MAX_KIB: u64 = 192 << 10;
    let authority = Authority::new();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..1024 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let server = Server::start(tls(&authority, &BOTH), move |asked: &Asked| match asked.path() {
        "/3/movie/1" => gzipped(bomb.clone()),
        "/3/movie/2" => document(asked),
        // The run is held here, so that its memory can be looked at.
        _ => Reaction::Silence,
    });
    let place = place(&authority, 3, "connections: 1, timeout: 20s");
    let url = server.url("localhost");
    let env = [("TMDB_TOKEN", TOKEN), ("SSL_CERT_FILE", "ca.pem"), ("TMDB_BASE_URL", &*url)];
    let text = fs::read_to_string(place.path().join("small.yaml")).unwrap();
    place.write("small.yaml", &text.replace("stages:", "max_failures: 1\nstages:"));
    let log = fs::File::create(place.path().join("log")).unwrap();
    let mut child = place.command(&["run", "small.yaml", "-v"], &env).stderr(log).spawn().unwrap();
    while server.asked().len() < 3 {
        assert_eq!(
            child.try_wait().unwrap(),
            None,
            "{}",
            fs::read_to_string(place.path().join("log")).unwrap()
        );
        std::thread::yield_now();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    let log = fs::read_to_string(place.path().join("log")).unwrap();
    assert!(log.contains("the body is larger than 33554432 bytes, after 1 attempt"), "{log}");
    // Only Linux says so.
    if let Ok(status) = status {
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the most memory so far");
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kib < MEMORY_MAX_KIB, "{kib} KiB");
    }
}
