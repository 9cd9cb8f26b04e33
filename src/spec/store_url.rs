//! The address of an object: `s3://bucket/prefix/films.parquet`.
//!
//! Does not belong here: how a store is reached (`crate::sink`), and which of its objects a table may be (`decode::output`).
//!
//! Invariant: a [`StoreUrl`] names one object by plain names; it holds no credential, and its text reads back as itself.

use std::fmt;
use std::path::{Path, PathBuf};

/// Longest key that S3, Google and Azure all take, with room for the hidden name beside it.
const KEY_BYTES_MAX: usize = 900;

/// How an address looks.
const EXAMPLE: &str = "as in `s3://bucket/films.parquet`";

/// A kind of object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreKind {
    /// Amazon S3, and what speaks its language.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage; its buckets are called containers.
    Az,
}

impl StoreKind {
    const ALL: [(&'static str, Self); 3] = [("s3", Self::S3), ("gs", Self::Gs), ("az", Self::Az)];

    /// Its scheme.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }
}

/// The address of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreUrl {
    /// Which kind of store.
    pub store: StoreKind,
    /// Its bucket.
    pub bucket: String,
    /// The object in it.
    pub key: String,
}

/// What is wrong with an address, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlFault {
    /// A fragment that says what it is.
    pub what: String,
    /// What helps.
    pub help: &'static str,
}

impl StoreUrl {
    /// Whether `path` is meant as an address rather than as a file.
    pub fn is_meant(path: &Path) -> bool {
        path.to_str().is_some_and(|text| text.contains("://"))
    }

    /// The address that `path` is; none if it is a file.
    pub fn of(path: &Path) -> Option<Self> {
        path.to_str().filter(|text| text.contains("://")).and_then(|text| Self::parse(text).ok())
    }

    /// The address that `path` is, whatever the names in its key: of an object that is there, and that others may have named.
    pub fn of_object(path: &Path) -> Option<Self> {
        let (store, bucket, key) = Self::parts(path.to_str()?).ok()?;
        Some(Self { store, bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let fault = |what: String, help| Err(UrlFault { what, help });
        let (store, bucket, key) = Self::parts(text)?;
        let names = key.strip_suffix('/').unwrap_or(key).split('/');
        if let Some(name) = names.clone().find(|name| matches!(*name, "" | "." | "..")) {
            return fault(format!("`{name}` names nothing in a bucket"), EXAMPLE);
        }
        let odd = |c: char| c.is_control() || "?#%*\\\"<>[]^`{|}~".contains(c);
        if let Some(odd) = key.chars().find(|c| odd(*c)) {
            return fault(format!("`{odd}` means something else in an address"), "take plain letters");
        }
        if key.len() > KEY_BYTES_MAX {
            return fault("the name of an object is shorter than this".to_owned(), EXAMPLE);
        }
        Ok(Self { store, bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// Kind of store, bucket and key.
    fn parts(text: &str) -> Result<(StoreKind, &str, &str), UrlFault> {
        let fault = |what: String, help| Err(UrlFault { what, help });
        let Some((scheme, rest)) = text.split_once("://") else {
            return fault("this is no address of an object".to_owned(), EXAMPLE);
        };
        let Some((_, store)) = StoreKind::ALL.into_iter().find(|(name, _)| *name == scheme) else {
            return fault(
                format!("`{scheme}://` is no object store that is known here"),
                "`s3://`, `gs://` and `az://` are",
            );
        };
        let Some((bucket, key)) = rest.split_once('/') else {
            return fault("this names a bucket and no object in it".to_owned(), EXAMPLE);
        };
        if bucket.contains(['@', ':']) {
            return fault(
                "this holds more than the name of a bucket".to_owned(),
                "credentials and endpoints come from the environment, never from the file",
            );
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if bucket.is_empty() || !bucket.chars().all(plain) {
            return fault(format!("`{bucket}` cannot be the name of a bucket"), EXAMPLE);
        }
        Ok((store, bucket, key))
    }

    /// The object of this name below this address.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self { key: format!("{}/{name}", self.key.trim_end_matches('/')), ..self.clone() }
    }

    /// The last name of the key.
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    /// The key of the hidden object beside this one: `.films.parquet` and `suffix`.
    pub fn hidden(&self, suffix: &str) -> String {
        let name = self.name();
        let folder = &self.key[..self.key.len() - name.len()];
        format!("{folder}.{name}{suffix}")
    }

    /// As a path that is an address.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}", self.store.scheme(), self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_reads_back_as_itself() {
        for text in ["s3://b/films.parquet", "gs://a.b-c_d/x/y=1/films.arrow", "az://box/für/films.parquet"]
        {
            let url = StoreUrl::parse(text).expect("an address");
            assert_eq!(url.to_string(), text);
            assert_eq!(StoreUrl::of(&url.path()), Some(url));
        }
        assert_eq!(StoreUrl::of(Path::new("out/films.parquet")), None);
    }

    #[test]
    fn object_that_is_there_may_have_a_name_that_a_file_does_not_ask_for() {
        let path = Path::new("s3://b/films/title=50%25/part.parquet");
        assert_eq!(StoreUrl::of(path), None);
        let url = StoreUrl::parse("s3://b/films/").expect("an address").below("title=50%25/part.parquet");
        assert_eq!((url.path().as_path(), StoreUrl::of_object(path)), (path, Some(url)));
        assert_eq!(StoreUrl::of_object(Path::new("s3://key:secret@b/k")), None);
    }

    #[test]
    fn hidden_object_is_beside_it() {
        let check = |text: &str, expect: &str| {
            assert_eq!(StoreUrl::parse(text).expect("an address").hidden(".manifest.json"), expect);
        };
        check("s3://b/films.parquet", ".films.parquet.manifest.json");
        check("s3://b/x/y/films.parquet", "x/y/.films.parquet.manifest.json");
    }

    #[test]
    fn what_names_no_object_is_told() {
        let check = |text: &str, expect: &str| {
            assert_eq!(StoreUrl::parse(text).expect_err("a fault").what, expect);
        };
        check("ftp://b/k", "`ftp://` is no object store that is known here");
        check("S3://b/k", "`S3://` is no object store that is known here");
        check("s3://b", "this names a bucket and no object in it");
        check("s3:///k", "`` cannot be the name of a bucket");
        check("s3://key:secret@b/k", "this holds more than the name of a bucket");
        check("s3://b:9000/k", "this holds more than the name of a bucket");
        check("s3://b/", "`` names nothing in a bucket");
        check("s3://b/x//k", "`` names nothing in a bucket");
        check("s3://b/x/../k", "`..` names nothing in a bucket");
        check("s3://b/k?versionId=3", "`?` means something else in an address");
        check(&format!("s3://b/{}", "k".repeat(901)), "the name of an object is shorter than this");
    }
}
