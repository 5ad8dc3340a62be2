//! Mail as services write it, without the flows that cause it.

use claviger::mail::message::Draft;
use claviger::services::Services;
use claviger::services::outbox::{Letter, post};
use claviger::store::Change;
use claviger::store::outbox::{self, Filter, Mail};

/// A token in the text of every letter.
pub const TOKEN: &str = "tst_00112233445566778899aabbccddeeff";

/// What is to be written.
pub struct Wish<'a> {
    pub organization: Option<i64>,
    pub to: &'a str,
    pub kind: &'static str,
    pub wipe_at: Option<i64>,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Wish { organization: None, to: "bob@example.com", kind: "notice", wipe_at: None }
    }
}

/// Writes a letter with the subject "Something happened" and a link; its id.
pub fn write(services: &Services, now: i64, wish: &Wish<'_>) -> String {
    let message = Draft::new(wish.kind, "Something happened", "Bob")
        .paragraph("A line.\n.\nA dot stood alone; ä is no ASCII.")
        .link("Open", &format!("https://keys.example.com/page?token={TOKEN}"))
        .finish("https://keys.example.com");
    let letter = Letter { organization: wish.organization, to: wish.to, message, wipe_at: wish.wipe_at };
    let before = all(services);
    let statement = post(services, now, letter).unwrap();
    services.store.commit(Change::new().then(statement)).unwrap();
    let is_new = |mail: &&Mail| before.iter().all(|old| old.id != mail.id);
    all(services).iter().find(is_new).expect("it is in the outbox").id.clone()
}

/// The whole outbox.
pub fn all(services: &Services) -> Vec<Mail> {
    services.store.read(|reader| outbox::list(reader, &Filter::default(), 1_000)).unwrap()
}

/// One message, as it is stored.
pub fn stored(services: &Services, id: &str) -> Mail {
    services.store.read(|reader| outbox::by_id(reader, id)).unwrap().expect("it is in the outbox")
}

/// The number of the home organization.
pub fn home(services: &Services) -> i64 {
    services.store.read(claviger::store::organizations::home).unwrap().expect("it is set up").number
}
