//! Whether the proxy that the environment names can be used. hyper-util reads the same variables and goes without a proxy
//! where it does not understand one; a job that should have gone through a proxy must not try without.

use reqwest::Url;

/// The variables that name the proxy for https, in the order in which they count.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy that cannot be used. Its value is never told: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not an address.
    #[error("use the proxy in {variable}: it is not the address of a proxy")]
    Address {
        /// Where it stands.
        variable: &'static str,
    },
    /// A SOCKS proxy, or no proxy at all.
    #[error("use the proxy in {variable}: proxies of kind `{scheme}` are not supported")]
    Scheme {
        /// Where it stands.
        variable: &'static str,
        /// Its scheme.
        scheme: String,
    },
}

/// Judges the variable that counts.
pub fn check_proxy(env: &dyn Fn(&str) -> Option<String>) -> Result<(), ProxyError> {
    let set =
        VARIABLES.iter().find_map(|&name| Some((name, env(name)?)).filter(|(_, value)| !value.is_empty()));
    let Some((variable, value)) = set else { return Ok(()) };
    // `proxy:3128` is an address too.
    let value = if value.contains("://") { value } else { format!("http://{value}") };
    let url = Url::parse(&value).map_err(|_| ProxyError::Address { variable })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ProxyError::Scheme { variable, scheme: url.scheme().to_owned() });
    }
    // hyper-util ends the user's part at the first `@`, a URL at the last.
    let authority =
        value.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    if authority.matches('@').count() > 1 || value.contains(char::is_whitespace) || !url.has_host() {
        return Err(ProxyError::Address { variable });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_and_not_passed_by() {
        let check = |pairs: &[(&str, &str)], expect: &str| {
            let env = |name: &str| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let told = check_proxy(&env).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(told, expect, "{pairs:?}");
            assert!(!told.contains("s3cret"));
        };
        check(&[], "");
        check(&[("HTTPS_PROXY", "")], "");
        check(&[("HTTPS_PROXY", "http://proxy.example:3128")], "");
        check(&[("HTTPS_PROXY", "https://user:s3cret@proxy.example")], "");
        check(&[("https_proxy", "proxy.example:3128")], "");
        check(&[("ALL_PROXY", "user:s3%40cret@127.0.0.1:8080/")], "");
        check(&[("HTTPS_PROXY", "http://a"), ("ALL_PROXY", "nonsense:")], "");
        let no_address = "use the proxy in HTTPS_PROXY: it is not the address of a proxy";
        for value in [
            "http://",
            "http://user:s3cret@",
            "http://user:s3@cret@proxy",
            "http://a b",
            "::",
            "http://a:99999",
        ] {
            check(&[("HTTPS_PROXY", value)], no_address);
        }
        check(
            &[("ALL_PROXY", "socks5://user:s3cret@proxy")],
            "use the proxy in ALL_PROXY: proxies of kind `socks5` are not supported",
        );
    }
}
