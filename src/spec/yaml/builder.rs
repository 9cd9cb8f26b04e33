//! The parser's events to a tree, one event at a time.
//!
//! Invariant: the tree that is built and the copies kept for aliases have at most twice [`NODES_MAX`]
//! nodes, none deeper than [`DEPTH_MAX`].

use std::collections::HashMap;

use serde_yaml::granit_parser::{self, Event, ScalarStyle};

use super::super::credential;
use super::super::environment::{self, VariableError};
use super::super::fault::{Faults, clip};
use super::super::model::Span;
use super::super::scalar::{Core, Scalar, Style};
use super::super::source::SOURCE_BYTES_MAX;
use super::super::tree::{Entry, Node, NodeValue};
use super::{DEPTH_MAX, NODES_MAX, byte_span};

/// The tree cannot be finished; its fault is told.
pub(super) struct Stop;

/// A finished node with what an alias of it would cost.
#[derive(Clone)]
struct Built {
    node: Node,
    nodes: usize,
    height: usize,
    /// Of its text and its keys.
    bytes: usize,
}

/// A list or mapping whose end has not come.
struct Open {
    start: usize,
    anchor: usize,
    children: Children,
    nodes: usize,
    height: usize,
    bytes: usize,
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

/// The tree as far as it is built.
pub(super) struct Builder<'a> {
    text: &'a str,
    variables: &'a dyn Fn(&str) -> Option<String>,
    pub(super) faults: &'a mut Faults,
    open: Vec<Open>,
    /// Finished nodes with an anchor; `None` for one that is still open.
    anchors: HashMap<usize, Option<Built>>,
    nodes: usize,
    replaced_bytes: usize,
    aliased_bytes: usize,
    documents: usize,
    root: Option<Built>,
}

impl<'a> Builder<'a> {
    /// Nothing built yet. The tree keeps no borrow of `text`.
    pub(super) fn new(
        text: &'a str,
        variables: &'a dyn Fn(&str) -> Option<String>,
        faults: &'a mut Faults,
    ) -> Self {
        Self {
            text,
            variables,
            faults,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            replaced_bytes: 0,
            aliased_bytes: 0,
            documents: 0,
            root: None,
        }
    }

    /// The finished tree.
    pub(super) fn root(&mut self) -> Option<Node> {
        self.root.take().map(|built| built.node)
    }

    /// Takes the next event.
    pub(super) fn event(&mut self, event: Event<'_>, place: granit_parser::Span) -> Result<(), Stop> {
        let span = byte_span(place);
        if let Some(tag) = place.tag_span() {
            self.faults
                .error("tag", byte_span(tag), "tags have no meaning in a pipeline")
                .help("a value that starts with `!` must be quoted");
        }
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
                let node = match tag {
                    None => self.scalar(&text, style, span),
                    Some(_) => Node { value: NodeValue::Scalar(broken()), span },
                };
                self.finish(leaf(node), anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.start(anchor, span, Children::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, _) => {
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
                self.finish(leaf(node), 0)?;
            }
            // Marks of the stream, and kinds of events that were not asked for.
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Node {
        let plain = style == ScalarStyle::Plain;
        // The parser writes `~` for a value that is not there at all.
        let text = if plain && span.start == span.end { "" } else { text };
        let errors = self.faults.errors();
        let text = match environment::replace(text, self.variables) {
            Ok(None) => text.to_owned(),
            Ok(Some(replaced)) => self.replaced(replaced, span),
            Err(failures) => {
                self.variable_faults(failures, span);
                String::new()
            }
        };
        let found = credentials(&text);
        let secret = !found.is_empty();
        // A credential that is legible in the file is told for the raw text; this one hides in escapes
        // or came through a variable.
        if secret && found != credentials(self.text.get(span.start..span.end).unwrap_or_default()) {
            self.faults
                .secret("credential-in-file", span, "this looks like a credential")
                .help(credential::HINT);
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
        self.faults
            .error("too-large", span, "the values of variables make the file larger than 1 MiB")
            .help("long lists belong in a file of their own");
        String::new()
    }

    fn variable_faults(&mut self, failures: Vec<environment::Failure>, span: Span) {
        for (error, at) in failures {
            let place = self.variable_span(span, at);
            let title = error.to_string();
            match error {
                VariableError::Unclosed => {
                    self.faults.error("bad-variable", place, title).help("close it: `${env:NAME}`")
                }
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

    fn start(&mut self, anchor: usize, span: Span, children: Children) -> Result<(), Stop> {
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        self.open.push(Open { start: span.start, anchor, children, nodes: 1, height: 1, bytes: 0 });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Stop> {
        let Open { start, anchor, children, nodes, height, bytes } =
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
        self.finish(Built { node, nodes, height, bytes }, anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        let Some(Some(built)) = self.anchors.get(&anchor) else {
            self.faults
                .error("recursive-alias", span, "this alias stands within what it names")
                .help("write out what is meant here");
            return Err(Stop);
        };
        if self.nodes + built.nodes > NODES_MAX {
            return Err(self.too_many(span));
        }
        // A long text is one value, and may be named a hundred thousand times.
        self.aliased_bytes += built.bytes;
        if self.aliased_bytes > SOURCE_BYTES_MAX {
            self.faults
                .error("too-large", span, "aliases make the file larger than 1 MiB")
                .help("every alias counts as much as what it names: use fewer, or name something shorter");
            return Err(Stop);
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
        parent.bytes += built.bytes;
        match &mut parent.children {
            Children::List(items) => items.push(built.node),
            Children::Map { entries, key, seen } => match key.take() {
                None => *key = Some(key_text(built.node, self.faults)),
                Some(Key { broken: true, .. }) => {}
                Some(Key { name, span, .. }) => {
                    if let Some(&first) = seen.get(&name) {
                        self.faults
                            .error("duplicate-key", span, format!("the key `{}` stands twice", clip(&name)))
                            .label("again")
                            .also(first, "first here")
                            .help("YAML readers silently keep one of them: remove the other");
                    } else {
                        seen.insert(name.clone(), span);
                        entries.push(Entry { key: name, key_span: span, value: built.node });
                    }
                }
            },
        }
        Ok(())
    }

    fn too_many(&mut self, span: Span) -> Stop {
        self.faults
            .error("too-many-nodes", span, format!("the file has more than {NODES_MAX} values"))
            .help("use fewer aliases, as each counts as often as it is used; long lists belong in a file of their own");
        Stop
    }

    fn too_deep(&mut self, span: Span) -> Stop {
        self.faults
            .error("too-deep", span, format!("values nest deeper than {DEPTH_MAX} levels"))
            .help(super::SHALLOWER);
        Stop
    }
}

/// A scalar, or what stands in its place.
fn leaf(node: Node) -> Built {
    let bytes = match &node.value {
        NodeValue::Scalar(scalar) => scalar.text.len(),
        NodeValue::List(_) | NodeValue::Map(_) => 0,
    };
    Built { node, nodes: 1, height: 1, bytes }
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
                    .help("write the keys out; an alias stands for a whole value: `columns: *columns`");
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

/// What looks like a credential in `text`.
fn credentials(text: &str) -> Vec<&str> {
    credential::find(text).into_iter().map(|place| &text[place]).collect()
}
