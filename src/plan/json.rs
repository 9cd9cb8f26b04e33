//! The plan for machines, for `plan --format json`.
//!
//! One object; names are only ever added, and each is there every time. `null` is what is not known or not set.
//!
//! | name | what |
//! |---|---|
//! | `version` | of this format: 1 |
//! | `name`, `description`, `params` | as in the file, with `--set` |
//! | `api` | `base_url`, `language`, `rate`, `connections`, `timeout_seconds`, `retry` |
//! | `max_failures` | `{count}` or `{percent}` |
//! | `memory_bytes` | what bodies, batches and open files may hold |
//! | `stages` | in the order of the file, see below |
//! | `edges` | `from`, `port` (`found`, `failed`, `missing`; null for the stage itself), `to`, `carries` (`items`, `documents`, `rows`), `feedback`, `max_depth`, `max_items` |
//! | `tables` | `name` (the stage), `path`, `format`, `compression`, `order`, `rows`, `columns` of `name`, `type`, `arrow`, `nullable`, `value`, `on_mismatch` |
//! | `requests`, `seconds` | `least`, `most`, `estimate` of the whole run; `seconds` is null without a rate |
//! | `saved` | requests that fusion saves, as `requests`; null where nothing is fused |
//! | `decides` | the stage that decides the cost: `stage`, `why` (`unknown`, `requests`, `rate`), `levers`; null if none does |
//! | `notes` | what is good to know, in words |
//! | `warnings` | what the file has that is hardly meant, as in `run --output json`; added by the command |
//!
//! A stage has `name`, `kind`, `reads` (as `from:` would say it), `asks` (the request, null if it makes none), `sends` (that with
//! what the planner appends to it; null if that is nothing), `fused_with` (of an expand: the fetch whose documents bring its first page), `pages`, `when`,
//! `items`, `where`, `take`, `rows`, `keeps` (fields of an item; null is all), `seed` (where its items come from), and its
//! settings, each null where it has no effect: `concurrency` (at most, where `concurrency_auto` is true), `buffer`, `order`, `rate`, `share` (of the run's
//! rate, 0 to 1), `timeout_seconds`, `requests`. A rate is `{limit, per_seconds, burst}`; that of `api` may be `"auto"`, and null is no limit.

use serde_json::{Value, json};

use super::bounds::{Bounds, Outlook};
use super::cost::{Cost, Why, cost};
use super::edges::{edges, port_name};
use super::expr::{Expr, FieldSet};
use super::notes::notes;
use super::text::{kind_name, order, reads};
use super::{FirstPage, Plan, SeedItems, SeedPlan, StageIndex, StageKind, TablePlan, UpsertPlan};
use crate::spec::{Layout, MaxFailures, OnMismatch, Rate, RunRate};

/// Describes a plan as one JSON object.
pub fn to_json(plan: &Plan, outlook: &Outlook) -> Value {
    let cost = cost(plan, outlook);
    let api = &plan.api;
    let edges = edges(plan).into_iter().map(|edge| {
        json!({
            "from": plan.stages[edge.from].id.as_str(),
            "port": port_name(edge.port),
            "to": plan.stages[edge.to].id.as_str(),
            "carries": edge.carries(plan),
            "feedback": edge.feedback,
            "max_depth": edge.max_depth,
            "max_items": edge.max_items,
        })
    });
    json!({
        "version": 1,
        "name": plan.name,
        "description": plan.description,
        "params": *plan.params,
        "api": {
            "base_url": api.base_url.value,
            "language": api.language,
            "rate": match api.rate {
                RunRate::Unlimited => Value::Null,
                RunRate::Limited(limit) => rate(limit),
                RunRate::Auto => json!("auto"),
            },
            "connections": api.connections,
            "timeout_seconds": api.timeout.as_secs_f64(),
            "retry": {
                "attempts": api.retry.attempts,
                "max_elapsed_seconds": api.retry.max_elapsed.as_secs_f64(),
            },
        },
        "max_failures": match plan.max_failures {
            MaxFailures::Count(count) => json!({ "count": count }),
            MaxFailures::Percent(share) => json!({ "percent": share }),
        },
        "memory_bytes": plan.memory,
        "stages": (0..plan.stages.len()).map(|index| stage(plan, index, &cost)).collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
        "tables": plan.tables().map(|(_, table)| self::table(table)).collect::<Vec<_>>(),
        "requests": bounds(&cost.total),
        "saved": cost.saved.as_ref().map(bounds),
        "seconds": cost.seconds.map(|seconds| json!({
            "least": seconds.least,
            "most": seconds.most,
            "estimate": seconds.estimate,
        })),
        "decides": cost.decides.map(|decides| json!({
            "stage": plan.stages[decides.stage].id.as_str(),
            "why": match decides.why {
                Why::Unknown => "unknown",
                Why::Requests => "requests",
                Why::Rate => "rate",
            },
            "levers": decides.levers,
        })),
        "notes": notes(plan),
    })
}

fn stage(plan: &Plan, index: StageIndex, cost: &Cost) -> Value {
    let stage = &plan.stages[index];
    let source = |expr: &Expr| expr.source().to_owned();
    let (mut asks, mut pages, mut take) = (None, None, None);
    let (mut when, mut items, mut where_, mut rows) = (None, None, None, None);
    let (mut keeps, mut seed, mut sends) = (None, None, None);
    let fused_with = match stage.first_page() {
        FirstPage::With { fetch, .. } => Some(plan.stages[fetch].id.as_str()),
        FirstPage::Alone | FirstPage::Apart(..) => None,
    };
    match &stage.kind {
        StageKind::Seed(plan) => {
            if let SeedItems::Pages { request, pages: most, items: expr, slices } = &plan.source {
                (asks, items) = (Some(request.to_string()), Some(source(expr)));
                pages = slices.is_none().then_some(*most);
            }
            where_ = plan.where_.as_ref().map(source);
            seed = Some(seeds(plan));
        }
        StageKind::Fetch(plan) => {
            asks = Some(plan.request.to_string());
            sends = plan.request.sent().map(|sent| sent.to_string());
            keeps = match &plan.keeps {
                FieldSet::All => None,
                FieldSet::Fields(fields) => Some(fields.iter().cloned().collect::<Vec<_>>()),
            };
        }
        StageKind::Expand(plan) => {
            asks = plan.request.as_ref().map(ToString::to_string);
            pages = plan.request.as_ref().map(|_| plan.pages);
            (when, items) = (plan.when.as_ref().map(source), Some(source(&plan.items)));
            (where_, take) = (plan.where_.as_ref().map(source), plan.take);
        }
        StageKind::Filter(plan) => where_ = Some(source(&plan.where_)),
        StageKind::Project(table) => rows = table.rows.as_ref().map(source),
    }
    let asking = cost.stages[index].asks;
    // Settings are shown where they have an effect.
    let idle = matches!(stage.kind, StageKind::Seed(_)) && !asking;
    let (works, order_of) = match &stage.kind {
        StageKind::Project(table) => (false, table.order),
        _ => (!idle, stage.order),
    };
    json!({
        "name": stage.id.as_str(),
        "kind": kind_name(&stage.kind),
        "reads": reads(plan, index, stage),
        "seed": seed,
        "asks": asks,
        "sends": sends,
        "fused_with": fused_with,
        "pages": pages,
        "when": when,
        "items": items,
        "where": where_,
        "take": take,
        "rows": rows,
        "keeps": keeps,
        "concurrency": works.then_some(stage.concurrency),
        "buffer": (!idle).then_some(stage.buffer),
        "order": order(order_of),
        "concurrency_auto": asking.then_some(stage.adaptive),
        "rate": stage.rate.filter(|_| asking).map(rate),
        "share": stage.share.filter(|_| asking),
        "timeout_seconds": asking.then_some(stage.timeout.as_secs_f64()),
        "requests": asking.then(|| bounds(&cost.stages[index])),
    })
}

/// Where the items of a seed come from.
fn seeds(seed: &SeedPlan) -> Value {
    let mut value = match &seed.source {
        SeedItems::Listed(items) => json!({ "from": "file itself", "items": items.len() }),
        SeedItems::Range { first, last } => json!({ "from": "range", "first": first, "last": last }),
        SeedItems::Pages { slices, .. } => json!({
            "from": "path",
            "splits_by": slices.as_ref().map(|slices| slices.date),
            "newest_first": slices.as_ref().map(|slices| slices.newest_first),
        }),
        SeedItems::File(file) => json!({
            "from": "file",
            "path": file.path.value.to_string_lossy(),
            "format": file.format.as_str(),
            "column": file.column.as_ref().map(|column| &column.value),
        }),
        SeedItems::Export(export) => json!({
            "from": "export",
            "list": export.kind.as_str(),
            "date": export.date.map(|date| date.to_string()),
            "order": export.order.as_str(),
            "limit": export.limit,
        }),
        SeedItems::Changes(changes) => json!({
            "from": "changes",
            "list": changes.kind.as_str(),
            "refresh": changes.refresh.map(|refresh| json!({
                "never_seen": "export",
                "older_than_seconds": refresh.older_than.as_secs(),
                "limit": refresh.limit,
            })),
        }),
    };
    value["estimate"] = json!(seed.estimate);
    value
}

fn table(table: &TablePlan) -> Value {
    let columns = table.columns.iter().zip(table.schema.fields()).map(|(column, field)| {
        json!({
            "name": &*column.name,
            "type": column.column_type.to_string(),
            "arrow": field.data_type().to_string(),
            "nullable": field.is_nullable(),
            "value": column.value.source(),
            "on_mismatch": match column.on_mismatch {
                OnMismatch::Null => "null",
                OnMismatch::Drop => "drop",
                OnMismatch::Fail => "fail",
            },
        })
    });
    json!({
        "name": table.stage.as_str(),
        "path": table.path.to_string_lossy(),
        "format": if matches!(table.layout, Layout::Delta(_)) { "delta" } else { table.format.name() },
        "compression": table.format.compression(),
        "folder": match table.layout.folder() {
            None => Value::Null,
            Some(folder) => json!({
                "mode": folder.mode,
                "partition_by": folder.partition_by,
                "target_file_bytes": folder.target_file_bytes,
            }),
        },
        "upsert": table.upsert.as_ref().map(|upsert| self::upsert(table, upsert)),
        "order": order(table.order),
        "sort_by": table.sort_by.iter().map(|key| json!({
            "column": key.column,
            "descending": key.descending,
        })).collect::<Vec<_>>(),
        "rows": table.rows.as_ref().map(Expr::source),
        "columns": columns.collect::<Vec<_>>(),
    })
}

fn upsert(table: &TablePlan, upsert: &UpsertPlan) -> Value {
    let names = |places: &[usize]| -> Vec<&str> {
        places.iter().map(|column| &*table.columns[*column].name).collect()
    };
    json!({
        "key": names(&upsert.key),
        "document": names(&upsert.document),
        "fetched_at": upsert.fetched_at.map(|column| &*table.columns[column].name),
        "gone": upsert.gone.as_ref().map(|gone| json!({
            "known_by": names(&gone.columns),
            "set": gone.set.map(|column| &*table.columns[column].name),
        })),
    })
}

fn bounds(bounds: &Bounds) -> Value {
    json!({ "least": bounds.least, "most": bounds.most, "estimate": bounds.estimate })
}

fn rate(rate: Rate) -> Value {
    json!({ "limit": rate.limit, "per_seconds": rate.per.as_secs_f64(), "burst": rate.burst })
}
