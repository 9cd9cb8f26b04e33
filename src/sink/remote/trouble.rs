//! What a store answered, by meaning.
//!
//! Invariant: of an answer only the store's own word for the error comes out, and of a failed connection only the system's:
//! addresses may hold signatures, and bodies repeat what was sent.

use std::error::Error as _;
use std::io;

use object_store::Error;

use super::super::error::SinkError;
use super::super::store_trouble::StoreTrouble;
use crate::spec::StoreUrl;

/// The error of `doing` something with `url`.
pub(super) fn of(doing: &'static str, url: &StoreUrl, error: &Error) -> SinkError {
    let text = chain(error);
    let code = between(&text, "<Code>", "</Code>").filter(|code| is_word(code));
    let trouble = code.and_then(of_code).unwrap_or_else(|| of_shape(error, &text));
    SinkError::Store { doing, url: url.to_string(), trouble, said: said(error, code, &text) }
}

/// The error of settings that do not make a store.
pub(super) fn of_setup(url: &StoreUrl, error: &Error) -> SinkError {
    let said = match error {
        Error::UnknownConfigurationKey { key, .. } => format!(" ({key})"),
        _ => String::new(),
    };
    SinkError::Store { doing: "open", url: url.to_string(), trouble: StoreTrouble::Setup, said }
}

fn of_code(code: &str) -> Option<StoreTrouble> {
    Some(match code {
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidToken"
        | "ExpiredToken"
        | "TokenRefreshRequired"
        | "InvalidSecurity"
        | "AuthenticationFailed"
        | "InvalidAuthenticationInfo"
        | "Unauthorized" => StoreTrouble::BadCredentials,
        "NoSuchBucket" | "ContainerNotFound" | "InvalidBucketName" => StoreTrouble::NoBucket,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => StoreTrouble::Region,
        "RequestTimeTooSkewed" | "RequestExpired" => StoreTrouble::Clock,
        "SlowDown" | "ServiceUnavailable" | "InternalError" | "ServerBusy" | "OperationTimedOut" => {
            StoreTrouble::Busy
        }
        "NotImplemented" => StoreTrouble::NoConditions,
        "AccessDenied"
        | "AllAccessDisabled"
        | "AccountProblem"
        | "AuthorizationFailure"
        | "AuthorizationPermissionMismatch" => StoreTrouble::NotPermitted,
        "NoSuchUpload" | "InvalidBlockList" => StoreTrouble::UploadGone,
        _ => return None,
    })
}

/// Where the store had no word for it.
fn of_shape(error: &Error, text: &str) -> StoreTrouble {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // Credentials of a machine come from an address that exists only in a cloud.
    if has(&["169.254.169.254", "169.254.170.2", "metadata.google", "metadata request", "No credentials"]) {
        return StoreTrouble::NoCredentials;
    }
    // A store in memory has no codes.
    if has(&["NoSuchUpload", "MultipartUpload not found"]) {
        return StoreTrouble::UploadGone;
    }
    match error {
        Error::PermissionDenied { .. } => StoreTrouble::NotPermitted,
        Error::Unauthenticated { .. } => StoreTrouble::BadCredentials,
        Error::NotFound { .. } => StoreTrouble::NoBucket,
        Error::NotImplemented { .. } | Error::NotSupported { .. } => StoreTrouble::NoConditions,
        _ if has(&["incorrectly configured region"]) => StoreTrouble::Region,
        _ if has(&["operation timed out", "timed out"]) => StoreTrouble::TimedOut,
        _ if has(&["status code: 5"]) => StoreTrouble::Busy,
        _ if has(&["URL scheme is not allowed", "relative URL", "builder error"]) => StoreTrouble::Setup,
        _ if has(&["error sending request", "HTTP error", "connect", "Connect"]) => StoreTrouble::Unreachable,
        _ => StoreTrouble::Other,
    }
}

/// What goes behind the meaning, in parentheses.
fn said(error: &Error, code: Option<&str>, text: &str) -> String {
    if let Some(code) = code {
        return format!(" ({code})");
    }
    if let Some(status) = text.find("status code: ").and_then(|at| text.get(at + 13..at + 16))
        && status.bytes().all(|byte| byte.is_ascii_digit())
    {
        return format!(" (status {status})");
    }
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(system) = inner.downcast_ref::<io::Error>()
            && system.raw_os_error().is_some()
        {
            return format!(" ({system})");
        }
        source = inner.source();
    }
    String::new()
}

/// The error and what is beneath it, for looking through, never for showing.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push('\n');
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(behind).map(|(word, _)| word)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_told_by_its_word_and_nothing_else_of_it_is_shown() {
        let body = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
                    <AWSAccessKeyId>AKIDSECRET</AWSAccessKeyId></Error>";
        let url = StoreUrl::parse("s3://films/a.parquet").expect("an address");
        let error = Error::PermissionDenied { path: "a.parquet".to_owned(), source: body.into() };
        let told = of("publish", &url, &error).to_string();
        assert_eq!(
            told,
            "publish `s3://films/a.parquet`: the credentials are not accepted (SignatureDoesNotMatch)"
        );
    }

    #[test]
    fn answer_without_a_word_is_told_by_its_shape() {
        let url = StoreUrl::parse("s3://films/a.parquet").expect("an address");
        let check = |text: &str, expect: StoreTrouble| {
            let error = Error::Generic { store: "S3", source: text.into() };
            let SinkError::Store { trouble, .. } = of("read", &url, &error) else { panic!("a store's") };
            assert_eq!(trouble, expect, "{text}");
        };
        check("Error performing PUT http://169.254.169.254/latest/api/token", StoreTrouble::NoCredentials);
        check("operation timed out", StoreTrouble::TimedOut);
        check("status code: 503 Service Unavailable", StoreTrouble::Busy);
        check("this normally indicates an incorrectly configured region", StoreTrouble::Region);
        check("error sending request", StoreTrouble::Unreachable);
        check("something new", StoreTrouble::Other);
    }
}
