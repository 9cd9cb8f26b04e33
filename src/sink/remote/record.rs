//! The manifest object beside a table, and the claim that may stand in it.
//!
//! Invariant: it is changed only on the condition that it is as it was read, so of two who change it one is told.

use object_store::{Error, ObjectStore as _, PutMode, PutPayload, UpdateVersion};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::error::SinkError;
use super::super::manifest::{Manifest, decode};
use super::{Place, trouble};

/// Behind the table's name.
pub(super) const MANIFEST: &str = ".manifest.json";

/// Most bytes of a manifest, as of a local one.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

const CLAIM: &str = "claim";

/// The right to change a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// By which its holder knows it.
    pub id: String,
    /// Its holder's run.
    pub run: String,
    /// Its holder's pipeline.
    pub pipeline: String,
    /// The upload that its holder will complete.
    pub upload: String,
}

/// What is in a manifest object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Of what readers see; none before the first load.
    pub manifest: Option<Manifest>,
    /// Of who is publishing.
    pub claim: Option<Claim>,
}

/// A record, and which version of the object it was.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub record: Record,
    /// None where there is no object.
    pub version: Option<UpdateVersion>,
}

impl Record {
    fn text(&self) -> Vec<u8> {
        let mut object = match &self.manifest {
            Some(manifest) => match serde_json::to_value(manifest) {
                Ok(Value::Object(object)) => object,
                _ => unreachable!("a manifest is an object of plain data"),
            },
            None => Map::from_iter([("version".to_owned(), Manifest::VERSION.into())]),
        };
        if let Some(claim) = &self.claim {
            object.insert(CLAIM.to_owned(), serde_json::to_value(claim).expect("a claim is plain data"));
        }
        let mut text = serde_json::to_vec_pretty(&object).expect("a manifest is plain data");
        text.push(b'\n');
        text
    }

    fn read(place: &Place, text: &[u8]) -> Result<Self, SinkError> {
        #[derive(Deserialize)]
        struct Claimed {
            claim: Option<Claim>,
            table: Option<Value>,
        }
        let path = place.url.path();
        let path = path.with_file_name(format!(".{}{MANIFEST}", place.url.name()));
        let Claimed { claim, table } = decode("manifest", &path, text, Manifest::VERSION)?;
        let manifest = match table {
            Some(_) => Some(decode("manifest", &path, text, Manifest::VERSION)?),
            None => None,
        };
        Ok(Self { manifest, claim })
    }
}

/// What is there now.
pub(super) async fn read(place: &Place) -> Result<Found, SinkError> {
    let told = |error: &Error| trouble::of("read the manifest of", &place.url, error);
    let got = match place.store.get_opts(&place.manifest, object_store::GetOptions::default()).await {
        Ok(got) => got,
        Err(error @ Error::NotFound { .. }) => {
            // The bucket may be what is not there.
            return match told(&error) {
                SinkError::Store { said, .. }
                    if said.contains("NoSuchBucket") || said.contains("Container") =>
                {
                    Err(told(&error))
                }
                _ => Ok(Found { record: Record::default(), version: None }),
            };
        }
        Err(error) => return Err(told(&error)),
    };
    if got.meta.size > BYTES_MAX {
        return Err(SinkError::Incomplete {
            path: place.url.path(),
            missing: format!("a manifest of at most {BYTES_MAX} bytes"),
        });
    }
    let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
    let text = got.bytes().await.map_err(|error| told(&error))?;
    Ok(Found { record: Record::read(place, &text)?, version: Some(version) })
}

/// Puts `record` in the place of `version`; none if somebody else was first.
pub(super) async fn write(
    place: &Place,
    record: &Record,
    version: Option<&UpdateVersion>,
) -> Result<Option<UpdateVersion>, SinkError> {
    let mode = version.map_or(PutMode::Create, |version| PutMode::Update(version.clone()));
    let put = place.store.put_opts(&place.manifest, PutPayload::from(record.text()), mode.into()).await;
    match put {
        Ok(put) => Ok(Some(UpdateVersion { e_tag: put.e_tag, version: put.version })),
        Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => {
            // A request that was done, and whose answer was lost, is refused when it is sent again.
            let found = read(place).await?;
            Ok(found.version.filter(|_| found.record == *record))
        }
        Err(error) => Err(trouble::of("write the manifest of", &place.url, &error)),
    }
}
