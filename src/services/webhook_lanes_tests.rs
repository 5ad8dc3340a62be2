//! What [`super`] does, shown.

use super::*;

const NOW: UnixMillis = 1_000;
const HORIZON: UnixMillis = 1_000_000;

fn due(number: usize) -> Due {
    Due { event: format!("evt_{number:05}"), body: String::new(), attempts: 0 }
}

/// Reads for every lane that wants it, as if so many deliveries waited from `first` on.
fn fill(lanes: &mut Lanes<String>, first: usize, waiting: usize) -> usize {
    let wants = lanes.wants(NOW, HORIZON);
    for want in &wants {
        let slice = Slice {
            organization: 1,
            receiver: Some(Arc::new(want.webhook.clone())),
            due: (first..first + waiting.min(want.limit)).map(due).collect(),
            next_due: None,
            want: want.clone(),
        };
        lanes.read(slice, NOW);
    }
    wants.len()
}

fn starts(lanes: &mut Lanes<String>) -> Vec<(String, String)> {
    lanes.start(|_| false).into_iter().map(|start| ((*start.receiver).clone(), start.due.event)).collect()
}

#[test]
fn a_long_queue_is_read_in_slices_and_sent_so_many_at_a_time() {
    let mut lanes = Lanes::default();
    known(&mut lanes, &["a"], true);
    lanes.fed("a", NOW);
    fill(&mut lanes, 0, 10_000);
    assert_eq!(starts(&mut lanes).len(), WIDE);
    assert!(starts(&mut lanes).is_empty(), "no more than that");
    assert_eq!(fill(&mut lanes, 0, 10_000), 0, "enough is there");
    let lane = &lanes.lanes["a"];
    assert_eq!((lane.ready.len(), lane.busy.len()), (SLICE - WIDE, WIDE));
    lanes.finished("a", true);
    assert_eq!(starts(&mut lanes).len(), 1);
    assert_eq!(fill(&mut lanes, 0, 10_000), 1);
    assert!(lanes.lanes["a"].ready.len() <= SLICE + LOW);
    let mut seen: Vec<String> = lanes.lanes["a"].ready.iter().map(|due| due.event.clone()).collect();
    seen.extend(lanes.lanes["a"].busy.iter().cloned());
    let all: HashSet<&String> = seen.iter().collect();
    assert_eq!(all.len(), seen.len(), "none is sent twice");
}

/// Lanes that have made one attempt, which was quick or not.
fn known(lanes: &mut Lanes<String>, webhooks: &[&str], quick: bool) {
    for webhook in webhooks {
        lanes.fed(webhook, NOW);
    }
    fill(lanes, 99_999, 1);
    for (webhook, event) in starts(lanes) {
        lanes.finished(&webhook, quick);
        lanes.written(&webhook, &event, None);
    }
}

fn count(starts: &[(String, String)], webhook: &str) -> usize {
    starts.iter().filter(|(name, _)| name == webhook).count()
}

#[test]
fn nobody_is_sent_much_before_a_quick_answer_nor_after_a_slow_one() {
    let mut lanes = Lanes::default();
    for webhook in ["slow", "quick"] {
        lanes.fed(webhook, NOW);
    }
    fill(&mut lanes, 0, 10_000);
    let first = starts(&mut lanes);
    assert_eq!((count(&first, "slow"), count(&first, "quick")), (NARROW, NARROW));
    lanes.finished("quick", true);
    assert_eq!(starts(&mut lanes).len(), WIDE - NARROW + 1);
    lanes.finished("slow", false);
    assert_eq!(starts(&mut lanes).len(), 1, "as few as before");
    for _ in 0..WIDE {
        lanes.finished("quick", false);
    }
    fill(&mut lanes, 0, 10_000);
    assert_eq!(starts(&mut lanes).len(), NARROW);
    lanes.finished("quick", true);
    lanes.changed("quick", NOW);
    fill(&mut lanes, 0, 10_000);
    assert_eq!(starts(&mut lanes).len(), 1, "a change makes it one that nobody knows");
}

#[test]
fn an_organization_has_a_part_of_the_room_and_whoever_has_none_under_way_finds_some() {
    let names: Vec<String> = (0..MOST_OF_ONE).map(|number| format!("hook{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut lanes = Lanes::default();
    known(&mut lanes, &names[..40], true);
    for webhook in &names[..40] {
        lanes.fed(webhook, NOW);
    }
    fill(&mut lanes, 0, 10_000);
    assert_eq!(starts(&mut lanes).len(), MOST_OF_ONE);
    for webhook in &names {
        lanes.fed(webhook, NOW);
    }
    fill(&mut lanes, 0, 10_000);
    let more = starts(&mut lanes);
    assert!(more.iter().all(|(webhook, _)| count(&more, webhook) == 1));
    assert_eq!(more.len(), names.len() - 40, "one for each that has none");
    // Another organization's have room of their own, and a lane that got none before is the next.
    lanes.fed("other", NOW);
    let want = lanes.wants(NOW, HORIZON).into_iter().find(|want| want.webhook == "other").unwrap();
    let (receiver, due) = (Some(Arc::new("other".to_owned())), (0..5).map(due).collect());
    lanes.read(Slice { want, organization: 2, receiver, due, next_due: None }, NOW);
    assert_eq!(starts(&mut lanes).len(), NARROW);
    for _ in 0..2 {
        lanes.finished("other", true);
    }
    assert!(!lanes.sending_of.contains_key(&2), "nothing is kept of who sends nothing");
}

#[test]
fn what_comes_while_a_lane_is_read_is_not_overlooked() {
    let mut lanes: Lanes<String> = Lanes::default();
    lanes.fed("a", NOW);
    let want = lanes.wants(NOW, HORIZON).remove(0);
    lanes.fed("a", NOW);
    let empty =
        Slice { organization: 1, receiver: Some(Arc::new(String::new())), due: Vec::new(), next_due: None, want };
    lanes.read(empty, NOW);
    assert_eq!(lanes.wants(NOW, HORIZON).len(), 1);
}

#[test]
fn what_is_written_down_while_its_lane_is_read_is_not_sent_again() {
    let mut lanes = Lanes::default();
    lanes.fed("a", NOW);
    fill(&mut lanes, 0, 1);
    assert_eq!(starts(&mut lanes).len(), 1);
    lanes.fed("a", NOW);
    let want = lanes.wants(NOW, HORIZON).remove(0);
    lanes.finished("a", true);
    lanes.written("a", "evt_00000", None);
    // It was read before it was written down.
    let receiver = Some(Arc::new("a".to_owned()));
    lanes.read(Slice { want, organization: 1, receiver, due: vec![due(0), due(1)], next_due: None }, NOW);
    assert_eq!(starts(&mut lanes), [("a".to_owned(), "evt_00001".to_owned())]);
}

#[test]
fn what_is_to_be_sent_again_while_it_is_being_sent_is_looked_for_afterwards() {
    let mut lanes = Lanes::default();
    lanes.fed("a", NOW);
    fill(&mut lanes, 0, 1);
    starts(&mut lanes);
    lanes.fed("a", NOW);
    fill(&mut lanes, 0, 1);
    assert!(starts(&mut lanes).is_empty() && lanes.wants(NOW, HORIZON).is_empty());
    lanes.finished("a", true);
    lanes.written("a", "evt_00000", None);
    assert_eq!(lanes.wants(NOW, HORIZON).len(), 1);
}

#[test]
fn what_was_read_before_a_change_is_not_sent() {
    let mut lanes = Lanes::default();
    lanes.fed("a", NOW);
    let want = lanes.wants(NOW, HORIZON).remove(0);
    lanes.changed("a", NOW);
    let old =
        Slice { organization: 1, receiver: Some(Arc::new("old".to_owned())), due: vec![due(1)], next_due: None, want };
    lanes.read(old, NOW);
    assert!(starts(&mut lanes).is_empty());
    fill(&mut lanes, 0, 1);
    assert!(lanes.start(|webhook| webhook == "a").is_empty(), "nor while the change is about to be told");
    lanes.changed("a", NOW);
    let want = lanes.wants(NOW, HORIZON).remove(0);
    lanes.read(Slice { organization: 1, receiver: None, due: Vec::new(), next_due: None, want }, NOW);
    assert!(lanes.lanes.is_empty(), "it is off: nobody looks at it");
}

#[test]
fn what_is_put_off_is_looked_at_when_it_is_due_and_no_later_however_the_clock_is_set() {
    let mut lanes = Lanes::default();
    lanes.fed("a", NOW);
    fill(&mut lanes, 0, 1);
    starts(&mut lanes);
    lanes.finished("a", true);
    lanes.written("a", "evt_00000", Some(NOW + 5));
    assert!(lanes.wants(NOW + 4, HORIZON).is_empty());
    assert_eq!(lanes.wants(NOW + 5, HORIZON).len(), 1);
    lanes.changed("a", NOW);
    assert_eq!(lanes.wants(NOW - HORIZON, NOW - 1).len(), 1, "the clock was set back");
}

#[test]
fn what_cannot_be_written_down_stops_the_sending() {
    let mut lanes = Lanes::default();
    known(&mut lanes, &["a"], true);
    lanes.fed("a", NOW);
    let (mut sent, mut first) = (0, 0);
    loop {
        fill(&mut lanes, first, 10_000);
        let started = starts(&mut lanes);
        if started.is_empty() {
            break;
        }
        for _ in &started {
            lanes.finished("a", true);
        }
        sent += started.len();
        first = 0;
    }
    assert!((MOST_UNWRITTEN..MOST_UNWRITTEN + WIDE).contains(&sent), "{sent}");
}
