//! Which functions of jq an expression may call, and why not the others.
//!
//! Refused is what makes a run irreproducible (clock, time zone of the machine, other inputs), what leaks
//! (the environment holds the credential) and what reaches out of the expression (standard error, the end
//! of the process). They are not hidden but absent: the list of functions is filtered before anything is
//! compiled.

use jaq_core::data::JustLut;
use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Error, box_iter::box_once};
use jaq_json::Val;

use super::Json;

/// The kind of data that our filters run on.
pub(super) type Data = JustLut<Val>;

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

/// The definitions written in jq.
pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|definition| refusal(definition.name).is_none())
}

/// The functions written in Rust.
pub(super) fn functions() -> impl Iterator<Item = Fun<Data>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let all = all.filter(|(name, ..)| refusal(name).is_none() && *name != "fromjson");
    all.chain([from_json()])
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
