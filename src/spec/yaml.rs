//! Text to a located [`Node`] tree: the only module that knows the YAML crate.
//!
//! The tree is built from the parser's events, since a deserialiser forgets the places and the quotes of
//! what it reads into untyped values. Belongs here: YAML's own rules and limits. Does not belong here:
//! anything about pipelines.
//!
//! Invariant: work and memory are bounded by the length of the text plus [`NODES_MAX`], whatever the text
//! says: aliases are copied only while the copies fit into the same count.

use std::collections::HashMap;

use serde_yaml::granit_parser::{self, Event, Parser, ScalarStyle, ScanError};

use super::credential;
use super::environment::{self, VariableError};
use super::fault::{Faults, clip};
use super::model::Span;
use super::scalar::{Core, Scalar, Style};
use super::source::{SOURCE_BYTES_MAX, Source};
use super::tree::{Entry, Node, NodeValue};

/// Most scalars, lists and mappings of a file, copies by aliases included: twice what a list of ids that
/// fills a whole file needs.
pub(super) const NODES_MAX: usize = 300_000;
/// Deepest nesting, copies by aliases included. The language needs 6.
pub(super) const DEPTH_MAX: usize = 32;

/// Parses the file; `None` if no tree came out of it. A tree may come out of a file with faults.
pub(super) fn parse(
    source: &Source,
    variables: &dyn Fn(&str) -> Option<String>,
    faults: &mut Faults,
) -> Option<Node> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder = Builder {
        text: &source.text,
        variables,
        faults,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        replaced_bytes: 0,
        documents: 0,
        root: None,
    };
    for event in Parser::new_from_str_with_options(&source.text, options) {
        let (event, span) = match event {
            Ok((event, span)) => (event, byte_span(span)),
            Err(error) => {
                syntax(source, &error, builder.faults);
                return None;
            }
        };
        if builder.event(event, span).is_err() {
            return None;
        }
    }
    let root = builder.root.take().map(|built| built.node);
    if root.as_ref().is_none_or(is_null) {
        faults
            .error_without_place("empty-file", "the file holds no pipeline")
            .help("start with `version: 1`");
        return None;
    }
    root
}

/// Reads one value as it would stand behind a key: for `--set`.
pub(super) fn parse_scalar(text: &str) -> Option<Scalar> {
    let source = Source::new("--set", text);
    let mut faults = Faults::default();
    match parse(&source, &|_| None, &mut faults)?.value {
        NodeValue::Scalar(scalar) if !faults.has_errors() => Some(scalar),
        _ => None,
    }
}

fn is_null(node: &Node) -> bool {
    matches!(&node.value, NodeValue::Scalar(scalar) if scalar.core == Core::Null)
}

fn byte_span(span: granit_parser::Span) -> Span {
    // A parser over a string knows its bytes (`new_from_str` says so); without them a place is the start.
    let range = span.byte_range().unwrap_or_default();
    Span { start: range.start, end: range.end }
}

/// The tree cannot be finished; its fault is told.
struct Stop;

/// A finished node with what an alias of it would cost.
#[derive(Clone)]
struct Built {
    node: Node,
    nodes: usize,
    height: usize,
}

/// A list or mapping whose end has not come.
struct Open {
    start: usize,
    anchor: usize,
    children: Children,
    nodes: usize,
    height: usize,
}

enum Children {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<Key>, seen: HashMap<String, Span> },
}

/// A key whose value has not come.
struct Key {
    name: String,
    span: Span,
    /// Its fault is told: the entry is left out.
    broken: bool,
}

struct Builder<'a> {
    text: &'a str,
    variables: &'a dyn Fn(&str) -> Option<String>,
    faults: &'a mut Faults,
    open: Vec<Open>,
    /// Finished nodes with an anchor; `None` for one that is still open.
    anchors: HashMap<usize, Option<Built>>,
    nodes: usize,
    replaced_bytes: usize,
    documents: usize,
    root: Option<Built>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.faults
                        .error("several-documents", span, "a second YAML document starts here")
                        .help("one file holds one pipeline: remove the `---` or split the file");
                    return Err(Stop);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let node = self.scalar(&text, style, span);
                self.finish(Built { node, nodes: 1, height: 1 }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.start(anchor, span, Children::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let children = Children::Map { entries: Vec::new(), key: None, seen: HashMap::new() };
                self.start(anchor, span, children)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::UnresolvedAlias(name) => {
                self.faults
                    .error("unknown-anchor", span, format!("no anchor `&{}` stands before this", clip(&name)))
                    .help("a value that starts with `*` must be quoted unless it is an alias");
                let node = Node { value: NodeValue::Scalar(broken()), span };
                self.finish(Built { node, nodes: 1, height: 1 }, 0)?;
            }
            // Marks of the stream, and kinds of events that were not asked for.
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Node {
        let plain = style == ScalarStyle::Plain;
        let errors = self.faults.errors();
        let text = match environment::replace(text, self.variables) {
            Ok(None) => text.to_owned(),
            Ok(Some(replaced)) => self.replaced(replaced, span),
            Err(failures) => {
                self.variable_faults(failures, span);
                String::new()
            }
        };
        let secret = !credential::find(&text).is_empty();
        // A credential that is legible in the file is told for the raw text; this one hides in escapes
        // or came through a variable.
        if secret && credential::find(self.text.get(span.start..span.end).unwrap_or_default()).is_empty() {
            self.faults.secret("credential-in-file", span, "this looks like a credential").help(
                "the credential is never in the file: set TMDB_TOKEN or TMDB_API_KEY in the environment",
            );
        }
        let core = if plain { Core::of(&text) } else { Core::String };
        let style = if plain { Style::Plain } else { Style::Quoted };
        let cut = plain && self.cut_by_comment(span);
        let broken = secret || self.faults.errors() > errors;
        Node { value: NodeValue::Scalar(Scalar { text, style, core, cut, broken }), span }
    }

    /// Variables may blow a file up: what they bring counts like the file itself.
    fn replaced(&mut self, text: String, span: Span) -> String {
        self.replaced_bytes += text.len();
        if self.replaced_bytes <= SOURCE_BYTES_MAX {
            return text;
        }
        self.faults.error("too-large", span, "the values of variables make the file larger than 1 MiB");
        String::new()
    }

    fn variable_faults(&mut self, failures: Vec<environment::Failure>, span: Span) {
        for (error, at) in failures {
            let place = self.variable_span(span, at);
            let title = error.to_string();
            match error {
                VariableError::Unclosed => self.faults.error("bad-variable", place, title),
                VariableError::BadName(_) => self
                    .faults
                    .error("bad-variable", place, title)
                    .help("write `${env:NAME}` or `${env:NAME:-default}`"),
                VariableError::Credential(_) => self
                    .faults
                    .error("credential-in-file", place, title)
                    .help("it is read from the environment by itself: remove this"),
                VariableError::Missing(name) => self
                    .faults
                    .error("missing-variable", place, title)
                    .help(format!("set it, or give a default: `${{env:{name}:-value}}`")),
            };
        }
    }

    /// The place of the `${env:…}` that starts `at` bytes into the decoded text, if nothing before it was
    /// escaped; else the whole scalar.
    fn variable_span(&self, span: Span, at: usize) -> Span {
        let raw = self.text.get(span.start..span.end).unwrap_or_default();
        let lead = usize::from(raw.starts_with(['"', '\'']));
        match raw.get(lead + at..) {
            Some(rest) if rest.starts_with("${env:") => {
                let start = span.start + lead + at;
                let length = rest.find('}').map_or(rest.len(), |end| end + 1);
                Span { start, end: start + length }
            }
            _ => span,
        }
    }

    /// Whether the line goes on with ` #` behind a plain scalar.
    fn cut_by_comment(&self, span: Span) -> bool {
        let rest = self.text.get(span.end..).unwrap_or_default();
        let after = rest.trim_start_matches([' ', '\t']);
        after.len() < rest.len() && after.starts_with('#')
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if tagged {
            self.faults
                .error("tag", span, "tags have no meaning in a pipeline")
                .help("a value that starts with `!` must be quoted");
        }
    }

    fn start(&mut self, anchor: usize, span: Span, children: Children) -> Result<(), Stop> {
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        self.open.push(Open { start: span.start, anchor, children, nodes: 1, height: 1 });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Stop> {
        let Open { start, anchor, children, nodes, height } =
            self.open.pop().expect("the parser ends only what it has started");
        // A block collection ends where the next token starts; its last child ends sooner.
        let last = match &children {
            Children::List(items) => items.last().map(|item| item.span.end),
            Children::Map { entries, .. } => entries.last().map(|entry| entry.value.span.end),
        };
        let flow = self.text.get(start..).is_some_and(|text| text.starts_with(['[', '{']));
        let end = if flow { span.end } else { last.unwrap_or(span.end) };
        let value = match children {
            Children::List(items) => NodeValue::List(items),
            Children::Map { entries, .. } => NodeValue::Map(entries),
        };
        let node = Node { value, span: Span { start, end: end.max(start) } };
        self.nodes -= nodes - 1;
        self.finish(Built { node, nodes, height }, anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        let Some(Some(built)) = self.anchors.get(&anchor) else {
            self.faults.error("recursive-alias", span, "this alias stands within what it names");
            return Err(Stop);
        };
        if self.nodes + built.nodes > NODES_MAX {
            return Err(self.too_many(span));
        }
        let mut built = built.clone();
        built.node.span = span;
        self.finish(built, 0)
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, built: Built, anchor: usize) -> Result<(), Stop> {
        self.nodes += built.nodes;
        if self.nodes > NODES_MAX {
            return Err(self.too_many(built.node.span));
        }
        if self.open.len() + built.height > DEPTH_MAX + 1 {
            return Err(self.too_deep(built.node.span));
        }
        if anchor != 0 {
            // The copy that later aliases are made from counts as well.
            self.nodes += built.nodes;
            self.anchors.insert(anchor, Some(built.clone()));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(built);
            return Ok(());
        };
        parent.nodes += built.nodes;
        parent.height = parent.height.max(built.height + 1);
        match &mut parent.children {
            Children::List(items) => items.push(built.node),
            Children::Map { entries, key, seen } => match key.take() {
                None => *key = Some(key_text(built.node, self.faults)),
                Some(Key { broken: true, .. }) => {}
                Some(Key { name, span, .. }) => match seen.get(&name) {
                    Some(&first) => {
                        self.faults
                            .error("duplicate-key", span, format!("the key `{}` stands twice", clip(&name)))
                            .label("again")
                            .also(first, "first here")
                            .help("YAML readers silently keep one of them: remove the other");
                    }
                    None => {
                        seen.insert(name.clone(), span);
                        entries.push(Entry { key: name, key_span: span, value: built.node });
                    }
                },
            },
        }
        Ok(())
    }

    fn too_many(&mut self, span: Span) -> Stop {
        self.faults
            .error("too-many-nodes", span, format!("the file has more than {NODES_MAX} values"))
            .help("aliases count as often as they are used");
        Stop
    }

    fn too_deep(&mut self, span: Span) -> Stop {
        self.faults.error("too-deep", span, format!("values nest deeper than {DEPTH_MAX} levels"));
        Stop
    }
}

fn broken() -> Scalar {
    Scalar { text: String::new(), style: Style::Plain, core: Core::String, cut: false, broken: true }
}

fn key_text(node: Node, faults: &mut Faults) -> Key {
    let span = node.span;
    match node.value {
        NodeValue::Scalar(scalar) => {
            if scalar.text == "<<" {
                faults
                    .error("merge-key", span, "merge keys are not part of YAML 1.2")
                    .help("an alias stands for a whole value: `columns: *columns`");
                return Key { name: String::new(), span, broken: true };
            }
            Key { name: scalar.text, span, broken: scalar.broken }
        }
        NodeValue::List(_) | NodeValue::Map(_) => {
            faults
                .error("key-not-text", span, "a key must be text")
                .help("a value that starts with `{` or `[` must be quoted");
            Key { name: String::new(), span, broken: true }
        }
    }
}

/// What the parser could not read. It stops at the first such place.
fn syntax(source: &Source, error: &ScanError, faults: &mut Faults) {
    let marker = error.marker();
    let start = marker.byte_offset().unwrap_or(source.text.len());
    let length = source.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let span = Span { start, end: start + length };
    if *error.kind() == granit_parser::ErrorKind::RecursionLimitExceeded {
        faults.error("too-deep", span, format!("values nest deeper than {DEPTH_MAX} levels"));
        return;
    }
    let (_, line_start) = source.line_start(start);
    let line = source.text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let fault = faults.error("syntax", span, format!("this is not YAML: {}", clip(&error.info())));
    if line.contains("struct<") {
        fault.help("a type with `: ` in it must be quoted: 'struct<a: int64>'");
    } else if line.matches(": ").count() > 1 {
        fault.help("a value with `: ` in it must be quoted");
    } else if line.contains('\t') {
        fault.help("indent with spaces, not with tabs");
    } else if line.contains(": @") || line.contains(": `") || line.contains(": %") {
        fault.help("a value that starts with a sign of YAML must be quoted");
    }
}
