//! The limiter against the plainest model there is, on whatever times come up.

use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::support::{App, header};

/// What passed during the last minute, by the milliseconds at which it did.
fn wait_ms(passed: &[u64], now: u64, limit: usize) -> u64 {
    let young: Vec<u64> = passed.iter().copied().filter(|at| at + 60_000 > now).collect();
    if young.len() < limit { 0 } else { young[young.len() - limit] + 60_000 - now }
}

#[tokio::test]
async fn every_answer_and_every_wait_is_that_of_the_model() {
    let (app, ada) = App::spawn().await;
    let mut runner = TestRunner::deterministic();
    let cases = (1usize..6, vec(pauses_of_every_size(), 60));
    let mut now = 0;
    for _ in 0..12 {
        let (limit, pauses) = cases.new_tree(&mut runner).unwrap().current();
        let key = ada.make_key(json!({ "rateLimit": limit })).await;
        let mut passed = Vec::new();
        for (step, pause) in pauses.iter().enumerate() {
            app.clock.advance_ms(*pause);
            now += pause;
            let response = app.verify(&key.token, "GET", "/a").await;
            let wait = wait_ms(&passed, now, limit);
            let seconds = if wait == 0 { String::new() } else { wait.div_ceil(1_000).to_string() };
            let expected = (if wait == 0 { 200 } else { 429 }, seconds.as_str());
            let found = (response.status().as_u16(), header(&response, "retry-after"));
            assert_eq!(found, expected, "step {step} of {pauses:?} with a limit of {limit}");
            if wait == 0 {
                passed.push(now);
            }
        }
    }
}

/// Pauses of every size, and those that end just before or just after something.
fn pauses_of_every_size() -> impl Strategy<Value = u64> {
    proptest::prop_oneof![
        4 => 0u64..20_000,
        2 => proptest::sample::select(vec![0, 1, 999, 1_000, 59_999, 60_000, 60_001]),
    ]
}
