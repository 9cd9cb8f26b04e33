//! The transport by itself: what it asks, and whom. Over real connections: `tests/it/https.rs`.

use super::*;

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let check = |value: &str, expect: Option<u64>| {
        assert_eq!(parse_retry_after(value, now), expect.map(Duration::from_secs), "{value}");
    };
    check("7", Some(7));
    check(" 0 ", Some(0));
    check("Sun, 22 Nov 2026 12:00:30 GMT", Some(30));
    check("Sun, 22 Nov 2026 11:00:00 GMT", Some(0));
    check("soon", None);
    check("-5", None);
}

#[test]
fn files_come_from_their_own_host_of_tmdb_and_else_from_whoever_is_asked() {
    let check = |base_url: &str, expect: &str| {
        let url = Url::parse(base_url).unwrap();
        assert_eq!(files_of(&url, url.host_str().unwrap()).origin, expect, "{base_url}");
    };
    check("https://api.themoviedb.org/3", "https://files.tmdb.org");
    check("https://api.tmdb.org/3", "https://files.tmdb.org");
    check("http://127.0.0.1:8080/3", "http://127.0.0.1:8080");
    check("https://mirror.example:8443/tmdb/3", "https://mirror.example:8443");
    check("https://themoviedb.org.example/3", "https://themoviedb.org.example");
    check("https://notthemoviedb.org/3", "https://notthemoviedb.org");
}

#[tokio::test]
async fn files_are_asked_for_without_the_credential() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for credential in [Credential::Token("s3cret-token".into()), Credential::Key("s3cret-key".into())] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/3", listener.local_addr().unwrap());
        let api = crate::spec::Api::default();
        let http = Http::new(&base_url, &api, Some(credential)).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            // A body that says it is compressed comes as it is sent.
            let answer =
                b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\0\0";
            stream.write_all(answer).await.unwrap();
            String::from_utf8(head).unwrap()
        };
        let ask = async {
            let mut download = http.open("/p/exports/x.json.gz").await.unwrap();
            let mut bytes = Vec::new();
            while let Some(chunk) = download.chunks.next().await {
                bytes.extend(chunk.unwrap());
            }
            (download.status, download.length, bytes)
        };
        let (head, got) = tokio::join!(serve, ask);
        assert!(head.starts_with("GET /p/exports/x.json.gz HTTP/1.1\r\n"), "{head}");
        assert!(!head.contains("s3cret") && !head.to_lowercase().contains("authorization"), "{head}");
        assert_eq!(got, (200, Some(4), b"\x1f\x8b\0\0".to_vec()));
    }
}

#[test]
fn a_url_is_what_base_url_and_request_are_together() {
    let check = |base_url: &str, key: Option<&str>, request: Request, expect: &str| {
        let key = key.map(|key| Credential::Key(key.into()));
        let http = Http::new(base_url, &crate::spec::Api::default(), key).unwrap();
        assert_eq!(http.uri_of(&request).unwrap().to_string(), expect);
    };
    let film = || Request::new("/movie/62", &[("language", "en-US")]);
    check("http://127.0.0.1:1/3", None, film(), "http://127.0.0.1:1/3/movie/62?language=en-US");
    check("http://127.0.0.1:1/3/", None, film(), "http://127.0.0.1:1/3/movie/62?language=en-US");
    check("http://127.0.0.1:1", None, film(), "http://127.0.0.1:1/movie/62?language=en-US");
    check("http://[::1]:1/a%20b", None, film(), "http://[::1]:1/a%20b/movie/62?language=en-US");
    let keyed = "http://localhost/3/movie/62?language=en-US&api_key=a%26b";
    check("http://localhost:80/3", Some("a&b"), film(), keyed);
    let bare = || Request::new("/x%2Fy/%3F", &[]);
    check("http://localhost/3", None, bare(), "http://localhost/3/x%2Fy/%3F");
    check("http://localhost/3", Some("k"), bare(), "http://localhost/3/x%2Fy/%3F?api_key=k");
}

#[tokio::test]
async fn what_is_too_long_to_be_asked_for_is_told_and_not_sent() {
    let http = Http::new("http://127.0.0.1:1/3", &crate::spec::Api::default(), None).unwrap();
    let request = Request::new("/search/movie", &[("query", "a".repeat(70_000).as_str())]);
    let told = http.send(&request, Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(told, TransportError::Address(_)), "{told}");
}

#[test]
fn credential_leaves_over_tls_or_loopback_only() {
    let check = |base_url: &str, expect: bool| {
        let key = Some(Credential::Key("k".into()));
        let api = crate::spec::Api::default();
        assert_eq!(Http::new(base_url, &api, key).is_ok(), expect, "{base_url}");
    };
    check("https://api.themoviedb.org/3", true);
    check("http://127.0.0.1:8080/3", true);
    check("http://localhost/3", true);
    check("http://[::1]:1/3", true);
    check("http://api.themoviedb.org/3", false);
    check("http://127.0.0.1.example/3", false);
    check("https://user:secret@api.themoviedb.org/3", false);
    check("ftp://api.themoviedb.org/3", false);
    check("not a url", false);
}
