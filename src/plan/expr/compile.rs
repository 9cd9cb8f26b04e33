//! From the text of an expression to something that runs, and what to say if that fails.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::{slice, thread};

use jaq_core::Compiler;
use jaq_core::compile::Undefined;
use jaq_core::load::lex::{self, Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::{self, Def, Parser, Term};
use jaq_core::load::{Arena, File, Loader, span};

use super::hint;
use super::library::{self, Data, Reach, refusal, signatures};
use super::uses::Calls;
use super::{Expr, ExprFault, VARIABLES};

/// Bytes of one expression.
const SOURCE_BYTES_MAX: usize = 16 * 1024;

/// Words and signs of one expression. It bounds how deep the parser, the compiler and the evaluation
/// recurse: each `-` of `---1` and each `,` of `1,1,1` is a level.
pub(super) const TOKENS_MAX: usize = 500;

/// Brackets inside one another, as tokens are read recursively too.
const NESTING_MAX: usize = 32;

/// Stack for a compilation at the bounds above, in a build without optimisation.
const STACK_BYTES: usize = 16 << 20;

thread_local! {
    /// This thread was made by [`with_room`].
    static HAS_ROOM: Cell<bool> = const { Cell::new(false) };
}

/// Runs compilations where they have room, whoever asks for it. Within one that runs already it costs nothing, so
/// whoever has many to do asks first: a thread for each took longer than the compilation of a path.
pub(in crate::plan) fn with_room<T: Send>(compile: impl FnOnce() -> T + Send) -> T {
    if HAS_ROOM.get() {
        return compile();
    }
    let compile = || {
        HAS_ROOM.set(true);
        compile()
    };
    thread::scope(|scope| {
        let compilation = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, compile);
        let outcome = compilation.expect("the system has room for one more thread").join();
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Expressions that are worth a thread of their own.
const SOURCES_PER_THREAD: usize = 24;
/// Threads that compile at once, at the most.
const THREADS_MAX: usize = 4;

/// Compiles many, each text once, on as many threads as there are for it.
pub(in crate::plan) fn all<'s>(
    sources: impl IntoIterator<Item = &'s str>,
) -> HashMap<&'s str, Result<Expr, ExprFault>> {
    let sources: BTreeSet<&str> = sources.into_iter().collect();
    let sources: Vec<&str> = sources.into_iter().collect();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(THREADS_MAX).min(sources.len() / SOURCES_PER_THREAD).max(1);
    let share = |first: usize| {
        let sources = sources.iter().skip(first).step_by(threads);
        sources.map(|source| (*source, Expr::compile(source))).collect::<Vec<_>>()
    };
    let share = &share;
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|first| {
                let job = move || {
                    HAS_ROOM.set(true);
                    share(first)
                };
                let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, job);
                thread.expect("the system has room for one more thread")
            })
            .collect();
        let mut compiled: HashMap<_, _> = with_room(|| share(0)).into_iter().collect();
        for other in others {
            compiled.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        compiled
    })
}

/// Checks the bounds that keep the stages below from recursing too deeply.
pub(super) fn bounds(source: &str) -> Result<(), ExprFault> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!("an expression of {} bytes; {SOURCE_BYTES_MAX} is the most", source.len());
        return Err(ExprFault { message, at: None, help: None });
    }
    let mut depth = 0_usize;
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            let message = format!("more than {NESTING_MAX} brackets inside one another");
            return Err(ExprFault { message, at: Some(at..at + 1), help: None });
        }
    }
    Ok(())
}

/// Text to tokens.
pub(super) fn tokens(source: &str) -> Result<Vec<Token<&str>>, ExprFault> {
    let tokens = Lexer::new(source).lex().map_err(|errors| lexing(source, errors))?;
    let count = count(&tokens);
    if count > TOKENS_MAX {
        let message = format!("an expression of {count} words and signs; {TOKENS_MAX} is the most");
        return Err(ExprFault {
            message,
            at: None,
            help: Some("`any(…)` or an array may say it shorter".into()),
        });
    }
    Ok(tokens)
}

/// Words and signs, those within brackets too.
pub(super) fn count(tokens: &[Token<&str>]) -> usize {
    let parts = |parts: &[StrPart<&str, Token<&str>>]| -> usize {
        parts
            .iter()
            .map(|part| if let StrPart::Term(token) = part { count(slice::from_ref(token)) } else { 0 })
            .sum()
    };
    let inside = |token: &Token<&str>| match &token.1 {
        Tok::Block(tokens) => count(tokens),
        Tok::Str(string) => parts(string),
        _ => 0,
    };
    tokens.iter().map(|token| 1 + inside(token)).sum()
}

/// Tokens to the tree.
pub(super) fn term<'s>(source: &'s str, tokens: &[Token<&'s str>]) -> Result<Term<&'s str>, ExprFault> {
    Parser::new(tokens).parse(Parser::term).map_err(|errors| parsing(source, errors))
}

/// The tree of `source` to a filter; `calls` are the functions that it calls.
pub(super) fn filter<'s>(
    source: &'s str,
    term: Term<&'s str>,
    calls: Calls<'s>,
) -> Result<jaq_core::Filter<Data>, ExprFault> {
    let arena = Arena::default();
    let reach = Reach::from(calls);
    // The tree goes in as a definition, as jaq takes the main program only as a text.
    let whole = Def { name: library::WHOLE, args: Vec::new(), body: term };
    let definitions = reach.definitions().chain([whole]);
    let modules = Loader::new(definitions)
        .load(&arena, File { code: library::WHOLE, path: () })
        .map_err(|_| ExprFault { message: "not an expression of jq".into(), at: None, help: None })?;
    Compiler::default().with_funs(reach.functions()).with_global_vars(VARIABLES).compile(modules).map_err(
        |errors| {
            let mut undefined = errors.into_iter().flat_map(|(_, errors)| errors);
            let (name, kind) = undefined.next().expect("a compilation that failed names an error");
            unknown(source, name, &kind)
        },
    )
}

fn lexing(source: &str, errors: Vec<lex::Error<&str>>) -> ExprFault {
    let (expected, rest) = errors.into_iter().next().expect("a failed lexer names an error");
    let at = first_char(source, rest);
    let help = match &source[at.clone()] {
        "&" | "!" => Some("jq has the words `and`, `or` and `not`".into()),
        "'" => Some("strings stand in double quotes".into()),
        _ => None,
    };
    ExprFault { message: format!("expected {}{}", expected.as_str(), found(source, &at)), at: Some(at), help }
}

fn parsing(source: &str, errors: Vec<parse::TError<'_, &str>>) -> ExprFault {
    let (expected, token) = errors.into_iter().next().expect("a failed parser names an error");
    let at = token.map_or(source.len()..source.len(), |token| match first_char(source, token.0) {
        at if token.0.starts_with(['(', '[', '{', '"']) => at,
        _ => span(source, token.0),
    });
    let expected = match expected {
        parse::Expect::Just(token) => format!("`{token}`"),
        parse::Expect::Nothing => "the end".into(),
        other => other.as_str().into(),
    };
    let help = match &source[at.clone()] {
        "||" => Some("jq has the words `and`, `or` and `not`".into()),
        "=" => Some("`==` compares".into()),
        _ => None,
    };
    ExprFault { message: format!("expected {expected}{}", found(source, &at)), at: Some(at), help }
}

/// `, found …`
fn found(source: &str, at: &Range<usize>) -> String {
    match &source[at.clone()] {
        "" => ", found the end".into(),
        text => format!(", found `{text}`"),
    }
}

fn first_char(source: &str, part: &str) -> Range<usize> {
    let start = span(source, part).start;
    start..start + part.chars().next().map_or(0, char::len_utf8)
}

fn unknown(source: &str, name: &str, kind: &Undefined) -> ExprFault {
    let at = Some(span(source, name));
    if let Some(reason) = refusal(name) {
        return ExprFault { message: format!("`{name}` is not available"), at, help: Some(reason.into()) };
    }
    let (message, help) = match kind {
        Undefined::Var => (
            format!("unknown variable `{name}`"),
            hint(name, VARIABLES).or_else(|| Some(format!("there are {}", VARIABLES.join(", ")))),
        ),
        Undefined::Filter(arity) => unknown_function(name, *arity),
        other => (format!("unknown {} `{name}`", other.as_str()), None),
    };
    ExprFault { message, at, help }
}

fn unknown_function(name: &str, arity: usize) -> (String, Option<String>) {
    let known: Vec<(&str, usize)> = signatures().collect();
    let arities: Vec<String> =
        known.iter().filter(|(known, _)| *known == name).map(|(_, arity)| arity.to_string()).collect();
    if arities.is_empty() {
        let help = hint(name, known.iter().map(|(name, _)| *name))
            .or_else(|| Some(format!("a field is `.{name}`, a text is `\"{name}\"`")).filter(|_| arity == 0));
        return (format!("unknown function `{name}`"), help);
    }
    let message = format!("`{name}` called with {arity} arguments");
    (message, Some(format!("it takes {}; arguments are separated by `;`", arities.join(" or "))))
}
