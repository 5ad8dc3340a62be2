//! Receivers that hang or take their time: nobody else waits for them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::support::Session;
use super::support::receiver::{Act, Receiver};
use super::support::smtp::wait_until;
use super::webhook_support::{deliveries, make, publish, spawn};

/// Publishes so many, one after the other; when each was taken, by its id.
async fn publish_many(session: &Session, count: usize) -> HashMap<String, Instant> {
    let mut taken = HashMap::new();
    for _ in 0..count {
        let begun = Instant::now();
        taken.insert(publish(session, "a.b", json!({})).await, begun);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    taken
}

/// Each has arrived within a second.
fn assert_quick(receiver: &Receiver, path: &str, taken: &HashMap<String, Instant>) {
    receiver.wait_for(path, taken.len());
    for received in receiver.at(path) {
        let Some(begun) = taken.get(received.header("webhook-id")) else { continue };
        let took = received.at.duration_since(*begun);
        assert!(took < Duration::from_secs(1), "it took {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_delays_no_other() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    receiver.act("/hangs", Act::Hang);
    make(&ada, &receiver.url("/hangs"), &["a.b"]).await;
    make(&ada, &receiver.url("/fast"), &["a.b"]).await;
    let taken = publish_many(&ada, 150).await;
    assert_quick(&receiver, "/fast", &taken);
    assert_eq!(receiver.count("/hangs"), 2, "as many as are made at a time of one that has answered nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_receivers_that_take_five_seconds_delay_no_other() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    for number in 0..40 {
        let path = format!("/slow{number}");
        receiver.act(&path, Act::Late(Duration::from_secs(5), 200));
        make(&ada, &receiver.url(&path), &["a.b"]).await;
    }
    make(&ada, &receiver.url("/fast"), &["a.b"]).await;
    let mut taken = publish_many(&ada, 100).await;
    // Those that were slow have answered by now, and are no less slow.
    wait_until("the slow ones have answered", || receiver.count("/slow0") > 2);
    taken.extend(publish_many(&ada, 100).await);
    assert_quick(&receiver, "/fast", &taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connections_to_a_receiver_stay_open_and_no_more() {
    let (_app, ada) = spawn().await;
    let receiver = Receiver::start();
    let hook = make(&ada, &receiver.url("/"), &["a.b"]).await;
    receiver.act("/", Act::Late(Duration::from_millis(50), 200));
    for _ in 0..100 {
        publish(&ada, "a.b", json!({})).await;
    }
    receiver.wait_for("/", 100);
    // Before it is time for those that are idle to go.
    let begun = Instant::now();
    wait_until("the others are closed", || receiver.open() <= 2);
    assert!(begun.elapsed() < Duration::from_secs(3), "it took {:?}", begun.elapsed());
    assert!(receiver.open() >= 1, "one that was closed after each would be no use");
    assert_eq!(deliveries(&ada, &hook).await.len(), 100);
}
