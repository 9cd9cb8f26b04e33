//! What is wrong with a pipeline file, collected so that all of it is told in one go.
//!
//! Belongs here: the shape of a fault and the collector, for this module and for `crate::plan`. Does not
//! belong here: how a fault is drawn (`render`). Invariant: faults stand in the order of their places,
//! each once, at most [`FAULTS_MAX`] of them.

use std::borrow::Cow;
use std::fmt;

use super::credential;
use super::model::Span;

/// Most faults that are kept; the rest is counted. Nobody reads more, and a hostile file of a megabyte
/// must not become a report of a gigabyte.
pub const FAULTS_MAX: usize = 100;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    /// The pipeline cannot run.
    #[default]
    Error,
    /// It runs, but hardly as meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Stable, in kebab-case: tests and scripts may rely on it.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub title: String,
    /// The place in the file; `None` for what came from elsewhere (`--set`, the file itself).
    pub span: Option<Span>,
    /// A word at the marked place.
    pub label: Option<String>,
    /// Other places that belong to it.
    pub also: Vec<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// What is wrong, without credentials.
    pub fn message(&self) -> Cow<'_, str> {
        credential::mask(&self.title)
    }

    /// What to do about it, without credentials.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        self.help.as_deref().map(credential::mask)
    }

    /// Writes `label` at the marked place.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Marks another place.
    pub fn also(&mut self, span: Span, label: impl Into<String>) -> &mut Self {
        self.also.push((span, label.into()));
        self
    }

    /// Says what to do about it.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(bounded(help.into()));
        self
    }

    /// Asks "did you mean …?" if there is a name to propose.
    pub fn did_you_mean(&mut self, name: Option<&str>) -> &mut Self {
        if let Some(name) = name {
            self.help = Some(format!("did you mean `{name}`?"));
        }
        self
    }
}

/// The collector.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    errors: usize,
    dropped: usize,
    secrets: Vec<Span>,
    /// Faults are counted and none is kept.
    deaf: bool,
    /// Takes the labels and hints of a fault that is not kept.
    spill: Box<Fault>,
}

impl Faults {
    /// A collector for a second look at what was told before: it counts and keeps nothing.
    pub(super) fn deaf() -> Self {
        Self { deaf: true, ..Self::default() }
    }

    /// Adds an error at `span`.
    pub fn error(&mut self, code: &'static str, span: Span, title: impl Into<String>) -> &mut Fault {
        self.add(Fault { code, title: title.into(), span: Some(span), ..Fault::default() })
    }

    /// Adds an error that has no place in the file.
    pub fn error_without_place(&mut self, code: &'static str, title: impl Into<String>) -> &mut Fault {
        self.add(Fault { code, title: title.into(), ..Fault::default() })
    }

    /// Adds a warning at `span`.
    pub fn warning(&mut self, code: &'static str, span: Span, title: impl Into<String>) -> &mut Fault {
        let severity = Severity::Warning;
        self.add(Fault { code, severity, title: title.into(), span: Some(span), ..Fault::default() })
    }

    /// Adds an error at `span` and hides the text there in everything that is rendered.
    pub fn secret(&mut self, code: &'static str, span: Span, title: impl Into<String>) -> &mut Fault {
        if self.secrets.len() < FAULTS_MAX {
            self.secrets.push(span);
        }
        self.error(code, span, title)
    }

    /// Takes over every fault of `other`.
    pub fn append(&mut self, other: Faults) {
        self.dropped += other.dropped;
        self.errors += other.errors - other.list.iter().filter(|fault| is_error(fault)).count();
        self.secrets.extend(other.secrets);
        for fault in other.list {
            self.add(fault);
        }
    }

    /// Forgets warnings of this code: what the caller knows shows that they do not hold.
    pub fn dismiss(&mut self, code: &str) {
        self.list.retain(|fault| is_error(fault) || fault.code != code);
    }

    /// The faults in the order of their places; those without a place first.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.list.iter()
    }

    /// How many faults were counted beyond [`FAULTS_MAX`].
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Nothing is wrong at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// No more faults are kept, so that work on their words is in vain.
    pub fn is_full(&self) -> bool {
        self.deaf || self.list.len() >= FAULTS_MAX
    }

    /// Something keeps the pipeline from running.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors were added so far: a decoder compares it to know whether a part came out whole.
    pub fn errors(&self) -> usize {
        self.errors
    }

    pub(super) fn secrets(&self) -> &[Span] {
        &self.secrets
    }

    fn add(&mut self, mut fault: Fault) -> &mut Fault {
        fault.title = bounded(fault.title);
        self.errors += usize::from(is_error(&fault));
        let start = |fault: &Fault| fault.span.map(|span| span.start);
        let known = self
            .list
            .iter()
            .any(|kept| kept.code == fault.code && kept.title == fault.title && start(kept) == start(&fault));
        if known || self.deaf {
            *self.spill = fault;
            return &mut self.spill;
        }
        if self.is_full() {
            self.dropped += 1;
            // No number of warnings hides an error.
            let warning = self.list.iter().rposition(|kept| !is_error(kept)).filter(|_| is_error(&fault));
            let Some(warning) = warning else {
                *self.spill = fault;
                return &mut self.spill;
            };
            self.list.remove(warning);
        }
        let at = self.list.partition_point(|kept| start(kept) <= start(&fault));
        self.list.insert(at, fault);
        &mut self.list[at]
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.errors == 1 { "" } else { "s" };
        write!(f, "the pipeline file has {} error{plural}", self.errors)
    }
}

impl std::error::Error for Faults {}

/// `words` of a fault, cut where a text of the file makes them longer than anybody reads.
fn bounded(mut words: String) -> String {
    const WORDS_BYTES_MAX: usize = 1_000;
    if words.len() > WORDS_BYTES_MAX {
        words = credential::mask(&words).into_owned();
        words.truncate(words.floor_char_boundary(WORDS_BYTES_MAX));
        words.push('…');
    }
    words
}

fn is_error(fault: &Fault) -> bool {
    fault.severity == Severity::Error
}

/// `text` for a title: in one line, of at most 60 characters, and without credentials. They are hidden
/// before the cut, since half a credential is not recognised any more.
pub fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let head: String = text.chars().take(10 * CHARS_MAX).collect();
    let mut letters =
        credential::mask(&head).chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<Vec<_>>();
    if letters.len() > CHARS_MAX {
        letters.truncate(CHARS_MAX);
        letters.push('…');
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: usize) -> Span {
        Span { start, end: start + 1 }
    }

    #[test]
    fn faults_stand_in_the_order_of_their_places_and_each_once() {
        let mut faults = Faults::default();
        faults.error("b", at(9), "later");
        faults.error("a", at(3), "sooner");
        faults.error("b", at(9), "later");
        faults.error_without_place("c", "from outside");
        let titles: Vec<_> = faults.iter().map(|fault| fault.title.as_str()).collect();
        assert_eq!(titles, ["from outside", "sooner", "later"]);
    }

    #[test]
    fn errors_beyond_the_limit_are_counted() {
        let mut faults = Faults::default();
        for place in 0..FAULTS_MAX {
            faults.warning("w", at(place), "a warning");
        }
        assert!(!faults.has_errors());
        faults.error("e", at(1), "one more").help("kept");
        assert!(faults.has_errors());
        assert!(faults.iter().any(is_error), "the error takes the place of a warning");
        assert_eq!((faults.iter().count(), faults.dropped()), (FAULTS_MAX, 1));
    }

    #[test]
    fn appended_errors_stay_errors_where_they_are_not_kept() {
        let mut full = Faults::default();
        for place in 0..=FAULTS_MAX {
            full.error("e", at(place), "an error");
        }
        let mut faults = Faults::default();
        faults.append(full);
        assert_eq!((faults.errors(), faults.dropped()), (FAULTS_MAX + 1, 1));
    }
}
