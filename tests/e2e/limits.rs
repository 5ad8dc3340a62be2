//! The limits that `examples/rules.toml` promises, counted by a client.

use serde_json::json;

use crate::http::Request;
use crate::nginx::NGINX;
use crate::support::House;

#[test]
#[ignore = "needs nginx, caddy and traefik: tests/run installs them"]
fn the_example_rules_let_pass_60_120_30_20_and_60_requests_a_minute() {
    let house = House::start(&NGINX);
    // A key that is wide enough itself, so that only the classes limit it.
    let key = house.key(&json!({"name": "wide", "role": "member", "rateLimit": 10000}));
    let passed = ["/agents/x", "/chat/x", "/calls/x", "/knowledge/x", "/anything"].map(|path| {
        let request = Request::get(path).key(&key.token);
        let mut passed = 0;
        loop {
            let answer = house.send(&request);
            match answer.status {
                200 => passed += 1,
                429 => break passed,
                other => panic!("{other} for {path}: {}", answer.body),
            }
            assert!(passed <= 200, "{path} knows no limit");
        }
    });
    assert_eq!(passed, [60, 120, 30, 20, 60]);
    assert_eq!(house.api.hits(), 290);
}
