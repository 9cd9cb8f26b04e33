//! Draws faults: code, `file:line:column`, the line with the place marked, and the hint.
//!
//! Invariant: no text that looks like a credential leaves here, and the work depends on the number of
//! faults and the length of the file, never on their product with the length of a line.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::credential;
use super::fault::{Fault, Faults, Severity};
use super::model::Span;
use super::source::Source;

/// Longest line that is shown whole; of a longer one, a window around the place.
const LINE_BYTES_MAX: usize = 240;
/// Bytes of such a line that are shown before the place.
const LEAD_BYTES: usize = 40;

impl Faults {
    /// All faults as plain text.
    pub fn render(&self, source: &Source) -> String {
        self.render_with(source, &Renderer::plain().decor_style(DecorStyle::Ascii))
    }

    /// All faults with colours, for a terminal.
    pub fn render_styled(&self, source: &Source) -> String {
        self.render_with(source, &Renderer::styled().decor_style(DecorStyle::Ascii))
    }

    fn render_with(&self, source: &Source, renderer: &Renderer) -> String {
        let mut out = String::new();
        for fault in self.iter() {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&renderer.render(&[group(fault, source, self.secrets())]));
            out.push('\n');
        }
        if self.dropped() > 0 {
            // Writing into a string does not fail.
            let _ = writeln!(out, "\nand {} more", self.dropped());
        }
        out
    }
}

fn group<'a>(fault: &'a Fault, source: &'a Source, secrets: &[Span]) -> Group<'a> {
    let level = match fault.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(credential::mask(&fault.title)).id(fault.code));
    let places = fault.span.iter().map(|&span| (AnnotationKind::Primary, span, fault.label.as_deref()));
    let places = places
        .chain(fault.also.iter().map(|(span, label)| (AnnotationKind::Context, *span, Some(label.as_str()))));
    let mut lines: Vec<Line> = Vec::new();
    for (kind, span, label) in places {
        let span = source.on_one_line(span);
        let (number, start) = source.line_start(span.start);
        let label = label.map(credential::mask);
        match lines.iter_mut().find(|line| line.number == number) {
            Some(line) => line.marks.push((kind, span, label)),
            None => lines.push(Line { number, start, marks: vec![(kind, span, label)] }),
        }
    }
    for line in lines {
        group = line.draw(group, source, secrets);
    }
    match &fault.help {
        Some(help) => group.element(Level::HELP.message(credential::mask(help))),
        None => group,
    }
}

/// A line of the file and what is marked on it; the first mark decides which part of a long line shows.
struct Line<'a> {
    number: usize,
    start: usize,
    marks: Vec<(AnnotationKind, Span, Option<Cow<'a, str>>)>,
}

impl<'a> Line<'a> {
    fn draw(self, group: Group<'a>, source: &'a Source, secrets: &[Span]) -> Group<'a> {
        let first = self.marks[0].1;
        let window = window(&source.text, self.start, first.start);
        let shown = hidden(&source.text, &window, secrets);
        let mut snippet = Snippet::source(shown).line_start(self.number);
        // The renderer counts columns within what it is given, which is wrong in a window.
        let whole = window.start == self.start;
        let group = if whole {
            snippet = snippet.path(source.name.as_str());
            group
        } else {
            let (line, column) = source.line_column(first.start);
            group.element(Origin::path(source.name.as_str()).line(line).char_column(column))
        };
        for (kind, span, label) in self.marks {
            let inside = |byte: usize| byte.clamp(window.start, window.end) - window.start;
            let annotation: Annotation<'_> = kind.span(inside(span.start)..inside(span.end));
            snippet = snippet.annotation(annotation.label(label));
        }
        group.element(snippet)
    }
}

/// The part of the line from `line_start` that is shown around `place`.
fn window(text: &str, line_start: usize, place: usize) -> Range<usize> {
    let line_end = text[place..].find('\n').map_or(text.len(), |at| place + at);
    let line_end = if text[line_start..line_end].ends_with('\r') { line_end - 1 } else { line_end };
    if line_end - line_start <= LINE_BYTES_MAX {
        return line_start..line_end.max(place);
    }
    let mut start = place.saturating_sub(LEAD_BYTES).max(line_start);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (start + LINE_BYTES_MAX).min(line_end).max(place);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// The text of `window` without its secrets. They are searched in a wider part, so that one that is cut
/// by the edge of the window is still seen.
fn hidden<'a>(text: &'a str, window: &Range<usize>, secrets: &[Span]) -> Cow<'a, str> {
    const MARGIN: usize = 512;
    let mut start = window.start.saturating_sub(MARGIN);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (window.end + MARGIN).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let found =
        credential::find(&text[start..end]).into_iter().map(|place| place.start + start..place.end + start);
    let mut places: Vec<Range<usize>> = found
        .chain(secrets.iter().map(|span| span.start..span.end))
        .map(|place| place.start.max(window.start)..place.end.min(window.end))
        .filter(|place| place.start < place.end)
        .map(|place| place.start - window.start..place.end - window.start)
        .collect();
    let shown = &text[window.clone()];
    if places.is_empty() {
        return Cow::Borrowed(shown);
    }
    places.sort_by_key(|place| place.start);
    Cow::Owned(credential::mask_places(shown, &places))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span_of(source: &Source, needle: &str) -> Span {
        let start = source.text.find(needle).expect("in the text");
        Span { start, end: start + needle.len() }
    }

    #[test]
    fn two_places_on_two_lines_are_both_shown() {
        let source = Source::new("p.yaml", "a: 1\nb: 2\na: 3\n");
        let mut faults = Faults::default();
        faults
            .error("duplicate-key", Span { start: 10, end: 11 }, "`a` stands twice")
            .label("again")
            .also(Span { start: 0, end: 1 }, "first here")
            .help("keep one");
        insta::assert_snapshot!(faults.render(&source), @r"
        error[duplicate-key]: `a` stands twice
         --> p.yaml:3:1
          |
        3 | a: 3
          | ^ again
          |
         ::: p.yaml:1:1
          |
        1 | a: 1
          | - first here
          |
          = help: keep one
        ");
    }

    #[test]
    fn a_long_line_is_shown_around_the_place_with_its_true_column() {
        let source =
            Source::new("p.yaml", format!("a: [{}oops, {}]\n", "1, ".repeat(1000), "2, ".repeat(1000)));
        let mut faults = Faults::default();
        faults.error("bad", span_of(&source, "oops"), "no number");
        let text = faults.render(&source);
        assert!(text.contains("p.yaml:1:3005"), "{text}");
        assert!(text.contains("oops") && text.len() < 600, "{text}");
    }

    #[test]
    fn a_secret_is_neither_in_the_line_nor_in_the_words() {
        let token = format!("eyJ{}", "x0".repeat(100));
        let source = Source::new("p.yaml", format!("name: {token} # {token}\nx: p4ssw0rd\n"));
        let mut faults = Faults::default();
        faults
            .error("bad-name", span_of(&source, "name"), format!("`{token}` is no name"))
            .label(token.clone());
        faults.secret("credential-in-file", span_of(&source, "p4ssw0rd"), "a password");
        let text = faults.render(&source) + &faults.render_styled(&source);
        assert!(!text.contains("x0x0") && !text.contains("p4ssw0rd"), "{text}");
    }
}
