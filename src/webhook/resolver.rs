//! Names looked up on threads of their own: a look-up cannot be broken off, and takes as long as a server of names likes.
//!
//! There are so many places and no more. A place belongs to the look-up itself: whoever has asked may have gone long ago.
//! A name that is being looked up is waited for by all who want it, so that one name takes one place.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The addresses of a name, or why there are none.
pub type Found = Result<Arc<[IpAddr]>, String>;

type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;
type UnderWay = watch::Receiver<Option<Found>>;

/// Looks names up.
pub struct Resolver(Arc<Shared>);

struct Shared {
    places: Arc<Semaphore>,
    under_way: Mutex<HashMap<String, UnderWay>>,
    look_up: Box<LookUp>,
}

impl Resolver {
    /// One that asks the system, for at most so many names at a time.
    pub fn new(places: usize) -> Resolver {
        Resolver::with(places, |name| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }

    fn with(places: usize, look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Resolver {
        let (places, under_way) = (Arc::new(Semaphore::new(places)), Mutex::default());
        Resolver(Arc::new(Shared { places, under_way, look_up: Box::new(look_up) }))
    }

    /// The addresses of a name; waits for a place.
    pub async fn resolve(&self, name: &str) -> Found {
        if let Some(under_way) = self.join(name) {
            return end_of(under_way).await;
        }
        let place = Arc::clone(&self.0.places).acquire_owned().await.map_err(|_| broken_off())?;
        end_of(self.begin(name, place)).await
    }

    /// The same; `None` where there is no place.
    pub async fn resolve_now(&self, name: &str) -> Option<Found> {
        let under_way = match self.join(name) {
            Some(under_way) => under_way,
            None => self.begin(name, Arc::clone(&self.0.places).try_acquire_owned().ok()?),
        };
        Some(end_of(under_way).await)
    }

    fn join(&self, name: &str) -> Option<UnderWay> {
        self.0.under_way.lock().get(name).cloned()
    }

    fn begin(&self, name: &str, place: OwnedSemaphorePermit) -> UnderWay {
        let mut under_way = self.0.under_way.lock();
        // Somebody may have begun while this one waited for a place.
        if let Some(begun) = under_way.get(name) {
            return begun.clone();
        }
        let (sender, receiver) = watch::channel(None);
        let (shared, for_thread) = (Arc::clone(&self.0), name.to_owned());
        let look_up = move || {
            let found = (shared.look_up)(&for_thread).map(Arc::from).map_err(|cause| cause.to_string());
            shared.under_way.lock().remove(&for_thread);
            let _ = sender.send(Some(found));
            drop(place);
        };
        // Where there is no thread to be had, the sender is gone, and that is the answer.
        if std::thread::Builder::new().name(String::from("resolve")).spawn(look_up).is_ok() {
            under_way.insert(name.to_owned(), receiver.clone());
        }
        receiver
    }
}

async fn end_of(mut under_way: UnderWay) -> Found {
    match under_way.wait_for(Option::is_some).await {
        Ok(found) => found.clone().unwrap_or_else(|| Err(broken_off())),
        Err(_) => Err(broken_off()),
    }
}

fn broken_off() -> String {
    String::from("the name could not be looked up")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(10);

    /// A resolver whose names are slow: each look-up waits for a word. With how many were begun.
    fn slow(places: usize) -> (Resolver, Sender<()>, Arc<AtomicUsize>) {
        let (word, words) = channel();
        let (words, begun) = (Mutex::new(words), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&begun);
        let resolver = Resolver::with(places, move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = words.lock().recv();
            Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        });
        (resolver, word, begun)
    }

    #[tokio::test]
    async fn a_place_is_the_look_up_s_own_and_stays_taken_when_nobody_waits_any_more() {
        let (resolver, word, begun) = slow(2);
        for name in ["a", "b"] {
            assert!(timeout(SHORT, resolver.resolve(name)).await.is_err());
        }
        assert!(resolver.resolve_now("c").await.is_none());
        assert!(timeout(SHORT, resolver.resolve("c")).await.is_err(), "it waits for a place");
        assert_eq!(begun.load(Ordering::SeqCst), 2);
        word.send(()).unwrap();
        word.send(()).unwrap();
        word.send(()).unwrap();
        assert_eq!(timeout(LONG, resolver.resolve("c")).await.unwrap().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn all_who_want_a_name_wait_for_one_look_up() {
        let (resolver, word, begun) = slow(1);
        assert!(timeout(SHORT, resolver.resolve("a")).await.is_err());
        let mut both = Box::pin(async { tokio::join!(resolver.resolve("a"), resolver.resolve_now("a")) });
        assert!(timeout(SHORT, &mut both).await.is_err(), "both wait");
        word.send(()).unwrap();
        let (first, second) = timeout(LONG, both).await.unwrap();
        assert_eq!((first.unwrap().len(), second.unwrap().unwrap().len()), (1, 1));
        // The next who asks is told what is so by then.
        word.send(()).unwrap();
        assert!(timeout(LONG, resolver.resolve("a")).await.unwrap().is_ok());
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_the_system_says_is_passed_on() {
        let resolver = Resolver::new(1);
        assert!(resolver.resolve("localhost").await.unwrap().iter().all(|address| address.is_loopback()));
        assert!(resolver.resolve("nobody.invalid").await.is_err());
    }
}
