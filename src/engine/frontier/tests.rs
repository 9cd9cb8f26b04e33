//! How items wait and come out, and what they cost.

use serde_json::json;

use super::*;
use crate::engine::edge::edge;

fn item(id: u64, parent: &Arc<Value>, rank: u32) -> Item {
    Item {
        fields: Arc::new(json!({ "id": id })),
        parent: Some(Arc::clone(parent)),
        seed: Arc::clone(parent),
        depth: 1,
        rank,
    }
}

/// A loop through one stage that knows its items by `key`.
fn frontier(key: fn(&Item) -> Key) -> Frontier {
    let edges = vec![FrontierEdge { to: Slot(0), max_items: u64::MAX, take: None, max_depth: None }];
    Frontier::new(FrontierPlan { keys: vec![Box::new(key)], edges, loops: true, keeps: true })
}

fn by_number(item: &Item) -> Key {
    Key::Number(u32::try_from(item.fields["id"].as_u64().unwrap()).unwrap())
}

fn by_hash(item: &Item) -> Key {
    Key::Hash(xxhash_rust::xxh3::xxh3_128(item.fields.to_string().as_bytes()))
}

/// Admits `parents` seeds and finds so many under each; most bytes held at once while they wait in `found` and
/// then in the queue, for each key.
fn bytes_per_key(key: fn(&Item) -> Key, parents: u64, found: u64) -> u64 {
    let frontier = frontier(key);
    let (_feed, items) = edge(1);
    let feed = Feed { slot: Slot(0), edge: None, items, eager: false };
    let held = allocation_counter::measure(|| {
        let mut tokens = Vec::new();
        for parent in 0..parents {
            // Ids of films are spread over a million and a half, and found in no order.
            let spread = |n: u64| n * 9_973 % 1_700_021;
            let fields = Arc::new(json!({ "id": spread(parent) }));
            let seed = Item {
                seed: Arc::clone(&fields),
                fields: Arc::clone(&fields),
                parent: None,
                depth: 0,
                rank: 1,
            };
            frontier.shared.admit_fed(&feed, &seed);
            let Next::Errand(Errand::Item(parcel)) = frontier.next(Slot(0)) else {
                panic!("it was admitted")
            };
            let first = parents + parent * found;
            let items =
                (0..found).map(|n| item(spread(first + n), &fields, u32::try_from(n).unwrap())).collect();
            parcel.token.as_ref().unwrap().found(EdgeId(0), items);
            tokens.push(parcel.token);
        }
        frontier.shared.feeds_ended();
        tokens.clear();
    });
    let mut handed_out = 0;
    while let Next::Errand(Errand::Item(parcel)) = frontier.next(Slot(0)) {
        handed_out += 1;
        assert!(parcel.value.parent.is_some());
    }
    assert_eq!(handed_out, parents * found);
    held.bytes_max / handed_out
}

#[test]
fn a_key_of_ids_costs_less_than_64_bytes_whatever_it_waits_for() {
    // Without what is there once, a million keys take as much for each: `cargo bench --bench frontier_admit`.
    let check = |name, key, parents, found, most| {
        let bytes = bytes_per_key(key, parents, found);
        assert!(bytes < most, "{name}: {bytes} bytes for a key");
    };
    check("numbers", by_number, 5_000, 20, 64);
    check("numbers, few under each parent", by_number, 25_000, 4, 64);
    // Doubling the set of hashes holds both for a moment.
    check("hashes", by_hash, 5_000, 20, 110);
}

#[test]
fn what_is_found_is_admitted_by_parent_edge_and_rank_with_what_it_shares() {
    let frontier = Frontier::new(FrontierPlan {
        keys: vec![Box::new(by_number)],
        edges: [u64::MAX, 3]
            .map(|max_items| FrontierEdge { to: Slot(0), max_items, take: None, max_depth: None })
            .into(),
        loops: true,
        keeps: true,
    });
    let (_feed, items) = edge(1);
    let feed = Feed { slot: Slot(0), edge: None, items, eager: false };
    let large = Arc::new(json!({ "id": 1, "title": "x".repeat(100) }));
    let small = Arc::new(json!({ "id": 2 }));
    let mut tokens: Vec<Token> = [&large, &small]
        .map(|fields| {
            let seed = Item {
                fields: Arc::clone(fields),
                seed: Arc::clone(fields),
                parent: None,
                depth: 0,
                rank: 1,
            };
            frontier.shared.admit_fed(&feed, &seed);
            let Next::Errand(Errand::Item(parcel)) = frontier.next(Slot(0)) else {
                panic!("it was admitted")
            };
            parcel.token.expect("a loop has tokens")
        })
        .into();
    frontier.shared.feeds_ended();
    let found = |token: &Token, edge, parent, ids: &[u64]| {
        token.found(EdgeId(edge), ids.iter().map(|id| item(*id, parent, 7)).collect());
    };
    found(&tokens[1], 1, &small, &[20, 21]);
    found(&tokens[1], 0, &small, &[22, 10]);
    found(&tokens[0], 1, &large, &[12, 10, 13]);
    found(&tokens[0], 0, &large, &[10, 11]);
    found(&tokens[0], 0, &large, &[14]);
    drop(tokens.pop());
    assert!(matches!(frontier.next(Slot(0)), Next::Later), "the first is not settled");
    drop(tokens);
    let mut admitted = Vec::new();
    let mut parcels = Vec::new();
    while let Next::Errand(Errand::Item(parcel)) = frontier.next(Slot(0)) {
        let item = &parcel.value;
        admitted.push(item.fields["id"].as_u64().unwrap());
        let parent = if admitted.len() <= 5 { &large } else { &small };
        assert_eq!((item.parent.as_ref(), &item.seed, item.rank), (Some(parent), parent, 7));
        parcels.push(parcel);
    }
    // The second edge may admit three: two under the first parent, one under the second.
    assert_eq!(admitted, [10, 11, 14, 12, 13, 22, 20]);
}

/// A loop through one stage with these bounds, to which the items 1, 2 and 3 were admitted: their tokens.
fn begun(max_items: u64, take: Option<u64>, keeps: bool) -> (Frontier, Vec<Token>) {
    let edges = vec![FrontierEdge { to: Slot(0), max_items, take, max_depth: None }];
    let plan = FrontierPlan { keys: vec![Box::new(by_number)], edges, loops: true, keeps };
    let frontier = Frontier::new(plan);
    let (_feed, seeds) = edge(1);
    let feed = Feed { slot: Slot(0), edge: None, items: seeds, eager: false };
    for seed in items(&[1, 2, 3]) {
        frontier.shared.admit_fed(&feed, &seed);
    }
    let tokens = std::iter::from_fn(|| match frontier.next(Slot(0)) {
        Next::Errand(Errand::Item(parcel)) => parcel.token,
        _ => None,
    });
    let tokens = tokens.collect();
    (frontier, tokens)
}

/// Items of these ids, found under one that is not short.
fn items(ids: &[u64]) -> Vec<Item> {
    let parent = Arc::new(json!({ "id": 1, "title": "x".repeat(100) }));
    ids.iter().map(|id| item(*id, &parent, 7)).collect()
}

/// What there is to do now, by id: what was admitted, or else what may be asked for ahead.
fn given(frontier: &Frontier, ahead: bool) -> Vec<u64> {
    let given = std::iter::from_fn(|| match frontier.next(Slot(0)) {
        Next::Errand(Errand::Ahead(fields)) if ahead => fields["id"].as_u64(),
        Next::Errand(Errand::Item(parcel)) if !ahead => parcel.value.fields["id"].as_u64(),
        _ => None,
    });
    given.collect()
}

#[test]
fn what_is_foreseen_is_given_ahead_and_is_found_all_the_same() {
    let (frontier, mut tokens) = begun(11, Some(3), true);
    frontier.foresee(EdgeId(0), &items(&[31, 2, 32, 31]));
    assert!(matches!(frontier.next(Slot(0)), Next::Later), "seeds may come");
    frontier.shared.feeds_ended();
    // What is found goes first.
    tokens[1].found(EdgeId(0), items(&[21, 22]));
    assert_eq!(given(&frontier, true), [21, 22, 31, 32]);
    frontier.foresee(EdgeId(0), &items(&[33]));
    tokens[1].found(EdgeId(0), items(&[23]));
    assert!(given(&frontier, true).is_empty(), "three are parked, and nine may still be found");
    tokens.remove(2);
    assert_eq!(given(&frontier, true), [23, 33]);
    tokens.clear();
    assert_eq!(given(&frontier, false), [21, 22, 23], "nothing is admitted that was only foreseen");

    let many: Vec<u64> = (0..200_000).collect();
    frontier.foresee(EdgeId(0), &items(&many));
    assert_eq!(frontier.shared.state().foreseen[0].len(), 100_000, "more are not remembered");
}

#[test]
fn what_is_foreseen_and_cut_by_the_budget_is_never_given() {
    let (frontier, tokens) = begun(2, Some(3), true);
    frontier.shared.feeds_ended();
    frontier.foresee(EdgeId(0), &items(&[31, 32]));
    assert!(matches!(frontier.next(Slot(0)), Next::Later), "nine may be found, and two are admitted");
    tokens[0].found(EdgeId(0), items(&[21, 22, 23]));
    tokens[1].found(EdgeId(0), items(&[31, 32]));
    drop(tokens);
    assert_eq!(given(&frontier, false), [21, 22]);
    frontier.foresee(EdgeId(0), &items(&[33]));
    assert!(matches!(frontier.next(Slot(0)), Next::Never), "nothing is left to be asked for");
}

#[test]
fn what_no_budget_can_cut_is_given_ahead_once_and_comes_again_in_its_turn() {
    let check = |max_items, take, keeps, expect: &[u64]| {
        let (frontier, tokens) = begun(max_items, take, keeps);
        tokens[2].found(EdgeId(0), items(&[31, 2, 32]));
        assert!(matches!(frontier.next(Slot(0)), Next::Later), "seeds may come");
        frontier.shared.feeds_ended();
        let mut ahead = given(&frontier, true);
        // Found earlier in the order, under the same item again, and a duplicate.
        tokens[1].found(EdgeId(0), items(&[21, 31]));
        ahead.extend(given(&frontier, true));
        tokens[2].found(EdgeId(0), items(&[33]));
        ahead.extend(given(&frontier, true));
        assert_eq!(ahead, expect, "at most {max_items}, {take:?} of each");
        drop(tokens);
        let all = [21, 31, 32, 33];
        let most = usize::try_from(max_items).unwrap().min(4);
        assert_eq!(given(&frontier, false), all[..most], "in the order of their parents");
    };
    check(20, Some(4), true, &[31, 32, 21, 33]);
    // Twelve may still be found, and five are parked in the end.
    check(17, Some(4), true, &[31, 32, 21, 33]);
    check(16, Some(4), true, &[31, 32, 21]);
    check(3, Some(4), true, &[]);
    check(20, None, true, &[]);
    check(20, Some(4), false, &[]);
}
