//! Which functions of jq an expression may call, and why not the others.
//!
//! Refused is what makes a run irreproducible (clock, time zone of the machine, other inputs), what leaks
//! (the environment holds the credential) and what reaches out of the expression (standard error, the end
//! of the process). They are not hidden but absent: the list of functions is filtered before anything is
//! compiled.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use jaq_core::data::JustLut;
use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Error, box_iter::box_once};
use jaq_json::Val;

use super::uses::{Calls, calls};
use super::{Json, fuel};

/// The kind of data that our filters run on.
pub(super) type Data = JustLut<Val>;

/// The name by which the whole of an expression is compiled.
pub(super) const WHOLE: &str = "__expression";

/// Name and reason of everything refused; natives of jaq, definitions of jaq, and what only jq has.
const REFUSED: [(&str, &str); 24] = [
    ("env", ENVIRONMENT),
    ("$ENV", ENVIRONMENT),
    ("$__loc__", "an expression does not know where it stands"),
    ("$__prog_args", "an expression has no arguments"),
    (
        "now",
        "the same documents must give the same rows at any time; `$meta.fetched_at` is when the answer came",
    ),
    ("localtime", LOCAL),
    ("strflocaltime", LOCAL),
    ("input", INPUTS),
    ("inputs", INPUTS),
    ("input_filename", INPUTS),
    ("input_line_number", INPUTS),
    ("debug", OUTWARD),
    ("debug_empty", OUTWARD),
    ("stderr", OUTWARD),
    ("stderr_empty", OUTWARD),
    ("halt", OUTWARD),
    ("halt_error", OUTWARD),
    ("get_search_list", MODULES),
    ("import", MODULES),
    ("include", MODULES),
    ("modulemeta", MODULES),
    ("builtins", MODULES),
    ("$__prog_name", "an expression has no arguments"),
    ("random", "the same documents must give the same rows every time"),
];

const ENVIRONMENT: &str = "the environment holds the credential, which must never reach a dataset; `params:` with `${env:NAME}` reads one variable by name";
const LOCAL: &str =
    "the same documents must give the same rows in every time zone; `gmtime` and `strftime` work in UTC";
const INPUTS: &str = "an expression sees one document, `$doc`";
const OUTWARD: &str = "an expression can only give values; `error(…)` gives none";
const MODULES: &str = "an expression stands alone; it has no modules";

/// Why `name` is refused, if it is.
pub(super) fn refusal(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, reason)| *reason)
}

/// A function that is written in jq, with its steps, and what it calls.
type Defined = (Def<&'static str>, Calls<'static>);

/// The functions written in jq, read once, in the order of the library.
static DEFINITIONS: LazyLock<Vec<Defined>> = LazyLock::new(|| {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let all = all.filter(|definition| refusal(definition.name).is_none());
    all.map(fuel::in_definition).map(|definition| (definition.clone(), calls(&definition))).collect()
});

/// Where in [`DEFINITIONS`] each stands; the library defines some twice, and later ones hold.
static PLACES: LazyLock<HashMap<(&'static str, usize), Vec<usize>>> = LazyLock::new(|| {
    let mut places: HashMap<_, Vec<usize>> = HashMap::new();
    for (at, (definition, _)) in DEFINITIONS.iter().enumerate() {
        places.entry((definition.name, definition.args.len())).or_default().push(at);
    }
    places
});

/// The functions written in Rust.
static NATIVES: LazyLock<HashSet<(&'static str, usize)>> =
    LazyLock::new(|| functions(|_| true).map(|(name, args, _)| (name, args.len())).collect());

/// The functions that an expression may reach: most expressions are a path and reach none, and to compile
/// all of jq's library with each of them took a hundred times as long as the expression itself.
pub(super) struct Reach<'s> {
    reached: Calls<'s>,
    definitions: BTreeSet<usize>,
}

impl<'s> Reach<'s> {
    /// What is reached from `calls`, over as many definitions as it takes.
    pub(super) fn from(calls: Calls<'s>) -> Self {
        let mut open: Vec<(&str, usize)> = calls.iter().copied().collect();
        let mut reach = Self { reached: calls, definitions: BTreeSet::new() };
        while let Some(call) = open.pop() {
            for &at in PLACES.get(&call).into_iter().flatten() {
                if reach.definitions.insert(at) {
                    let calls = DEFINITIONS[at].1.iter().copied();
                    open.extend(calls.filter(|called| reach.reached.insert(*called)));
                }
            }
        }
        reach
    }

    /// The definitions in reach, in the order of the library.
    pub(super) fn definitions<'d>(&self) -> impl Iterator<Item = Def<&'d str>> {
        self.definitions.iter().map(|at| DEFINITIONS[*at].0.clone())
    }

    /// The functions in reach that are written in Rust.
    pub(super) fn functions(&self) -> impl Iterator<Item = Fun<Data>> {
        // Many reach none: then not even the list of them is made.
        let some = self.reached.iter().any(|call| NATIVES.contains(call));
        let some = some
            .then(|| functions(|name| self.reached.range((name, 0)..=(name, usize::MAX)).next().is_some()));
        some.into_iter().flatten().chain([fuel::step()])
    }
}

/// Name and number of arguments of every function.
pub(super) fn signatures() -> impl Iterator<Item = (&'static str, usize)> {
    let defined = DEFINITIONS.iter().map(|(definition, _)| (definition.name, definition.args.len()));
    defined.chain(functions(|_| true).map(|(name, args, _)| (name, args.len())))
}

/// The functions written in Rust whose name is `wanted`.
fn functions(wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = Fun<Data>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let all = all.filter(|(name, ..)| *name != "fromjson").chain([from_json()]);
    all.filter(move |(name, ..)| wanted(name) && refusal(name).is_none())
}

/// `fromjson` with our reader: jaq's own has no bound on nesting, and a hostile string would overflow the
/// stack.
fn from_json() -> Fun<Data> {
    run(("fromjson", v(0), |cv| match &cv.1 {
        Val::TStr(text) => match Json::parse(text) {
            Ok(json) => box_once(Ok(json.0)),
            Err(fault) => bome(Err(Error::str(fault))),
        },
        other => bome(Err(Error::typ(other.clone(), "string"))),
    }))
}
