//! The way to an object store: settings and credentials from the places where its own tools look for them.
//!
//! Invariant: every request has an end by clock and by count, and plain http goes to this machine only, unless somebody
//! asks for it by `AWS_ALLOW_HTTP`.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};

use super::super::error::SinkError;
use super::trouble;
use crate::spec::{StoreKind, StoreUrl};

/// What this program asks of a store: objects, and uploads in parts whose ids can be written down.
pub(in super::super) trait Store: ObjectStore + MultipartStore + Debug {}

impl<T: ObjectStore + MultipartStore + Debug> Store for T {}

/// How long is waited for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Patience {
    /// Before the first request of a run, and for somebody who looks: a mistake is to be told within seconds.
    Check,
    /// Publishing what took hours. A part of 8 MiB may take 2 minutes, which is 70 KB/s.
    Work,
}

impl Patience {
    /// For one request, with its body.
    fn request(self) -> &'static str {
        match self {
            Self::Check => "10 seconds",
            Self::Work => "120 seconds",
        }
    }

    fn retry(self) -> RetryConfig {
        let (max_retries, seconds) = match self {
            Self::Check => (2, 15),
            Self::Work => (8, 180),
        };
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        };
        RetryConfig { backoff, max_retries, retry_timeout: Duration::from_secs(seconds) }
    }
}

/// How long a connection may take to stand.
const CONNECT: &str = "5 seconds";

/// The store that `url` is in.
pub(super) fn store(url: &StoreUrl, patience: Patience) -> Result<Arc<dyn Store>, SinkError> {
    #[cfg(test)]
    if let Some(store) = super::dying::store(&url.bucket) {
        return Ok(store);
    }
    // Whoever was first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let limits = [(ClientConfigKey::ConnectTimeout, CONNECT), (ClientConfigKey::Timeout, patience.request())];
    let opened: object_store::Result<Arc<dyn Store>> = match url.store {
        StoreKind::S3 => {
            let mut builder = AmazonS3Builder::from_env()
                .with_bucket_name(&url.bucket)
                .with_conditional_put(S3ConditionalPut::ETagMatch)
                .with_retry(patience.retry());
            for (key, value) in limits {
                builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
            }
            let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
            if endpoint.as_deref().is_some_and(is_loopback) {
                builder = builder.with_allow_http(true);
            }
            builder.build().map(|store| Arc::new(store) as _)
        }
        StoreKind::Gs => {
            let mut builder = GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(&url.bucket)
                .with_retry(patience.retry());
            for (key, value) in limits {
                builder = builder.with_config(GoogleConfigKey::Client(key), value);
            }
            builder.build().map(|store| Arc::new(store) as _)
        }
        StoreKind::Az => {
            let mut builder = MicrosoftAzureBuilder::from_env()
                .with_container_name(&url.bucket)
                .with_retry(patience.retry());
            for (key, value) in limits {
                builder = builder.with_config(AzureConfigKey::Client(key), value);
            }
            builder.build().map(|store| Arc::new(store) as _)
        }
    };
    opened.map_err(|error| trouble::of_setup(url, &error))
}

/// Whether an endpoint is plain http on this machine, as servers for tests are.
fn is_loopback(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for endpoint in
            ["http://127.0.0.1:9000", "http://localhost/", "http://[::1]:80/x", "http://localhost"]
        {
            assert!(is_loopback(endpoint), "{endpoint}");
        }
        for endpoint in
            ["http://minio:9000", "https://127.0.0.1", "http://127.0.0.1.example.org", "127.0.0.1"]
        {
            assert!(!is_loopback(endpoint), "{endpoint}");
        }
    }
}
