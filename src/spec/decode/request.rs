//! What a stage asks the API for: `path`, `query`, `append`, `pages`.

use std::collections::HashSet;
use std::num::NonZeroU32;

use super::super::credential;
use super::super::fault::{Faults, clip};
use super::super::language::{APPEND_MAX, PAGES_MAX};
use super::super::model::{Located, PathTemplate, Query};
use super::super::path_template::TemplateError;
use super::super::tree::{Entry, Node, NodeValue};
use super::expect;
use super::param::{Params, QueryValue};

/// Reads `path`.
pub(super) fn path(entry: &Entry, params: Params<'_>, faults: &mut Faults) -> Option<Located<PathTemplate>> {
    if let NodeValue::Map(_) = entry.value.value {
        // `path: {id}` is a mapping to YAML.
        expect::wrong(&entry.key, &entry.value, "a path such as `/movie/{id}`", faults)
            .help("start it with `/`, or quote it");
        return None;
    }
    let text = expect::text(&entry.key, &entry.value, faults)?;
    let text = Located::new(params.into_path(&text.value, text.span, faults)?, text.span);
    match PathTemplate::parse_path(&text.value) {
        Ok(template) => Some(Located::new(template, text.span)),
        Err(error) => {
            match meant(&text.value) {
                Some(meant) => {
                    faults.error("bad-path", text.span, error.to_string()).help(format!("write {meant}"));
                }
                None => template_fault("bad-path", &error, text, faults),
            }
            None
        }
    }
}

/// The path that somebody meant who copied an address, forgot the slash or wrote a query into it.
fn meant(text: &str) -> Option<String> {
    let mut path = text;
    if let Some((_, rest)) = text.split_once("://") {
        path = rest.split_once('/')?.1;
        path = path.strip_prefix("3/").unwrap_or(path);
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path: String = path.chars().filter(|c| !c.is_whitespace()).collect();
    let path = path
        .replace("${", "{")
        .replace("{$item.", "{")
        .replace("{.", "{")
        .replace("{{", "{")
        .replace("}}", "}");
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let path = format!("/{}", segments.join("/"));
    PathTemplate::parse_path(&path).ok()?;
    let mut keys = Vec::new();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')).take(APPEND_MAX) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.,|-".contains(c);
        if credential::PARAMETERS.contains(&name.to_lowercase().as_str()) || !value.chars().all(plain) {
            continue;
        }
        keys.push(match name {
            "append_to_response" => format!("`append: [{}]`", value.replace(',', ", ")),
            "page" => "`pages`".to_owned(),
            _ => format!("`query: {{{name}: {value}}}`"),
        });
    }
    if keys.is_empty() {
        return Some(format!("`{}`", clip(&path)));
    }
    Some(format!("`{}` with {}", clip(&path), clip(&keys.join(" and "))))
}

/// Reads the `path` of a seed, where there is no item yet that could fill a placeholder.
pub(super) fn seed_path(
    entry: &Entry,
    params: Params<'_>,
    faults: &mut Faults,
) -> Option<Located<PathTemplate>> {
    let path = path(entry, params, faults)?;
    let field = path.value.fields().next().map(str::to_owned);
    if let Some(field) = field {
        faults
            .error("bad-path", path.span, format!("a seed has no item that `{{{field}}}` could come from"))
            .help("name a list of the API, such as `/discover/movie`; or give `ids` and fetch them");
        return None;
    }
    Some(path)
}

fn template_fault(code: &'static str, error: &TemplateError, text: Located<String>, faults: &mut Faults) {
    faults.error(code, text.span, error.to_string()).help(error.hint());
}

/// How a stage reads what `query` may not say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// One document an item.
    Document,
    /// Pages of a list, for a seed: without placeholders.
    SeedPages,
    /// Pages of a list.
    Pages,
}

/// Reads `query`.
pub(super) fn query(entry: Option<&Entry>, params: Params<'_>, asks: Asks, faults: &mut Faults) -> Query {
    let mut query = Query::new();
    let Some(entry) = entry else { return query };
    let NodeValue::Map(parameters) = &entry.value.value else {
        if !expect::is_broken(&entry.value) {
            expect::wrong("query", &entry.value, "a mapping of names to values", faults)
                .help("as in `{language: de}`");
        }
        return query;
    };
    for parameter in parameters {
        if !name_belongs(parameter, asks, faults) {
            continue;
        }
        let takes = "text, a number or a boolean";
        if let NodeValue::List(items) = &parameter.value.value {
            let fault = expect::wrong(&parameter.key, &parameter.value, takes, faults);
            // Of one value there is nothing to join.
            if items.len() != 1 {
                fault.help(format!(
                    "write it as TMDB reads it, with `,` for and, `|` for or: '{}'",
                    joined(items).unwrap_or_else(|| "28,12".to_owned())
                ));
            }
            continue;
        }
        let Some(scalar) = expect::scalar(&parameter.key, &parameter.value, takes, faults) else { continue };
        let span = parameter.value.span;
        match params.into_query(&scalar.text, span, faults) {
            Some(QueryValue::Template(value))
                if asks == Asks::SeedPages && value.fields().next().is_some() =>
            {
                faults.error("bad-query", span, "a seed has no item that could fill a placeholder").help(
                    "write the value itself, or take it from a param or the environment: `$params.NAME`, `${env:NAME}`",
                );
            }
            Some(QueryValue::Template(value)) => {
                query.push((parameter.key.clone(), Located::new(value, span)));
            }
            Some(QueryValue::Faulty(error)) => {
                template_fault("bad-query", &error, Located::new(String::new(), span), faults);
            }
            Some(QueryValue::Absent) | None => {}
        }
    }
    query
}

/// The scalars of a list as one text.
fn joined(items: &[Node]) -> Option<String> {
    const SHOWN_MAX: usize = 8;
    let text = |node: &Node| match &node.value {
        NodeValue::Scalar(scalar) if !scalar.text.is_empty() => Some(clip(&scalar.text)),
        _ => None,
    };
    let texts: Option<Vec<String>> = items.iter().take(SHOWN_MAX + 1).map(text).collect();
    texts.filter(|texts| (2..=SHOWN_MAX).contains(&texts.len())).map(|texts| texts.join(","))
}

fn name_belongs(parameter: &Entry, asks: Asks, faults: &mut Faults) -> bool {
    let name = parameter.key.to_lowercase();
    let span = parameter.key_span;
    if credential::PARAMETERS.contains(&name.as_str()) {
        if expect::is_broken(&parameter.value) {
            return false;
        }
        faults
            .secret("credential-in-file", parameter.value.span, "this looks like a credential")
            .help(credential::HINT);
        return false;
    }
    let instead = match (name.as_str(), asks) {
        ("append_to_response", _) => "use `append:`",
        ("page", Asks::Pages | Asks::SeedPages) => "use `pages:`",
        _ => "",
    };
    let written = !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control());
    if instead.is_empty() && written {
        return true;
    }
    let fault = faults.error("bad-query", span, format!("`{}` cannot stand in `query`", clip(&name)));
    fault.help(if instead.is_empty() { "a name has no spaces, as in `include_adult`" } else { instead });
    false
}

/// Reads `append`.
pub(super) fn append(entry: Option<&Entry>, faults: &mut Faults) -> Vec<Located<String>> {
    let Some(items) = entry.and_then(|entry| expect::list(entry, "a list of names", faults)) else {
        return Vec::new();
    };
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for item in items {
        let Some(name) = expect::text("append", item, faults) else { continue };
        let written = !name.value.is_empty()
            && name.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/".contains(&byte));
        if !written {
            faults
                .error("bad-append", name.span, "`append` takes names of sub-requests")
                .help("as in `[credits, keywords]`, each name on its own");
        } else if !seen.insert(name.value.clone()) {
            faults
                .error(
                    "duplicate-name",
                    name.span,
                    format!("`{}` stands twice in `append`", clip(&name.value)),
                )
                .help("remove one of them");
        } else if seen.len() == APPEND_MAX + 1 {
            faults
                .error("too-many", name.span, format!("`append` takes at most {APPEND_MAX} names"))
                .help("TMDB itself takes no more in one request");
        }
        names.push(name);
    }
    names
}

/// Reads `pages` of a seed; `None` is all.
pub(super) fn seed_pages(entry: Option<&Entry>, faults: &mut Faults) -> Option<NonZeroU32> {
    entry.filter(|entry| !is_all(entry)).and_then(|entry| expect::count(entry, PAGES_MAX, faults))
}

fn is_all(entry: &Entry) -> bool {
    matches!(&entry.value.value, NodeValue::Scalar(scalar) if scalar.text == "all")
}

/// Reads `pages`.
pub(super) fn pages(entry: Option<&Entry>, default: u32, faults: &mut Faults) -> NonZeroU32 {
    let pages = entry.and_then(|entry| {
        if is_all(entry) { NonZeroU32::new(PAGES_MAX) } else { expect::count(entry, PAGES_MAX, faults) }
    });
    pages.or(NonZeroU32::new(default)).unwrap_or(NonZeroU32::MIN)
}
