//! Proxies of the environment: which requests go through them, and what is said where they refuse.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    copy_bidirectional,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::server::{Server, document};
use super::{BOTH, assert_complete, place, run, shown, tls};

/// A proxy that writes down what it is asked for.
struct Proxy {
    _runtime: Runtime,
    addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that connects everything to `port`, or answers with `refusal`.
    fn start(port: u16, refusal: Option<&'static str>) -> Self {
        Self::behind(None, port, refusal)
    }

    /// One that is itself reached over TLS, if it has a certificate.
    fn behind(tls: Option<Arc<ServerConfig>>, port: u16, refusal: Option<&'static str>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        runtime.spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let (tls, seen) = (tls.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    match tls.map(TlsAcceptor::from) {
                        None => tunnel(client, port, refusal, seen).await,
                        Some(tls) => {
                            let client = tls.accept(client).await.unwrap();
                            // Whoever asks for HTTP/2 is not understood.
                            if client.get_ref().1.alpn_protocol().is_none() {
                                tunnel(client, port, refusal, seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { _runtime: runtime, addr, heads }
    }

    fn url(&self) -> String {
        format!("http://user:pr0xy-s3cret@{}", self.addr)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn tunnel(
    client: impl AsyncRead + AsyncWrite + Unpin,
    port: u16,
    refusal: Option<&str>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut client = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).await.unwrap_or(0) == 0 {
            break;
        }
    }
    seen.lock().unwrap().push(head);
    if let Some(refusal) = refusal {
        drop(client.write_all(refusal.as_bytes()).await);
        drop(client.shutdown().await);
        drop(client.read_to_end(&mut Vec::new()).await);
        return;
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    drop(copy_bidirectional(&mut client, &mut server).await);
}

/// `user:pr0xy-s3cret` in base64.
const BASIC: &str = "Basic dXNlcjpwcjB4eS1zM2NyZXQ=";

#[test]
fn requests_go_through_the_proxy_that_the_environment_names() {
    let check = |host: &str, variables: &[&str], rest: &[(&str, &str)], through: bool| {
        let authority = Authority::new();
        let server = Server::start(tls(&authority, &BOTH), document);
        let proxy = Proxy::start(server.port(), None);
        let place = place(&authority, 20, "connections: 3");
        let address = proxy.url();
        let mut env: Vec<_> = variables.iter().map(|&name| (name, address.as_str())).collect();
        env.extend(rest);
        let what = format!("{host} with {variables:?} and {rest:?}");
        let output = run(&place, &server.url(host), &env);
        assert_complete(&output, 20);
        assert!(!shown(&output).contains("pr0xy-s3cret"), "{what}");
        let heads = proxy.heads();
        assert_eq!(heads.len(), usize::from(through), "{what}: {heads:?}");
        for head in heads {
            assert!(
                head.starts_with(&format!("CONNECT {host}:{} HTTP/1.1\r\n", server.port())),
                "{what}: {head}"
            );
            let head = head.to_ascii_lowercase();
            assert!(
                head.contains(&format!("proxy-authorization: {BASIC}").to_ascii_lowercase()),
                "{what}: {head}"
            );
            // What is for the API is for the API only.
            assert!(!head.contains("\r\nauthorization"), "{what}: {head}");
        }
        // HTTP/2 goes through it too.
        assert_eq!(server.connections(), 1, "{what}");
        assert!(
            server.asked().iter().all(|asked| !asked.headers.contains_key("proxy-authorization")),
            "{what}"
        );
    };
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        // The proxy knows a host that has no address here.
        check("films.test", &[name], &[], true);
        check("0.0.0.0", &[name], &[], true);
    }
    let https = &["HTTPS_PROXY"];
    check("0.0.0.0", https, &[("ALL_PROXY", "http://127.0.0.1:1")], true);
    check("0.0.0.0", https, &[("NO_PROXY", "films.test,10.0.0.0/8")], true);
    check("0.0.0.0", https, &[("NO_PROXY", "")], true);
    check("0.0.0.0", https, &[("NO_PROXY", "films.test, 0.0.0.0")], false);
    check("0.0.0.0", https, &[("no_proxy", "0.0.0.0/8")], false);
    // That is for plain http, which leaves to loopback only.
    check("0.0.0.0", &["HTTP_PROXY", "http_proxy"], &[], false);
    // Loopback never goes through a proxy.
    for host in ["localhost", "127.0.0.1"] {
        check(host, &["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "all_proxy"], &[], false);
    }
}

#[test]
fn a_proxy_may_be_reached_over_tls_itself() {
    let authority = Authority::new();
    let server = Server::start(tls(&authority, &BOTH), document);
    // It would speak HTTP/2, if it were asked to, and does not understand CONNECT there.
    let proxy = Proxy::behind(Some(authority.server(&["localhost"], &BOTH, false)), server.port(), None);
    let place = place(&authority, 20, "connections: 3");
    let address = format!("https://user:pr0xy-s3cret@localhost:{}", proxy.addr.port());
    let output = run(&place, &server.url("films.test"), &[("HTTPS_PROXY", &address)]);
    assert_complete(&output, 20);
    assert!(!shown(&output).contains("pr0xy-s3cret"));
    let [head] = &proxy.heads()[..] else { panic!("{:?}", proxy.heads()) };
    assert!(head.starts_with("CONNECT films.test:") && head.contains(BASIC), "{head}");
    assert!(head.to_ascii_lowercase().contains("\r\nuser-agent: tmdb-etl/"), "{head}");
}

#[test]
fn a_domain_in_no_proxy_stands_for_its_hosts() {
    let check = |no_proxy: &str| {
        let authority = Authority::new();
        let proxy = Proxy::start(1, None);
        let place = place(&authority, 1, "retry: {attempts: 1}");
        let env = [("HTTPS_PROXY", &*proxy.url()), ("NO_PROXY", no_proxy)];
        let output = run(&place, "https://api.films.invalid/3", &env);
        assert!(
            shown(&output).contains("no address was found for the host `api.films.invalid`"),
            "{no_proxy}"
        );
        assert_eq!(proxy.heads().len(), 0, "{no_proxy}");
    };
    check("films.invalid");
    check(".films.invalid");
    check("example.org,invalid");
    check("*");
}

#[test]
fn the_embedded_api_is_reached_past_every_proxy() {
    let authority = Authority::new();
    let proxy = Proxy::start(1, Some("HTTP/1.1 403 Forbidden\r\n\r\n"));
    let place = place(&authority, 3, "connections: 3");
    let url = proxy.url();
    let names = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"];
    let env = names.map(|name| (name, url.as_str()));
    let output = place.run(&["run", "small.yaml", "--mock"], &env);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(proxy.heads().len(), 0);
    // Not even one that could not be used.
    let output = place.run(&["run", "small.yaml", "--mock"], &[("ALL_PROXY", "socks5://127.0.0.1:1")]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
}

#[test]
fn a_proxy_that_refuses_is_named_with_the_way_out() {
    let check = |answer: &'static str, tries: usize, code: i32, message: &str, hint: &str| {
        let authority = Authority::new();
        let proxy = Proxy::start(1, Some(answer));
        let place = place(&authority, 1, "retry: {attempts: 3}, timeout: 5s");
        let output = run(&place, "https://films.test/3", &[("HTTPS_PROXY", &*proxy.url())]);
        let shown = shown(&output);
        assert_eq!(output.status.code(), Some(code), "{answer}: {shown}");
        assert_eq!(proxy.heads().len(), tries, "{answer}: {shown}");
        assert!(shown.contains(message) && shown.contains(hint), "{answer}: {shown}");
        assert!(!shown.contains("pr0xy-s3cret") && !shown.contains(BASIC), "{answer}: {shown}");
    };
    let (asks, refuses) =
        ("the proxy asks for a user and a password", "it refuses, or cannot reach the API itself");
    let (user, variable) = ("hint: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT", "hint: check HTTPS_PROXY");
    let required = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n";
    check(required, 1, 1, asks, user);
    check("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\nbusy", 3, 1, refuses, variable);
    check("HTTP/1.1 403 Forbidden\r\n\r\n", 3, 1, refuses, variable);
    check("SSH-2.0-OpenSSH_9.6\r\n", 3, 1, refuses, variable);
    check("", 3, 1, "it closed the connection without an answer", variable);
}

#[test]
fn a_proxy_that_is_gone_or_that_nobody_can_use_is_told() {
    let check = |proxy: &str, code: i32, message: &str, hint: &str| {
        let authority = Authority::new();
        let place = place(&authority, 1, "retry: {attempts: 2}, timeout: 5s");
        let output = run(&place, "https://films.test/3", &[("HTTPS_PROXY", proxy)]);
        let shown = shown(&output);
        assert_eq!(output.status.code(), Some(code), "{proxy}: {shown}");
        assert!(shown.contains(message) && shown.contains(hint), "{proxy}: {shown}");
        assert!(!shown.contains("s3cret"), "{proxy}: {shown}");
    };
    // A port that was free a moment ago.
    let gone = Proxy::start(1, None).addr;
    check(&format!("http://user:s3cret@{gone}"), 1, "the proxy opens no way", "hint: check HTTPS_PROXY");
    check("http://user:s3cret@proxy.invalid:3128", 1, "the host `proxy.invalid`", "set HTTPS_PROXY");
    check(
        "socks5://user:s3cret@127.0.0.1:1",
        2,
        "proxies of kind `socks5` are not supported",
        "hint: it is like",
    );
    check("http://user:s3@cret@127.0.0.1:1", 2, "use the proxy in HTTPS_PROXY", "hint: it is like");
}
