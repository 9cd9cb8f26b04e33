//! An expand at work: every document goes on unchanged, and what is found in it goes where the plan says.
//!
//! The first page of an expand that is fused comes with the document; where the answer lacked it, and for every later page,
//! the expand asks itself.
//!
//! For one document: `when` → depth below `max_depth` → `items` → `where` → `take` → found; then to the frontier (which
//! dedupes, counts against `max_items` and admits), to feeds of other loops, and to readers of `.found`.

use std::sync::Arc;

use bytes::Bytes;

use super::context::{Context, on_thread};
use super::error::RunError;
use super::outlets::Outlets;
use super::rows::Ending;
use super::stash::{Page, Pen, Stash, Stashed, Waits, document_bytes};
use crate::engine::{
    BODY_OVERHEAD_BYTES, Charge, EdgeId, Frontier, Parcel, Sender, Token, Turn, Work, Workers,
};
use crate::event::{Account, Activity, Event};
use crate::plan::expr::{EvalError, FieldSet, Json};
use crate::plan::{Document, ExpandPlan, FirstPage, Item, Parts};
use crate::project::{ExpandRule, Found, prune};
use crate::spec::Port;
use crate::tmdb::{Answer, Caller, Said};

/// Where the items of an expand go beside `.found`.
pub(super) struct ItemOutlet {
    /// The frontier that they come to.
    pub frontier: Frontier,
    /// By which edge.
    pub edge: EdgeId,
    /// The fields that they keep there.
    pub keeps: FieldSet,
    /// The channel to it, if it serves another loop; within a loop the token is the way.
    pub feed: Option<Sender<Item>>,
}

/// Everything an expand stage needs.
pub(super) struct Expander {
    pub plan: ExpandPlan,
    /// Whether another expand further down takes parts of the same documents.
    pub hands_parts_on: bool,
    pub rule: Arc<ExpandRule>,
    pub caller: Caller,
    pub items: Vec<ItemOutlet>,
    pub outlets: Outlets,
    pub context: Arc<Context>,
    pub stash: Arc<Stash>,
}

/// What became of one document.
pub(super) struct Expanded {
    document: Parcel<Document>,
    found: Vec<Document>,
    /// For each outlet with a feed: its index and the items.
    fed: Vec<(usize, Vec<Item>)>,
    ended: Option<Ending>,
}

impl Work for Expander {
    type In = Parcel<Document>;
    type Out = Expanded;
    type Stashed = Stashed;
    type Error = RunError;

    fn workers(&self) -> Option<Arc<Workers>> {
        self.caller.workers.clone()
    }

    async fn work(self: Arc<Self>, parcel: Parcel<Document>, turn: Turn) -> Result<Expanded, RunError> {
        let mut expanded = Expanded { document: parcel, found: Vec::new(), fed: Vec::new(), ended: None };
        let first = self.first_page(&mut expanded.document.value);
        let item = &expanded.document.value.item;
        if self.plan.max_depth.is_some_and(|max| item.depth >= max) || !self.is_wanted() {
            return Ok(expanded);
        }
        if !self.holds(&expanded.document.value).await {
            return Ok(expanded);
        }
        let answers = if self.plan.request.is_some() {
            let (answers, ended) = self.answers(item, first, &turn).await?;
            expanded.ended = ended;
            answers
        } else {
            vec![expanded.document.value.body.clone()]
        };
        if answers.is_empty() {
            return Ok(expanded);
        }
        let (rule, scope, document) =
            (Arc::clone(&self.rule), Arc::clone(&self.context.scope), expanded.document.value.clone());
        let looking = on_thread(move || (rule.found(&scope, &document, &answers), answers));
        let (found, answers) = self.caller.account.time(Activity::Decoding, 1, looking).await;
        self.context.expressions_failed(
            &self.caller.stage,
            u64::from(found.errors),
            found.error.as_ref().map(EvalError::short),
        );
        let count = found.items.len();
        self.context.listener.hear(&Event::ItemsFound { stage: self.caller.stage.clone(), count });
        self.admit(&mut expanded, &found.items);
        if self.outlets.is_read(Port::Found) {
            let document = &expanded.document.value;
            let bytes = found.items.iter().map(|found| found.body.len() + BODY_OVERHEAD_BYTES).sum();
            let demand = self.context.demand(&self.caller.stage);
            let shared = Arc::new((self.context.memory.bodies(bytes, demand, &turn), answers));
            let rows = found.items.into_iter().map(|found| found_row(document, found, Arc::clone(&shared)));
            expanded.found = rows.collect();
        }
        Ok(expanded)
    }

    fn account(&self) -> &Arc<Account> {
        &self.caller.account
    }

    async fn deliver(&self, expanded: Expanded) -> Result<(), RunError> {
        if let Some(ending) = expanded.ended {
            self.outlets.send(ending.port, Parcel::loose(ending.row)).await?;
        }
        for row in expanded.found {
            self.outlets.send(Port::Found, Parcel::loose(row)).await?;
        }
        for (index, items) in expanded.fed {
            let feed = self.items[index].feed.as_ref().expect("only outlets with a feed are fed");
            for item in items {
                feed.send(item).await?;
            }
        }
        self.outlets.send(Port::Main, expanded.document).await?;
        Ok(())
    }

    fn bytes(&self, expanded: &Expanded) -> usize {
        expanded.bytes()
    }

    async fn stash(self: Arc<Self>, expanded: Expanded) -> Result<Stashed, Expanded> {
        Stash::put(Arc::clone(&self.stash), expanded).await
    }

    async fn restore(&self, stashed: Stashed, turn: Turn) -> Result<Expanded, RunError> {
        Stash::restore(Arc::clone(&self.stash), stashed, &self.context, turn).await
    }
}

impl Waits for Expanded {
    fn bytes(&self) -> usize {
        self.document.bytes() + self.found.iter().map(document_bytes).sum::<usize>()
    }

    fn token(&self) -> Option<Token> {
        self.document.token()
    }

    fn write(&self, pen: &mut Pen) {
        self.document.write(pen);
        pen.number(self.found.len());
        for row in &self.found {
            pen.document(row);
        }
        pen.number(self.fed.len());
        for (outlet, items) in &self.fed {
            pen.number(*outlet);
            pen.number(items.len());
            for item in items {
                pen.item(item);
            }
        }
        pen.number(usize::from(self.ended.is_some()));
        if let Some(ending) = &self.ended {
            ending.write(pen);
        }
    }

    fn read(page: &mut Page, token: Option<Token>) -> Self {
        let document = Parcel::read(page, token);
        let found = (0..page.number()).map(|_| page.document()).collect();
        let fed = (0..page.number())
            .map(|_| (page.number(), (0..page.number()).map(|_| page.item()).collect()))
            .collect();
        let ended = (page.number() == 1).then(|| Ending::read(page));
        Self { document, found, fed, ended }
    }
}

impl Expander {
    /// Whether anybody takes what would be found. A full `max_items` ends the asking, unless a table shows what
    /// came of it: its rows must not depend on timing.
    fn is_wanted(&self) -> bool {
        let shown = [Port::Found, Port::Failed, Port::Missing];
        shown.into_iter().any(|port| self.outlets.is_read(port))
            || self.items.iter().any(|outlet| outlet.frontier.wants(outlet.edge))
    }

    async fn holds(&self, document: &Document) -> bool {
        if self.plan.when.is_none() {
            return true;
        }
        let (rule, scope, document) =
            (Arc::clone(&self.rule), Arc::clone(&self.context.scope), document.clone());
        let looking = on_thread(move || rule.wants(&scope, &document));
        let truth = self.caller.account.time(Activity::Decoding, 1, looking).await;
        self.context.expressions_failed(
            &self.caller.stage,
            u64::from(truth.error.is_some()),
            truth.error.as_ref().map(EvalError::short),
        );
        truth.holds
    }

    /// The first page, if it came with the document. What nobody needs from here on leaves the document.
    fn first_page(&self, document: &mut Document) -> Option<Bytes> {
        let first = match self.plan.first_page {
            FirstPage::With { part, .. } => document.parts.get(part).cloned(),
            FirstPage::Alone | FirstPage::Apart(..) => None,
        };
        if !self.hands_parts_on {
            document.parts = Parts::default();
        }
        first
    }

    /// The pages of this stage's own request, from the one after `first`, and how asking for them ended if not well.
    async fn answers(
        &self,
        item: &Item,
        first: Option<Bytes>,
        turn: &Turn,
    ) -> Result<(Vec<Bytes>, Option<Ending>), RunError> {
        let template = self.plan.request.as_ref().expect("asked only where there is a request");
        let mut page = if first.is_some() { 2 } else { 1 };
        let mut answers: Vec<Bytes> = first.into_iter().collect();
        let pages = |first: &Bytes| Said::read(first).readable(self.plan.pages);
        while answers.first().map_or(1, pages) >= page {
            match self.context.ask(&self.caller, template, item, page, turn).await? {
                Ok((_, Answer::Document { body, .. })) => answers.push(body),
                Ok((key, Answer::Missing { fetched_at })) => {
                    return Ok((answers, Some(self.context.missing(&self.caller, item, key, fetched_at))));
                }
                Err(unanswered) => {
                    return Ok((answers, Some(self.context.failed(&self.caller, item, &unanswered)?)));
                }
            }
            page += 1;
        }
        // Its pages are one item together.
        self.context.tally.answered();
        Ok((answers, None))
    }

    /// Hands the found items to the frontier of their loop at once; those for others wait for their turn.
    fn admit(&self, expanded: &mut Expanded, found: &[Found]) {
        let parent = &expanded.document.value.item;
        for (index, outlet) in self.items.iter().enumerate() {
            let items = found.iter().map(|found| found_item(parent, found, &outlet.keeps)).collect();
            match (&outlet.feed, &expanded.document.token) {
                (Some(_), _) => expanded.fed.push((index, items)),
                (None, Some(token)) => token.found(outlet.edge, items),
                (None, None) => unreachable!("documents that reach an expand of their loop carry a token"),
            }
        }
    }
}

/// A found item as work: one step deeper than the item it was found under.
pub(super) fn found_item(parent: &Item, found: &Found, keeps: &FieldSet) -> Item {
    Item {
        fields: Arc::new(prune(&found.body, keeps)),
        parent: Some(Arc::clone(&parent.fields)),
        seed: Arc::clone(&parent.seed),
        depth: parent.depth + 1,
        rank: found.rank,
    }
}

/// A found item as a row of `.found`, whose body shares the memory of all of them and what they were found in.
fn found_row(document: &Document, found: Found, shared: Arc<(Charge, Vec<Bytes>)>) -> Document {
    let fields = Json::parse(&found.body).map_or(serde_json::Value::Null, |json| json.to_value());
    let parent = &document.item;
    Document::new(
        Item {
            fields: Arc::new(fields),
            parent: Some(Arc::clone(&parent.fields)),
            seed: Arc::clone(&parent.seed),
            depth: parent.depth + 1,
            rank: found.rank,
        },
        Charge::hold_shared(shared, found.body),
        document.fetched_at,
    )
}
