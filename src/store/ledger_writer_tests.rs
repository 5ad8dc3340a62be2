//! What [`super`] does, shown.

use super::super::usage;
use super::*;
use crate::clock::SECOND;

fn row(family: i64, at: UnixMillis, code: Option<&'static str>) -> RequestRow {
    RequestRow {
        at,
        organization: 1,
        family,
        key: family,
        credential: "api_key".into(),
        subject: "usr_1".into(),
        method: "GET".into(),
        host: "api.example.com".into(),
        path: "/x".into(),
        status: if code.is_some() { 429 } else { 200 },
        code: code.map(Into::into),
        ip: "192.0.2.1".into(),
        user_agent: "test".into(),
        class: None,
        cost: 1,
        count: 1,
    }
}

fn open(directory: &Path) -> LedgerWriter {
    LedgerWriter::open(&directory.join("ledger.db"), Durability::Process, SigningKey::new(b"k")).unwrap()
}

fn total(writer: &LedgerWriter, family: i64) -> u64 {
    let all = usage::of_families(&writer.connection, &[family]).unwrap();
    all[&family].values().map(|usage| usage.requests).sum()
}

fn verify(writer: &LedgerWriter) -> Result<ChainEnd, chain::Broken> {
    let checkpoint = requests::checkpoint(&writer.connection).unwrap();
    let mut verifier = chain::Verifier::begin(&writer.chain.key, checkpoint, None)?;
    let mut result = Ok(());
    requests::walk(&writer.connection, &mut |link| {
        result = verifier.row(&link);
        result.is_ok()
    })
    .unwrap();
    result?;
    verifier.finish()
}

#[test]
fn usage_is_exact_before_during_and_after_a_fold_and_across_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    let now = 100 * MINUTE;
    let rows: Vec<_> = (0..200).map(|index| row(2 + index % 50, now, None)).collect();
    writer.append(&rows, now).unwrap();
    let check = |writer: &LedgerWriter| {
        for family in 2..52 {
            assert_eq!(total(writer, family), 4, "family {family}");
            let minutes = usage::by_step(&writer.connection, &[family], 0, 1_000, 1).unwrap();
            assert_eq!(minutes[&family].values().map(|counts| counts.allowed).sum::<u64>(), 4);
        }
        let filter = requests::Filter { organization: 1, ..Default::default() };
        assert_eq!(requests::list(&writer.connection, &filter, 1_000).unwrap().len(), 200);
        let filter = requests::Filter { organization: 1, key: Some((7, 7)), ..Default::default() };
        assert_eq!(requests::list(&writer.connection, &filter, 1_000).unwrap().len(), 4);
    };
    check(&writer);
    writer.do_chores(now).unwrap();
    assert!(writer.folding.under_way(), "one slice is not the whole fold");
    check(&writer);
    drop(writer);
    let mut writer = open(directory.path());
    check(&writer);
    writer.do_chores(now).unwrap();
    assert!(!writer.has_chores());
    check(&writer);
}

#[test]
fn refused_requests_past_the_sixtieth_of_a_minute_share_one_counted_row() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    let now = 100 * MINUTE;
    for _ in 0..100 {
        writer.append(&[row(2, now, Some("RATE_LIMITED"))], now).unwrap();
    }
    assert_eq!(total(&writer, 2), 100);
    assert_eq!(writer.newest(), 60);
    writer.append(&[row(2, now + MINUTE, None)], now + MINUTE).unwrap();
    assert_eq!(total(&writer, 2), 101);
    let filter = requests::Filter { organization: 1, ..Default::default() };
    let listed = requests::list(&writer.connection, &filter, 1_000).unwrap();
    assert_eq!(listed.len(), 62);
    assert_eq!(listed.iter().map(|(_, row)| row.count).max(), Some(40));
    assert_eq!(verify(&writer).unwrap().seq, 62);
}

#[test]
fn pruning_takes_the_oldest_rows_and_the_chain_still_proves_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    let old: Vec<_> = (0..700).map(|index| row(2, index * SECOND, None)).collect();
    let now = 40 * DAY;
    writer.append(&old, now).unwrap();
    writer.append(&[row(2, now, None)], now).unwrap();
    while writer.has_chores() {
        writer.do_chores(now).unwrap();
    }
    assert!(writer.prune(now, 30, 4_096).unwrap());
    while writer.prune(now, 30, 4_096).unwrap() {}
    let filter = requests::Filter { organization: 1, ..Default::default() };
    assert_eq!(requests::list(&writer.connection, &filter, 1_000).unwrap().len(), 1);
    assert_eq!(verify(&writer).unwrap().seq, 701);
    let indexed: i64 =
        writer.connection.query_row("SELECT count(*) FROM requests_by_family", [], |row| row.get(0)).unwrap();
    assert_eq!(indexed, 1);
    drop(writer);
    assert_eq!(verify(&open(directory.path())).unwrap().seq, 701);
}

#[test]
fn a_ledger_that_has_grown_too_large_loses_its_oldest_rows() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    let rows: Vec<_> = (0..6_000).map(|_| RequestRow { path: "/x".repeat(500).into(), ..row(2, DAY, None) }).collect();
    writer.append(&rows, DAY).unwrap();
    while writer.has_chores() {
        writer.do_chores(DAY).unwrap();
    }
    while writer.prune(DAY, 30, 4).unwrap() {}
    assert!(ledger_pruning::live_bytes(&writer.connection).unwrap() <= 4 << 20);
    assert!(verify(&writer).is_ok());
    assert_eq!(total(&writer, 2), 6_000);
}

#[test]
fn a_changed_row_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    for _ in 0..5 {
        writer.append(&[row(2, DAY, None)], DAY).unwrap();
    }
    writer.connection.execute("UPDATE requests SET path = '/other' WHERE seq = 3", []).unwrap();
    assert_eq!(verify(&writer), Err(chain::Broken::Changed(3)));
    writer.connection.execute("DELETE FROM requests WHERE seq = 3", []).unwrap();
    assert_eq!(verify(&writer), Err(chain::Broken::Missing(3)));
}

#[test]
fn a_ledger_that_was_pruned_gives_its_room_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    for _ in 0..5 {
        let rows: Vec<_> =
            (0..6_000).map(|_| RequestRow { path: "/x".repeat(500).into(), ..row(2, DAY, None) }).collect();
        writer.append(&rows, DAY).unwrap();
    }
    let pages = |writer: &LedgerWriter| -> i64 {
        writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
    };
    let full = pages(&writer);
    let now = 40 * DAY;
    while writer.has_chores() {
        writer.do_chores(now).unwrap();
    }
    while writer.prune(now, 30, 4_096).unwrap() {}
    assert!(pages(&writer) < full * 3 / 4, "{} of {full}", pages(&writer));
}

#[test]
fn a_shared_row_that_comes_late_neither_sets_the_last_use_back_nor_hides_what_came_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = open(directory.path());
    let start = 100 * MINUTE;
    for _ in 0..61 {
        writer.append(&[row(2, start, Some("INSUFFICIENT_ROLE"))], start).unwrap();
    }
    let later = RequestRow { ip: "192.0.2.99".into(), ..row(2, start + 30 * SECOND, None) };
    writer.append(std::slice::from_ref(&later), later.at).unwrap();
    while writer.folding.waiting() > 0 || writer.folding.under_way() {
        writer.do_chores(later.at).unwrap();
    }
    let now = start + 66 * SECOND;
    while writer.has_chores() {
        writer.do_chores(now).unwrap();
    }
    let taken = requests::taken_by_family(&writer.connection, 2, now - 60 * SECOND, writer.newest()).unwrap();
    assert_eq!(taken, [(later.at, 1)]);
    let all = usage::of_families(&writer.connection, &[2]).unwrap();
    let last = all[&2][&2].last.clone().unwrap();
    assert_eq!((last.at, last.ip.as_str()), (later.at, "192.0.2.99"));
    assert_eq!(all[&2][&2].requests, 62);
}
