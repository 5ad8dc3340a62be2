//! PRDs as trees, made a few at a time and kept for a while: of a long text that takes tens of megabytes and its time, and
//! whoever has a link may ask for it over and over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ServiceError;
use super::markdown;
use crate::error_code::ErrorCode;

/// How many are made at the same time.
const PLACES: usize = 2;

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(4);

/// The most bytes of trees that are kept: the longest one takes half of it.
const MAX_BYTES: usize = 32 << 20;

/// The most trees that are kept.
const MAX_TREES: usize = 256;

/// The nodes of one version of a PRD.
#[derive(Debug, PartialEq, Eq)]
pub struct Tree {
    /// The blocks, a JSON array. A clone shares its bytes.
    pub nodes: Bytes,
    /// Whether the last of them is the rest of a text with too many nodes.
    pub truncated: bool,
}

impl Tree {
    /// Parses Markdown.
    pub fn of(content: &str) -> Result<Tree, ServiceError> {
        let tree = markdown::parse(content);
        let nodes = serde_json::to_vec(&tree.nodes).map_err(ServiceError::failed)?;
        Ok(Tree { nodes: nodes.into(), truncated: tree.truncated })
    }
}

/// Whose tree it is; a version of a PRD never changes.
type Key = (String, i64);

#[derive(Default)]
struct Kept {
    /// The one that was made last stands last.
    trees: VecDeque<(Key, Arc<Tree>)>,
    bytes: usize,
}

/// The places, and the trees that were made last. Whoever asks it has judged who may see them.
pub struct PrdTrees {
    places: Arc<Semaphore>,
    kept: Mutex<Kept>,
}

impl Default for PrdTrees {
    fn default() -> Self {
        PrdTrees { places: Arc::new(Semaphore::new(PLACES)), kept: Mutex::default() }
    }
}

/// A place to make a tree at, for as long as it is held. It belongs into the work itself: who asked may be gone before
/// that is done.
pub struct Place {
    _held: OwnedSemaphorePermit,
}

impl PrdTrees {
    /// Waits for a place, and holds no thread meanwhile; 503 where none comes free in time.
    pub async fn place(&self) -> Result<Place, ServiceError> {
        let waited = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        match waited {
            Ok(Ok(held)) => Ok(Place { _held: held }),
            _ => Err(ServiceError { retry_after: Some(2), ..ErrorCode::Busy.into() }),
        }
    }

    /// The tree of a version, if it is kept.
    pub fn kept(&self, project: &str, version: i64) -> Option<Arc<Tree>> {
        self.kept.lock().find(project, version)
    }

    /// The same, or what `make` makes of it.
    pub fn tree(
        &self,
        _place: Place,
        project: &str,
        version: i64,
        make: impl FnOnce() -> Result<Tree, ServiceError>,
    ) -> Result<Arc<Tree>, ServiceError> {
        // Who stood here before may have made it.
        if let Some(tree) = self.kept(project, version) {
            return Ok(tree);
        }
        let tree = make()?;
        Ok(self.kept.lock().keep(project, version, tree))
    }

    /// Forgets the trees of a project that is gone.
    pub fn forget(&self, project: &str) {
        let mut kept = self.kept.lock();
        kept.trees.retain(|((of, _), _)| of != project);
        kept.bytes = kept.trees.iter().map(|(_, tree)| tree.nodes.len()).sum();
    }
}

impl Kept {
    fn find(&self, project: &str, version: i64) -> Option<Arc<Tree>> {
        let found = self.trees.iter().find(|((of, at), _)| *at == version && of == project);
        found.map(|(_, tree)| Arc::clone(tree))
    }

    /// Two may have made the same; then the first stays, and both share it.
    fn keep(&mut self, project: &str, version: i64, tree: Tree) -> Arc<Tree> {
        if let Some(first) = self.find(project, version) {
            return first;
        }
        let tree = Arc::new(tree);
        let length = tree.nodes.len();
        if length > MAX_BYTES {
            return tree;
        }
        while self.bytes + length > MAX_BYTES || self.trees.len() >= MAX_TREES {
            let Some((_, oldest)) = self.trees.pop_front() else { break };
            self.bytes -= oldest.nodes.len();
        }
        self.bytes += length;
        self.trees.push_back(((project.to_owned(), version), Arc::clone(&tree)));
        tree
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn tree(length: usize) -> Tree {
        Tree { nodes: vec![b' '; length].into(), truncated: false }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_forty_at_once_two_are_made_at_a_time_and_each_but_once() {
        let (trees, running, most, made) =
            <(Arc<PrdTrees>, Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let asked: Vec<_> = (0..40)
            .map(|index| {
                let (trees, running) = (Arc::clone(&trees), Arc::clone(&running));
                let (most, made) = (Arc::clone(&most), Arc::clone(&made));
                tokio::spawn(async move {
                    let place = trees.place().await.unwrap();
                    let work = move || {
                        trees.tree(place, "prj_1", index % 4, || {
                            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            std::thread::sleep(Duration::from_millis(5));
                            running.fetch_sub(1, Ordering::SeqCst);
                            made.fetch_add(1, Ordering::SeqCst);
                            Ok(tree(9))
                        })
                    };
                    tokio::task::spawn_blocking(work).await.unwrap().unwrap().nodes.len()
                })
            })
            .collect();
        for asked in asked {
            assert_eq!(asked.await.unwrap(), 9);
        }
        assert!(most.load(Ordering::SeqCst) <= PLACES);
        // Two may begin with the same one.
        assert!((4..=8).contains(&made.load(Ordering::SeqCst)), "{made:?}");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let mut kept = Kept::default();
        for version in 0..9 {
            kept.keep("prj_1", version, tree(MAX_BYTES / 8));
        }
        assert_eq!((kept.bytes, kept.trees.len()), (MAX_BYTES, 8));
        assert!(kept.find("prj_1", 0).is_none() && kept.find("prj_1", 8).is_some());
        kept.keep("prj_1", 9, tree(MAX_BYTES + 1));
        assert!(kept.find("prj_1", 9).is_none() && kept.find("prj_1", 8).is_some());
        for version in 0..2_000 {
            kept.keep("prj_2", version, tree(2));
        }
        assert!(kept.trees.len() <= MAX_TREES);
        let trees = PrdTrees { kept: Mutex::new(kept), ..PrdTrees::default() };
        trees.forget("prj_2");
        assert!(trees.kept("prj_2", 1_999).is_none());
        assert_eq!(trees.kept.lock().bytes, 0);
    }
}
