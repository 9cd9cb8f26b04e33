//! What a seed gives and how, as lines of the plan.

use super::Text;
use crate::plan::changes::{ChangesPlan, WINDOW_DAYS};
use crate::plan::expr::Expr;
use crate::plan::{SeedItems, SeedPlan};
use crate::spec::ExportOrder;

/// Says what a seed is; whether it makes requests.
pub(super) fn describe_seed(seed: &SeedPlan, text: &mut Text) -> bool {
    let asks = match &seed.source {
        SeedItems::Listed(items) => {
            let plural = if items.len() == 1 { "" } else { "s" };
            text.say("gives", format_args!("{} item{plural} from the file", items.len()));
            false
        }
        SeedItems::Range { first, last } => {
            text.say("gives", format_args!("the ids {first} to {last}"));
            false
        }
        SeedItems::Pages { request, pages, items, slices } => {
            match slices {
                None => text.say("asks", format_args!("{request}, up to {pages} pages")),
                Some(slices) => {
                    text.say("asks", format_args!("{request}, all pages"));
                    let first = if slices.newest_first { "newest" } else { "oldest" };
                    text.say(
                        "splits",
                        format_args!(
                            "more than {pages} pages by {}, in halves until each has fewer, {first} first",
                            slices.date
                        ),
                    );
                }
            }
            text.say("items", items.source());
            true
        }
        SeedItems::File(file) => {
            let (path, format) = (file.path.value.display(), file.format.as_str());
            let rows = match &file.column {
                Some(column) => format!("`{}` of {path} ({format}) as ids", column.value),
                None => format!("the rows of {path} ({format})"),
            };
            text.say("gives", rows);
            false
        }
        SeedItems::Export(export) => {
            let day = export.date.map_or_else(|| "the latest day".to_owned(), |date| date.to_string());
            let order = if export.order == ExportOrder::Popularity { ", most popular first" } else { "" };
            let limit = export.limit.map_or_else(String::new, |limit| format!(", up to {limit}"));
            let kind = export.kind.as_str();
            text.say("gives", format_args!("the daily export of {kind} of {day}{order}{limit}"));
            false
        }
        SeedItems::Changes(changes) => {
            describe_changes(changes, text);
            true
        }
    };
    text.say_if("estimate", seed.estimate.map(|items| format!("about {items} items")));
    text.say_if("where", seed.where_.as_ref().map(Expr::source));
    asks
}

fn describe_changes(changes: &ChangesPlan, text: &mut Text) {
    text.say("asks", format_args!("{}, in windows of {WINDOW_DAYS} days at the most", changes.request));
    match &changes.refresh {
        None => text.say(
            "gives",
            format_args!(
                "what changed since the last published run; the first run, in the last {WINDOW_DAYS} days"
            ),
        ),
        Some(refresh) => {
            text.say("gives", "what changed since the last published run; the first run, nothing of it");
            let days = refresh.older_than.as_secs_f64() / 86_400.0;
            let kind = changes.kind.export().as_str();
            text.say(
                "then",
                format_args!(
                    "of the daily export of {kind} what was never fetched, then what was fetched more than {days:.1} days \
                     ago, oldest first, up to {} items with what changed",
                    refresh.limit
                ),
            );
        }
    }
}
