//! Where time goes, on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use super::{Account, Activity};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn times_of_all_activities_add_up_to_workers_times_time() {
    let account = Arc::new(Account::default());
    let opened = account.open(3);
    tokio::time::advance(10 * MS).await; // 3 × 10 of input
    let one = account.begin();
    let mut span = account.on(Activity::Rate);
    tokio::time::advance(5 * MS).await; // 5 of rate, 10 of input
    span.turn(Activity::Network);
    let two = account.begin();
    account.waits_for_output();
    tokio::time::advance(20 * MS).await; // 20 of network, 20 of work, 20 of output
    drop(span);
    drop(two);
    tokio::time::advance(MS).await; // 1 of work, 2 of output
    drop(one);
    account.waits_for_input();
    drop(opened);
    tokio::time::advance(100 * MS).await; // over
    let hours = account.hours();
    let spent = |on| u64::try_from(hours.spent(on).as_millis()).unwrap();
    let found = [
        (Activity::Input, 40),
        (Activity::Output, 22),
        (Activity::Rate, 5),
        (Activity::Network, 20),
        (Activity::Working, 21),
    ];
    for (on, expect) in found {
        assert_eq!(spent(on), expect, "{on:?}");
    }
    assert_eq!(hours.total(false), 3 * 36 * MS);
    assert_eq!((hours.worked, hours.busy), (2, 0));
    let shares: f64 = Activity::ALL.iter().map(|on| hours.share(*on)).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
}

#[tokio::test(start_paused = true)]
async fn what_is_aborted_is_noted_and_ends() {
    let account = Arc::new(Account::default());
    let opened = account.open(1);
    let shift = account.begin();
    let aborted = account.time(Activity::Store, 1, std::future::pending::<()>());
    assert!(tokio::time::timeout(7 * MS, aborted).await.is_err());
    drop(opened);
    tokio::time::advance(MS).await;
    drop(shift);
    let hours = account.hours();
    assert_eq!((hours.spent(Activity::Store), hours.total(false)), (7 * MS, 7 * MS));
}

#[tokio::test(start_paused = true)]
async fn latency_that_follows_the_load_is_told_from_one_that_does_not() {
    let share = |latency: fn(usize) -> u64| {
        let account = Account::default();
        for load in std::iter::once(1).chain(std::iter::repeat_n(16, 50)) {
            account.attempt(load, Duration::from_millis(latency(load)));
        }
        account.hours().load_share.expect("enough is known")
    };
    assert!(share(|load| 10 * load as u64) > 0.99);
    assert!(share(|_| 80) < 0.01);
    assert!((share(|load| 80 + 5 * load as u64) - 0.5).abs() < 0.01);
    let same = Account::default();
    (0..50).for_each(|_| same.attempt(4, 80 * MS));
    assert_eq!(same.hours().load_share, None, "one load says nothing");
}
