//! Batches as long as asked, and bodies that leave no trace in them.

use super::*;

#[test]
fn batches_are_exactly_as_long_as_asked_and_keep_their_values_apart() {
    let table = table(
        Some(".r[]"),
        vec![column("s", Text, ".s"), column("l", list(Int32), ".l"), column("b", Bool, ".b")],
    );
    let element = |i: usize| json!({"s": format!("s{i}"), "l": vec![i; i % 3], "b": i.is_multiple_of(2)});
    let documents: Vec<_> = [3, 0, 4, 1, 9]
        .iter()
        .scan(0, |from, rows| {
            let elements: Vec<_> = (*from..*from + rows).map(element).collect();
            *from += rows;
            Some(document(json!({"r": elements}).to_string()))
        })
        .collect();
    let whole = lines(&project(Projector::new(Arc::clone(&table), run(), 1000), &documents).batches);
    for batch_rows in 1..20 {
        let mut projector = Projector::new(Arc::clone(&table), run(), batch_rows);
        let mut full = Vec::new();
        for document in &documents {
            projector.push(document, &mut full).unwrap();
            assert!(projector.open_rows() < batch_rows);
        }
        assert!(full.iter().all(|batch| batch.num_rows() == batch_rows));
        full.extend(projector.finish());
        assert!(projector.finish().is_none());
        assert_eq!(lines(&full), whole);
    }
}

#[test]
fn a_body_broken_anywhere_leaves_no_trace() {
    let body = r#"{"id":1,"r":[{"a":"x","l":[1]},{"a":"y","l":[]}],"é":"\u00e9"}"#;
    let table = table(
        Some(".r[]"),
        vec![column("a", Text, ".a"), column("l", list(Int32), ".l"), column("id", Int64, "$doc.id")],
    );
    for end in 0..body.len() {
        let outcome = both(&table, &[document(&body.as_bytes()[..end]), document(body)]);
        assert_eq!(lines(&outcome.batches), ["x|[1]|1", "y|[]|1"], "cut at {end}");
        assert_eq!(outcome.counts.broken, 1);
    }
    assert_eq!(both(&table, &[document(b"{\"x\":\"\xff\",\"r\":[]}")]).counts.broken, 1);
}

#[test]
fn a_table_that_reads_no_body_asks_nothing_of_it() {
    let counts = check(None, &[(Int64, "$item.id"), (Int32, "$meta.rank")], "not JSON", &["603|5"]);
    assert_eq!(counts.broken, 0);
}

#[test]
fn a_projector_moves_between_threads() {
    fn moves<T: Send>() {}
    moves::<Projector>();
    moves::<FoundItems>();
}
