//! `api.base_url`: where requests go, and that no credential goes there in the open.

use std::net::IpAddr;

use reqwest::Url;
use thiserror::Error;

use super::super::credential;
use super::super::fault::Faults;
use super::super::model::Located;
use super::super::tree::Entry;
use super::expect;

/// Why a text is not a base URL. No variant holds the text: it may be the very secret that is complained of.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Not a whole URL.
    #[error("a base URL is a whole URL")]
    Malformed,
    /// A user, a password or a parameter that carries a credential.
    #[error("a base URL has no credential in it")]
    Credential,
    /// `?` or `#`.
    #[error("a base URL has no query")]
    Query,
    /// Plain http to another machine.
    #[error("plain http would send the credential in the open")]
    PlainHttp,
    /// Neither https nor http.
    #[error("a base URL starts with `https://`")]
    Scheme,
}

impl BaseUrlError {
    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Malformed | Self::Scheme => "as in `https://api.themoviedb.org/3`",
            Self::Credential => credential::HINT,
            Self::Query => "parameters go into `query:` of a stage",
            Self::PlainHttp => "use https; http is for a server on this machine",
        }
    }
}

/// Checks a base URL, from the file or from `TMDB_BASE_URL`, and takes the slash from its end.
pub fn parse_base_url(text: &str) -> Result<String, BaseUrlError> {
    let url = Url::parse(text).map_err(|_| BaseUrlError::Malformed)?;
    let is_credential = |name: &str| credential::PARAMETERS.contains(&name.to_lowercase().as_str());
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query_pairs().any(|(name, _)| is_credential(&name))
    {
        return Err(BaseUrlError::Credential);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BaseUrlError::Query);
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(BaseUrlError::PlainHttp),
        _ => return Err(BaseUrlError::Scheme),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether requests to `url` stay on this machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads `base_url`.
pub(super) fn decode(entry: &Entry, faults: &mut Faults) -> Option<Located<String>> {
    let text = expect::text(&entry.key, &entry.value, faults)?;
    match parse_base_url(&text.value) {
        Ok(url) => Some(Located::new(url, text.span)),
        Err(error @ BaseUrlError::Credential) => {
            faults.secret("credential-in-file", text.span, error.to_string()).help(error.hint());
            None
        }
        Err(error) => {
            faults.error("bad-url", text.span, error.to_string()).help(error.hint());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Result<&str, BaseUrlError>) {
        assert_eq!(parse_base_url(url), expected.map(str::to_owned), "{url}");
    }

    #[test]
    fn only_https_or_loopback_without_credentials() {
        use BaseUrlError as E;
        check("https://api.themoviedb.org/3/", Ok("https://api.themoviedb.org/3"));
        check("https://API.example.org", Ok("https://api.example.org"));
        check("http://127.0.0.1:8080/3", Ok("http://127.0.0.1:8080/3"));
        check("http://[::1]:8080", Ok("http://[::1]:8080"));
        check("http://localhost/3", Ok("http://localhost/3"));
        check("http://localhost.example.org/3", Err(E::PlainHttp));
        check("http://127.0.0.1.example.org/3", Err(E::PlainHttp));
        check("http://api.themoviedb.org/3", Err(E::PlainHttp));
        check("ftp://127.0.0.1/", Err(E::Scheme));
        check("api.themoviedb.org/3", Err(E::Malformed));
        check("https://api.example.org/3?page=1", Err(E::Query));
        check("https://api.example.org/3#x", Err(E::Query));
        check("https://user:word@example.org/3", Err(E::Credential));
        check("https://user@example.org/3", Err(E::Credential));
        check("https://example.org/3?api_key=short", Err(E::Credential));
    }
}
