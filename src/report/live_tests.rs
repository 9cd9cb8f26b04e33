//! The live view as text, at every width.

use std::sync::Arc;
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr as _;

use super::layout::{Layout, StageLayout};
use super::live::{Look, Pulse, Rates, lines};
use super::snapshot::{Role, Snapshot, StageSnapshot, TableSnapshot};
use crate::event::Hours;
use crate::spec::Rate;

fn snapshot() -> Snapshot {
    let stage = |id: &str, role, busy, workers, queue, requests| StageSnapshot {
        id: id.to_owned(),
        role,
        admitted: 28,
        found: if role == Role::Expand { 147 } else { 0 },
        requests,
        documents: requests,
        failed: requests / 100,
        queue,
        p50: (requests > 0).then_some(Duration::from_millis(52)),
        finished: role == Role::Seed,
        hours: {
            let mut hours = Hours::default();
            (hours.busy, hours.workers, hours.worked) = (busy, workers, 49);
            hours
        },
        ..StageSnapshot::default()
    };
    let stages = vec![
        stage("marvel", Role::Seed, 0, 0, 0, 0),
        stage("movies", Role::Fetch, 16, 16, 3, 263),
        stage("similar", Role::Expand, 4, 4, 12, 49),
        stage("films_with_a_very_long_name", Role::Project, 0, 0, 0, 0),
    ];
    let layout = Layout {
        rate: Some(Rate { limit: 40.0, per: Duration::from_secs(1), burst: None }),
        connections: 20,
        stages: stages
            .iter()
            .map(|stage| StageLayout {
                id: stage.id.clone(),
                role: stage.role,
                concurrency: 1,
                buffer: 64,
                rate: None,
                take: None,
                zstd: true,
            })
            .collect(),
        edges: Vec::new(),
    };
    Snapshot {
        layout: Arc::new(layout),
        pipeline: "marvel".to_owned(),
        elapsed: Duration::from_millis(12_400),
        tables: vec![TableSnapshot {
            name: "films_with_a_very_long_name".to_owned(),
            rows: 1204,
            dropped: 0,
            columns: Vec::new(),
            published: None,
        }],
        stages,
        ..Snapshot::default()
    }
}

fn rates() -> Rates {
    Rates { requests: 39.2, stages: vec![0.0, 26.1, 13.1, 100.0] }
}

#[test]
fn view_of_eighty_and_of_forty_columns() {
    let look = |width| Look { width, height: 24, coloured: false };
    let text = |width| lines(&snapshot(), &rates(), Some(800), look(width)).join("\n");
    insta::assert_snapshot!(text(80));
    insta::assert_snapshot!(text(40));
}

#[test]
fn no_line_is_wider_and_no_view_higher_than_the_terminal() {
    let plain = |line: &str| {
        let mut shown = String::new();
        let mut escape = false;
        for c in line.chars() {
            match c {
                '\x1b' => escape = true,
                'm' if escape => escape = false,
                _ if escape => {}
                _ => shown.push(c),
            }
        }
        shown
    };
    for width in 1..160 {
        for (height, coloured) in [(3, false), (5, true), (24, true)] {
            let mut snapshot = snapshot();
            snapshot.pipeline = "ein langer Name: 映画 映画 映画 映画".to_owned();
            for gate in [None, Some((429, Duration::from_millis(1200)))] {
                snapshot.gate = gate;
                let drawn = lines(&snapshot, &rates(), None, Look { width, height, coloured });
                for line in &drawn {
                    assert!(plain(line).width() <= width, "{width}: {line:?}");
                    assert!(coloured || !line.contains('\x1b'), "{line:?}");
                }
                assert!(drawn.len() <= height.max(4), "{} lines in {height}", drawn.len());
            }
        }
    }
}

#[test]
fn speed_is_that_of_the_last_seconds() {
    let mut pulse = Pulse::default();
    let start = Instant::now();
    let mut snapshot = snapshot();
    for second in 0..20 {
        snapshot.stages[1].requests = second * 40;
        snapshot.stages[1].documents = second * 40;
        let rates = pulse.feel(&snapshot, start + Duration::from_secs(second));
        if second > 0 {
            assert!((rates.requests - 40.0).abs() < 0.1, "{rates:?}");
        }
    }
    let rates = pulse.feel(&snapshot, start + Duration::from_mins(1));
    assert!(rates.requests < 10.0, "what was long ago does not count: {rates:?}");
}
