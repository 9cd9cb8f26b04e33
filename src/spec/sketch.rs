//! What a refused file still shows, so that it does not hide the faults that only the graph shows.
//!
//! Belongs here: how much of a stage wiring looks at, whether or not the stage came out whole. Does not
//! belong here: what follows from it (`crate::plan`). Invariant: what is not known for certain is left
//! out, so that no fault found in a sketch is a mere consequence of one that was told before.

use std::fmt;

use serde_json::{Map, Value};

use super::model::{Kind, Located, PortRef, SeedSource, Stage, StageId};

/// What can be said of a pipeline although its file has faults.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    /// `params`, if all of their names are known.
    pub params: Option<Map<String, Value>>,
    /// Every expression that was read as one, in any stage; in the order of the file, each once.
    pub expressions: Vec<Located<String>>,
    /// Every stage, in the order of the file; what `from` and `into` name is among them.
    pub stages: Vec<Outline>,
}

/// What wiring looks at in a stage.
#[derive(Clone, Debug)]
pub struct Outline {
    /// Its name.
    pub id: Located<StageId>,
    /// Its kind.
    pub kind: Option<KindName>,
    /// Whether it makes requests.
    pub asks: Option<bool>,
    /// What it reads.
    pub reads: Reads,
    /// `into` of an expand.
    pub into: Option<Located<StageId>>,
    /// `max_items` of an expand.
    pub max_items: Option<u64>,
    /// Which of `max_depth` and `max_items` are not there.
    pub lacks_bounds: Vec<&'static str>,
}

/// What a stage reads.
#[derive(Clone, Debug)]
pub enum Reads {
    /// These ports; nothing, if it is a seed.
    Given(Vec<Located<PortRef>>),
    /// The nearest stage above that it can read.
    Nearest,
    /// Nobody knows.
    Unknown,
}

/// The word of a [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the kind of its name")]
pub enum KindName {
    Seed,
    Fetch,
    Expand,
    Filter,
    Project,
}

impl KindName {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Seed, Self::Fetch, Self::Expand, Self::Filter, Self::Project];

    /// The word as the file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Fetch => "fetch",
            Self::Expand => "expand",
            Self::Filter => "filter",
            Self::Project => "project",
        }
    }
}

/// As in "this is …".
impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = if *self == Self::Expand { "an" } else { "a" };
        write!(f, "{article} {}", self.as_str())
    }
}

impl Outline {
    /// The outline of a whole stage, of which everything is known.
    pub fn of(stage: &Stage) -> Self {
        let (kind, asks) = match &stage.kind {
            Kind::Seed(seed) => {
                (KindName::Seed, matches!(seed.source, SeedSource::Path { .. } | SeedSource::Changes(_)))
            }
            Kind::Fetch(_) => (KindName::Fetch, true),
            Kind::Expand(expand) => (KindName::Expand, expand.path.is_some()),
            Kind::Filter(_) => (KindName::Filter, false),
            Kind::Project(_) => (KindName::Project, false),
        };
        let reads = if stage.from.is_empty() && kind != KindName::Seed {
            Reads::Nearest
        } else {
            Reads::Given(stage.from.clone())
        };
        let mut outline = Self {
            id: stage.id.clone(),
            kind: Some(kind),
            asks: Some(asks),
            reads,
            into: None,
            max_items: None,
            lacks_bounds: Vec::new(),
        };
        if let Kind::Expand(expand) = &stage.kind {
            outline.into.clone_from(&expand.into);
            outline.max_items = expand.max_items;
            let bounds =
                [("max_depth", expand.max_depth.is_some()), ("max_items", expand.max_items.is_some())];
            outline.lacks_bounds =
                bounds.into_iter().filter(|(_, given)| !given).map(|(key, _)| key).collect();
        }
        outline
    }
}
