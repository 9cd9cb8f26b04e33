//! Killed and stopped again and again: the same bytes, and next to nothing asked twice.

use std::io::Read as _;
use std::time::{Duration, Instant};

use tmdb_etl::mock::Config;

use super::{Bench, CONNECTIONS, Server, crawl, knob, pause, repeats, signal};

/// The films of a crawl, its latency, and how many attempts are ended before their time.
fn setting() -> (u64, Config, u64) {
    let films = knob("TORTURE_FILMS", 240);
    let config = Config { films: 6000, latency: "20ms±15ms".parse().unwrap(), ..Config::default() };
    (films, config, knob("TORTURE_KILLS", 12))
}

/// Ends attempts with `signal_name` at random moments, each begun by the same command; then lets one run to its end.
fn interrupted(signal_name: &str) {
    let seed = knob("TORTURE_SEED", 1);
    let mut dice = fastrand::Rng::with_seed(seed);
    let (films, config, kills) = setting();
    let server = Server::start(config.clone());
    let pipeline = crawl("killed", films, "");
    let started = Instant::now();
    let whole = Bench::new(&server, &pipeline).complete();
    let whole_took = started.elapsed();
    let asked_once = server.stop();
    assert_eq!(repeats(&asked_once), 0, "nothing is asked twice in a run");

    let server = Server::start(config);
    let bench = Bench::new(&server, &pipeline);
    let (mut killed, mut most, mut counted) = (0, 0, 0);
    for round in 0..kills {
        let mut run = bench.start();
        // Where the crawl is after so many requests more, so that all of it meets a kill; now and then in the first moments.
        // The last few come at any moment, up to the publish and after it.
        let left = asked_once.requests.saturating_sub(server.mock.requests() - counted);
        if round + kills / 6 >= kills {
            pause(dice.u64(0..=u64::try_from(whole_took.as_millis()).unwrap()));
        } else if dice.u8(..6) == 0 {
            pause(dice.u64(0..100));
        } else {
            let more = dice.u64(0..=left * 3 / 2 / (kills - round));
            let (before, patience) = (server.mock.requests(), Instant::now());
            while server.mock.requests() < before + more && run.try_wait().unwrap().is_none() {
                assert!(patience.elapsed() < Duration::from_mins(5), "seed {seed}, round {round}: it hangs");
                pause(1);
            }
        }
        let was_running = run.try_wait().unwrap().is_none();
        killed += u64::from(was_running);
        signal_if_running(&mut run, signal_name);
        let mut text = String::new();
        run.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        let code = run.wait().unwrap().code();
        assert!(!text.contains("panicked"), "seed {seed}, round {round}: {text}");
        match signal_name {
            // In the middle of a publish it is too late to stop; and who has not begun yet just ends.
            "-TERM" => assert!(
                matches!(code, Some(143 | 0)) || code.is_none() && text.is_empty(),
                "seed {seed}, round {round}: {code:?} {text}"
            ),
            _ => assert!(matches!(code, None | Some(0)), "seed {seed}, round {round}: {code:?} {text}"),
        }
        let repeated = repeats(&server.stats());
        most = most.max(repeated - counted);
        counted = repeated;
        let tables = bench.tables();
        assert!(tables.is_empty() || tables == whole, "seed {seed}, round {round}: tables of no whole run");
    }
    let tables = bench.complete();
    for (name, bytes) in &whole {
        assert!(
            tables.get(name) == Some(bytes),
            "seed {seed}: `{name}` differs from that of an uninterrupted run"
        );
    }
    assert_eq!(tables.len(), whole.len());
    assert_eq!(bench.staged(), Vec::<std::path::PathBuf>::new(), "seed {seed}: staged files are left");
    let stats = server.stop();
    assert_eq!(stats.asked.len(), asked_once.asked.len(), "seed {seed}: it asked for something else");
    let repeated = repeats(&stats);
    let most = most.max(repeated - counted);
    println!(
        "{signal_name}, seed {seed}: {killed} of {kills} attempts ended early; {} requests, {repeated} of them repeated, at most {most} \
         between two kills",
        stats.requests
    );
    assert!(killed > kills / 2, "seed {seed}: only {killed} attempts were ended early");
    assert!(
        repeated <= CONNECTIONS * killed,
        "seed {seed}: {repeated} requests were repeated by {killed} kills"
    );
    if signal_name == "-TERM" {
        assert!(repeated <= killed, "seed {seed}: what was under way is kept: {repeated} were repeated");
    }
}

fn signal_if_running(run: &mut std::process::Child, name: &str) {
    if run.try_wait().unwrap().is_none() {
        signal(run, name);
    }
}

#[test]
fn killed_at_any_moment_a_crawl_goes_on_and_ends_in_the_same_bytes() {
    interrupted("-KILL");
}

#[test]
fn stopped_at_any_moment_a_crawl_goes_on_and_ends_in_the_same_bytes() {
    interrupted("-TERM");
}
