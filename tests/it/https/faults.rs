//! What goes wrong under HTTP and inside of it: what is said, and how often it is tried.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use hyper::Response;

use super::authority::{Authority, NAMES};
use super::server::{Asked, Door, Reaction, Relay, Server, answer, document, film, pieces};
use super::{BOTH, TOKEN, assert_complete, place, run, shown, tls};

/// From the last `error:` on.
fn told(output: &std::process::Output) -> String {
    let shown = shown(output);
    shown[shown.rfind("error: ").unwrap_or_else(|| panic!("no error is told: {shown}"))..].to_owned()
}

/// Whoever cannot prove to be the API is asked nothing, and is not tried twice.
#[test]
fn who_is_not_trusted_ends_the_run_at_once() {
    let mut page = String::new();
    let mut check = |what: &str, host: &str, door: &dyn Fn(&Authority) -> Door| {
        let authority = Authority::new();
        let server = Server::start(door(&authority), document);
        let place = place(&authority, 40, "timeout: 5s");
        let output = run(&place, &server.url(host), &[]);
        let told = told(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {told}");
        assert_eq!(server.connections(), 1, "{what}: {told}");
        assert_eq!(server.asked().len(), 0, "{what}: {told}");
        assert!(!place.path().join("out/films.parquet").exists(), "{what}");
        write!(page, "# {what}\n{told}\n").unwrap();
    };
    check("signed by somebody else", "localhost", &|_| tls(&Authority::named("another"), &BOTH));
    check("signed by somebody of the same name", "localhost", &|_| tls(&Authority::new(), &BOTH));
    check("expired", "localhost", &|own| Door::Tls(own.server(&NAMES, &BOTH, true)));
    check("for another host", "127.0.0.1", &|own| Door::Tls(own.server(&["films.test"], &BOTH, false)));
    check("plain HTTP on the port of TLS", "localhost", &|_| Door::Plain);
    check("a protocol that nobody asked for", "localhost", &|own| tls(own, &["h3"]));
    insta::assert_snapshot!(page);
}

/// These may pass, so they are tried as often as the file says.
#[test]
fn a_server_that_is_gone_is_tried_again_and_the_way_out_is_told() {
    let check = |door: Door, api: &str, tries: Option<usize>, message: &str, hint: &str| {
        let authority = Authority::new();
        let server = Server::start(door, document);
        let place = place(&authority, 1, &format!("retry: {{attempts: 3}}, {api}"));
        let url = server.url("localhost");
        // Without a number of tries, it is gone for good.
        let server = Some(server).filter(|_| tries.is_some());
        let output = run(&place, &url, &[]);
        let told = told(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(message) && told.contains(hint), "{told}");
        assert_eq!(server.map(|server| server.connections()), tries, "{told}");
        assert!(shown(&output).contains("after 3 attempts"), "{}", shown(&output));
    };
    let network = "hint: check the host and port in `api.base_url`";
    check(Door::Cut, "timeout: 5s", Some(3), "could not connect: ", network);
    check(Door::Silent, "timeout: 300ms", Some(3), "no answer within 0.3 s", "hint: ");
    check(Door::Plain, "timeout: 5s", None, "could not connect: ", network);
}

#[test]
fn a_host_without_address_is_named() {
    let authority = Authority::new();
    let place = place(&authority, 1, "retry: {attempts: 2}");
    let output = run(&place, "https://films.invalid/3", &[]);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("no address was found for the host `films.invalid`"), "{told}");
    assert!(told.contains("hint: check the host in `api.base_url` and TMDB_BASE_URL"), "{told}");
}

/// Runs ten films against a server of one protocol; all come, in so many requests.
fn comes_through(
    protocol: &str,
    requests: usize,
    react: impl Fn(&Asked) -> Reaction + Send + Sync + 'static,
) -> Server {
    let authority = Authority::new();
    let server = Server::start(tls(&authority, &[protocol]), react);
    let place = place(&authority, 10, "connections: 4, timeout: 5s");
    assert_complete(&run(&place, &server.url("localhost"), &[]), 10);
    assert_eq!(server.asked().len(), requests, "{protocol}");
    server
}

/// The film, of which half arrives.
fn half(asked: &Asked) -> Reaction {
    let film = film(&asked.target);
    let length = film.len();
    let response = Response::builder().header("content-type", "application/json");
    let response = response.header("content-length", length);
    Reaction::Answer(response.body(pieces([film.slice(..length / 2)], true)).unwrap())
}

#[test]
fn resets_before_and_in_a_body_are_asked_for_again() {
    for protocol in BOTH {
        let third = |asked: &Asked| asked.number.is_multiple_of(3) && asked.number < 12;
        comes_through(
            protocol,
            14,
            move |asked| if third(asked) { Reaction::Reset } else { document(asked) },
        );
        comes_through(protocol, 14, move |asked| if third(asked) { half(asked) } else { document(asked) });
    }
}

/// Over HTTP/2 this is a GOAWAY. Requests that the server no longer takes are sent again, over another connection.
#[test]
fn a_server_that_closes_in_good_order_costs_no_film() {
    for protocol in BOTH {
        let authority = Authority::new();
        let server = Server::start(tls(&authority, &[protocol]), |asked: &Asked| {
            let response = answer(200, film(&asked.target));
            if asked.number % 4 == 3 { Reaction::Last(response) } else { Reaction::Answer(response) }
        });
        let place = place(&authority, 40, "connections: 4, timeout: 5s");
        assert_complete(&run(&place, &server.url("localhost"), &[]), 40);
        assert!(server.connections() > 1, "{protocol}");
    }
}

/// A connection that forwards nothing any more and is never closed: over HTTP/2 every further attempt would go into it.
#[test]
fn a_dead_connection_is_noticed_and_replaced() {
    let authority = Authority::new();
    let frozen =
        std::sync::Arc::new(std::sync::OnceLock::<std::sync::Arc<std::sync::atomic::AtomicUsize>>::new());
    let switch = std::sync::Arc::clone(&frozen);
    let server = Server::start(tls(&authority, &["h2"]), move |asked: &Asked| {
        if asked.number == 5 {
            switch.get().expect("set before the run").store(1, Ordering::SeqCst);
        }
        document(asked)
    });
    let relay = Relay::start(server.runtime(), server.port());
    frozen.set(relay.frozen()).unwrap();
    let place = place(&authority, 20, "timeout: 2s, retry: {attempts: 3}");
    let output = run(&place, &format!("https://localhost:{}/3", relay.port()), &[]);
    assert_complete(&output, 20);
    assert!(relay.connections() >= 2);
    let replaced = server.asked().iter().filter(|asked| asked.connection == 1).count();
    assert!(replaced > 0, "nothing came over the second connection");
}

/// Wherever it points to: the credential goes to one host.
#[test]
fn a_redirect_is_not_followed() {
    let check = |status: u16, location: fn(&Server) -> String, shows: &str| {
        let authority = Authority::new();
        let other = Server::start(tls(&authority, &BOTH), document);
        let location = location(&other);
        let server = Server::start(tls(&authority, &BOTH), move |_: &Asked| {
            let mut response = answer(status, Bytes::new());
            response.headers_mut().insert("location", location.parse().unwrap());
            Reaction::Answer(response)
        });
        let place = place(&authority, 1, "timeout: 5s");
        let output = run(&place, &server.url("localhost"), &[]);
        let told = told(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert_eq!((server.asked().len(), other.connections()), (1, 0), "{told}");
        assert!(told.contains(&format!("server answered {status}: it redirects to {shows}")), "{told}");
        assert!(told.contains("hint: check `api.base_url`") && !told.contains("s3cret"), "{told}");
    };
    for status in [301, 302, 303, 307, 308] {
        check(status, |other| other.url("localhost") + "/movie/1?api_key=s3cret", "https://localhost");
    }
    check(302, |_| "/login?from=s3cret".to_owned(), "https://localhost");
    check(302, |_| "http://user:s3cret@films.test/3".to_owned(), "http://films.test");
}

/// A refusal may quote what it refuses.
#[test]
fn a_refusal_that_quotes_the_credential_is_passed_on_without_it() {
    for name in ["TMDB_TOKEN", "TMDB_API_KEY"] {
        let authority = Authority::new();
        let server = Server::start(tls(&authority, &BOTH), |asked: &Asked| {
            let token = asked.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let quoted = token.unwrap_or_else(|| asked.target.clone());
            let body = format!(r#"{{"status_code":5,"status_message":"Invalid parameters: {quoted}"}}"#);
            Reaction::Answer(answer(422, body))
        });
        let place = place(&authority, 1, "timeout: 5s");
        let url = server.url("localhost");
        let env = [(name, TOKEN), ("SSL_CERT_FILE", "ca.pem"), ("TMDB_BASE_URL", &*url)];
        let output = place.run(&["run", "small.yaml", "-vv"], &env);
        let told = told(&output);
        assert!(told.contains("Invalid parameters: ") && told.contains("[redacted]"), "{told}");
    }
}
