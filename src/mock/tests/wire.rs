//! The server over loopback: headers, credentials, limits, faults, recordings, its end.

use std::num::NonZeroU32;
use std::time::Duration;

use futures::future::join_all;
use reqwest::{Client, ClientBuilder, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::super::{Auth, Config, Fault, FaultKind, Mock, MockError, RateLimit, SLOW, start};

fn builder() -> ClientBuilder {
    // Fails if another test was first, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().no_proxy()
}

fn client() -> Client {
    builder().build().unwrap()
}

async fn started(config: Config) -> Mock {
    start(Config { films: 200, record: true, ..config }).await.unwrap()
}

fn always(kind: FaultKind) -> Config {
    Config { faults: vec![Fault { kind, share: 1.0 }], ..Config::default() }
}

async fn status(client: &Client, mock: &Mock, target: &str) -> StatusCode {
    client.get(format!("{}{target}", mock.base_url())).bearer_auth("any").send().await.unwrap().status()
}

/// The raw text of an HTTP/1.1 response, until the server closes.
async fn raw(mock: &Mock, target: &str, headers: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(mock.addr()).await.unwrap();
    let request = format!(
        "GET /3{target} HTTP/1.1\r\nhost: mock\r\nauthorization: Bearer x\r\nconnection: close\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    // A reset instead of an end is an end too.
    drop(stream.read_to_end(&mut response).await);
    response
}

#[tokio::test]
async fn answers_carry_the_headers_of_tmdb() {
    let mock = started(Config::default()).await;
    let response =
        client().get(format!("{}/movie/1726", mock.base_url())).bearer_auth("any").send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json;charset=utf-8");
    let etag = header("etag");
    assert!(etag.starts_with("W/\"") && etag.len() == 36, "{etag}");
    let age: u32 = header("cache-control").strip_prefix("public, max-age=").unwrap().parse().unwrap();
    assert!(age < 28_800);
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["accept-encoding", "Origin"]);
    assert!(response.text().await.unwrap().contains("\"title\":\"Iron Man\""));
    let missing =
        client().get(format!("{}/movie/0", mock.base_url())).bearer_auth("any").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert!(missing.headers().get("etag").is_none() && missing.headers().get("cache-control").is_none());
    mock.stop().await;
}

#[tokio::test]
async fn bodies_are_zipped_for_whoever_takes_it() {
    let mock = started(Config::default()).await;
    let plain = String::from_utf8(raw(&mock, "/movie/1726", "").await).unwrap();
    assert!(plain.contains("transfer-encoding: chunked") && !plain.contains("content-encoding"));
    let zipped = raw(&mock, "/movie/1726", "accept-encoding: gzip\r\n").await;
    assert!(zipped.len() < plain.len());
    let head = String::from_utf8_lossy(&zipped);
    assert!(head.contains("content-encoding: gzip"));
    let etag = |text: &str| text.lines().find(|line| line.starts_with("etag")).unwrap().to_owned();
    assert_eq!(etag(&plain), etag(&head));
}

#[tokio::test]
async fn http_2_in_the_clear_is_understood() {
    let mock = started(Config::default()).await;
    let client = builder().http2_prior_knowledge().build().unwrap();
    let gets = (1..40).map(|id| status(&client, &mock, if id % 2 == 0 { "/movie/1726" } else { "/movie/0" }));
    let statuses = join_all(gets).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 19);
    assert_eq!(mock.stats().requests, 39);
    assert_eq!(mock.stats().by_status[&404], 20);
}

#[tokio::test]
async fn only_the_known_credential_is_taken() {
    let any = started(Config::default()).await;
    let one = started(Config { auth: Auth::Token("secret".into()), ..Config::default() }).await;
    let check = async |mock: &Mock, bearer: Option<&str>, query: &str, expect: u16| {
        let request = client().get(format!("{}/movie/1726{query}", mock.base_url()));
        let request = if let Some(bearer) = bearer { request.bearer_auth(bearer) } else { request };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), expect, "{bearer:?} {query}");
        if expect == 401 {
            let text = response.text().await.unwrap();
            assert_eq!(
                text,
                r#"{"status_code":7,"status_message":"Invalid API key: You must be granted a valid key.","success":false}"#
            );
        }
    };
    check(&any, None, "", 401).await;
    check(&any, Some(""), "", 401).await;
    check(&any, None, "?api_key=", 401).await;
    check(&any, Some("x"), "", 200).await;
    check(&any, None, "?api_key=x", 200).await;
    check(&one, Some("x"), "", 401).await;
    check(&one, None, "?api_key=x", 401).await;
    check(&one, Some("secret"), "", 200).await;
    check(&one, None, "?api_key=secret", 200).await;
    assert!(any.stats().asked.keys().all(|request| !request.contains("api_key")));
}

#[tokio::test]
async fn over_the_limit_is_429_with_retry_after_only_if_told() {
    for retry_after in [false, true] {
        let limit = RateLimit { requests: 3, window: Duration::from_mins(10) };
        let mock = started(Config { rate_limit: Some(limit), retry_after, ..Config::default() }).await;
        for _ in 0..3 {
            assert_eq!(status(&client(), &mock, "/movie/1726").await, 200);
        }
        let refused =
            client().get(format!("{}/movie/1726", mock.base_url())).bearer_auth("any").send().await.unwrap();
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers().contains_key("retry-after"), retry_after);
        assert!(refused.text().await.unwrap().contains("\"status_code\":25"));
        assert_eq!(mock.stats().over_limit, 1);
        assert_eq!(mock.stats().most_within(Duration::from_mins(10)), 4);
    }
}

#[tokio::test]
async fn faults_come_three_times_and_then_the_answer() {
    let check = async |kind: FaultKind, expect: u16, content_type: &str| {
        let mock = started(always(kind)).await;
        for _ in 0..3 {
            let response = client()
                .get(format!("{}/movie/1726", mock.base_url()))
                .bearer_auth("x")
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), expect, "{kind:?}");
            assert!(response.headers()["content-type"].to_str().unwrap().starts_with(content_type));
        }
        assert_eq!(status(&client(), &mock, "/movie/1726").await, 200, "{kind:?}");
        assert_eq!(mock.stats().faults[&kind], 3);
        assert_eq!(mock.stats().asked["/3/movie/1726"], 4);
    };
    check(FaultKind::Status500, 500, "application/json").await;
    check(FaultKind::TooManyRequests, 429, "application/json").await;
    check(FaultKind::Html, 502, "text/html").await;
}

#[tokio::test]
async fn cut_bodies_break_off_after_their_headers() {
    let mock = started(always(FaultKind::Cut)).await;
    for client in [client(), builder().http2_prior_knowledge().build().unwrap()] {
        let response =
            client.get(format!("{}/movie/1726", mock.base_url())).bearer_auth("x").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.bytes().await.is_err());
    }
    let text = String::from_utf8(raw(&mock, "/movie/1726", "").await).unwrap();
    assert!(text.contains("\"adult\":false") && !text.ends_with("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn resets_close_the_connection_without_an_answer() {
    let mock = started(always(FaultKind::Reset)).await;
    for _ in 0..3 {
        assert_eq!(raw(&mock, "/movie/1726", "").await, b"");
    }
    assert_eq!(status(&client(), &mock, "/movie/1726").await, 200);
    assert_eq!(mock.stats().by_status.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn dead_ids_fail_every_time() {
    let mock = started(always(FaultKind::Dead)).await;
    for target in ["/movie/1726"; 6] {
        assert_eq!(status(&client(), &mock, target).await, 500);
    }
    assert_eq!(status(&client(), &mock, "/movie/1726/similar").await, 500);
}

#[tokio::test]
async fn connections_and_requests_in_flight_are_counted() {
    let mock = started(Config::default()).await;
    let client = client();
    join_all((0..8).map(|_| status(&client, &mock, "/movie/1726"))).await;
    let stats = mock.stats();
    assert!(stats.connections_max <= 8 && stats.in_flight_max <= stats.connections_max);
    assert_eq!(stats.requests, 8);
    assert_eq!(stats.arrivals.len(), 8);
}

#[tokio::test]
async fn beyond_the_limit_on_connections_requests_wait_and_are_answered() {
    let connections = NonZeroU32::new(2);
    let mock = started(Config { connections, latency: "20ms".parse().unwrap(), ..Config::default() }).await;
    let client = client();
    let answers = join_all((0..12).map(|_| status(&client, &mock, "/movie/1726"))).await;
    assert!(answers.iter().all(StatusCode::is_success), "{answers:?}");
    let stats = mock.stats();
    assert_eq!((stats.in_flight_max, stats.requests), (2, 12));
    assert!(stats.connections_max > 2, "they were opened, and waited");
}

#[tokio::test(start_paused = true)]
async fn latency_and_slowness_pass_on_the_clock_of_tokio() {
    let check = async |config: Config, expect: Duration| {
        let mock = started(config).await;
        let before = Instant::now();
        assert!(!raw(&mock, "/movie/1726", "").await.is_empty());
        assert!(before.elapsed() >= expect, "{:?}", before.elapsed());
    };
    let latency = "5m".parse().unwrap();
    check(Config { latency, ..Config::default() }, Duration::from_mins(5)).await;
    check(always(FaultKind::Slow), SLOW).await;
}

#[tokio::test]
async fn films_are_padded_to_a_size_of_their_own_and_nothing_else_is() {
    let body_size = Some("20KiB..60KiB".parse().unwrap());
    let mock = started(Config { body_size, ..Config::default() }).await;
    let body = async |path: &str| {
        let url = format!("{}{path}", mock.base_url());
        client().get(url).bearer_auth("x").send().await.unwrap().bytes().await.unwrap()
    };
    let mut sizes = Vec::new();
    for id in 1..=9 {
        let film = body(&format!("/movie/{id}")).await;
        if film.len() < 1000 {
            continue; // 404
        }
        let value: serde_json::Value = serde_json::from_slice(&film).unwrap();
        assert!(value["title"].is_string() && value["padding"].is_string());
        assert!((20 << 10..=60 << 10).contains(&film.len()), "{}", film.len());
        assert_eq!(body(&format!("/movie/{id}")).await, film, "always the same");
        sizes.push(film.len());
    }
    sizes.dedup();
    assert!(sizes.len() > 3, "{sizes:?}");
    assert!(body("/movie/1726/similar").await.len() < 20 << 10);
    assert!(body("/movie/popular").await.len() < 20 << 10);
}

#[tokio::test]
async fn one_thousand_streams_leave_nothing_pending() {
    let faults = [FaultKind::Status500, FaultKind::Html, FaultKind::Cut, FaultKind::Reset];
    let faults = faults.map(|kind| Fault { kind, share: 0.05 }).to_vec();
    let mock = started(Config { faults, ..Config::default() }).await;
    let client = builder().http2_prior_knowledge().build().unwrap();
    let bodies = async |id: u32| {
        // Five attempts, as a client has them; bodies that are cut count as faults.
        for _ in 0..5 {
            let url = format!("{}/movie/{id}", mock.base_url());
            if let Ok(response) = client.get(url).bearer_auth("x").send().await
                && matches!(response.status().as_u16(), 200 | 404)
                && let Ok(body) = response.bytes().await
            {
                return Some(body);
            }
        }
        None
    };
    let got = join_all((0..1000).map(bodies)).await;
    assert!(got.iter().all(Option::is_some));
    let stats = mock.stats();
    assert_eq!(stats.faults.values().sum::<u64>() + 1000, stats.requests);
    assert!(stats.asked.values().all(|&times| times <= 4));
}

#[tokio::test]
async fn recordings_are_replayed_and_the_rest_comes_from_the_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = folder.path().join("bodies");
    std::fs::create_dir(&bodies).unwrap();
    std::fs::write(bodies.join("one.json"), "{\"id\":7}").unwrap();
    std::fs::write(bodies.join("gone.json"), "{}").unwrap();
    let index = "request\tstatus\tfile\n/3/movie/7?page=1\t200\tone.json\n/3/movie/1726?language=de\t404\tgone.json\n";
    std::fs::write(folder.path().join("index.tsv"), index).unwrap();
    let mock = started(Config { recordings: Some(bodies), ..Config::default() }).await;
    let url = format!("{}/movie/7?language=en-US", mock.base_url());
    let text = client().get(url).bearer_auth("x").send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "{\"id\":7}");
    assert_eq!(status(&client(), &mock, "/movie/1726?language=de").await, 404);
    assert_eq!(status(&client(), &mock, "/movie/1726").await, 200);
    assert_eq!(status(&client(), &mock, "/movie/0").await, 404);
}

#[tokio::test]
async fn what_cannot_work_is_said_at_the_start() {
    let fault = Fault { kind: FaultKind::Cut, share: 0.6 };
    let faults = Config { faults: vec![fault, fault], ..Config::default() };
    assert!(matches!(start(faults).await, Err(MockError::Faults { .. })));
    let recordings = Config { recordings: Some("/nowhere/at/all".into()), ..Config::default() };
    assert!(matches!(start(recordings).await, Err(MockError::Recordings(_))));
    let first = started(Config::default()).await;
    let taken = Config { addr: first.addr(), ..Config::default() };
    assert!(matches!(start(taken).await, Err(MockError::Listen { .. })));
}

#[tokio::test]
async fn nobody_is_served_after_the_end() {
    for stop in [true, false] {
        let mock = started(Config::default()).await;
        let addr = mock.addr();
        let mut open = TcpStream::connect(addr).await.unwrap();
        assert_eq!(status(&client(), &mock, "/movie/1726").await, 200);
        if stop {
            mock.stop().await;
        } else {
            drop(mock);
        }
        let mut rest = Vec::new();
        drop(open.read_to_end(&mut rest).await);
        assert!(rest.is_empty());
        assert!(TcpStream::connect(addr).await.is_err());
    }
}
