//! `api.base_url`: where requests go, and that no credential goes there in the open.

use std::net::IpAddr;

use reqwest::Url;

use super::super::credential;
use super::super::fault::Faults;
use super::super::model::Located;
use super::super::tree::Entry;
use super::expect;

/// TMDB's own address.
pub(super) const DEFAULT: &str = "https://api.themoviedb.org/3";

/// Reads `base_url`, without a slash at its end.
pub(super) fn decode(entry: &Entry, faults: &mut Faults) -> Option<Located<String>> {
    let text = expect::text(&entry.key, &entry.value, faults)?;
    let span = text.span;
    let Ok(url) = Url::parse(&text.value) else {
        faults.error("bad-url", span, "`base_url` takes a whole URL").help(format!("as in `{DEFAULT}`"));
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        faults
            .secret("credential-in-file", span, "`base_url` has a user or a password in it")
            .help("the credential is never in the file: set TMDB_TOKEN or TMDB_API_KEY in the environment");
        return None;
    }
    let names_credential =
        url.query_pairs().any(|(name, _)| credential::PARAMETERS.contains(&name.to_lowercase().as_str()));
    if names_credential {
        faults
            .secret("credential-in-file", span, "`base_url` has a credential in its query")
            .help("the credential is never in the file: set TMDB_TOKEN or TMDB_API_KEY in the environment");
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        faults
            .error("bad-url", span, "`base_url` has no query")
            .help("parameters go into `query:` of a stage");
        return None;
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            faults
                .error("bad-url", span, "plain http would send the credential in the open")
                .help("use https; http is for a server on this machine");
            return None;
        }
        _ => {
            faults.error("bad-url", span, "`base_url` takes an https URL").help(format!("as in `{DEFAULT}`"));
            return None;
        }
    }
    Some(Located::new(url.as_str().trim_end_matches('/').to_owned(), span))
}

/// Whether requests to `url` stay on this machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use crate::spec::{Source, decode};

    fn check(url: &str, expected: Result<&str, &str>) {
        let text = format!(
            "{{version: 1, name: a, api: {{base_url: '{url}'}}, stages: {{s: {{kind: seed, ids: [1]}}}}}}"
        );
        let parsed = decode::parse(&Source::new("p.yaml", text), &[], &|_| None);
        let result = match &parsed {
            Ok(parsed) => Ok(parsed.spec.api.base_url.value.as_str()),
            Err(faults) => Err(faults.iter().next().expect("a fault").code),
        };
        assert_eq!(result, expected, "{url}");
    }

    #[test]
    fn only_https_or_loopback_without_credentials() {
        check("https://api.themoviedb.org/3/", Ok("https://api.themoviedb.org/3"));
        check("https://API.example.org", Ok("https://api.example.org"));
        check("http://127.0.0.1:8080/3", Ok("http://127.0.0.1:8080/3"));
        check("http://[::1]:8080", Ok("http://[::1]:8080"));
        check("http://localhost/3", Ok("http://localhost/3"));
        check("http://localhost.example.org/3", Err("bad-url"));
        check("http://127.0.0.1.example.org/3", Err("bad-url"));
        check("http://api.themoviedb.org/3", Err("bad-url"));
        check("ftp://127.0.0.1/", Err("bad-url"));
        check("api.themoviedb.org/3", Err("bad-url"));
        check("https://api.example.org/3?page=1", Err("bad-url"));
        check("https://user:word@example.org/3", Err("credential-in-file"));
        check("https://example.org/3?api_key=short", Err("credential-in-file"));
    }
}
