//! Many at once: every task waits at a barrier, and all begin together.

use std::sync::Arc;

use serde_json::Value;

/// Runs this many tasks from a barrier; what came of each.
pub async fn at_once<T, F>(tasks: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(tokio::sync::Barrier::new(tasks));
    let begun: Vec<_> = (0..tasks)
        .map(|index| {
            let (barrier, work) = (Arc::clone(&barrier), work(index));
            tokio::spawn(async move {
                barrier.wait().await;
                work.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in begun {
        results.push(task.await.unwrap());
    }
    results
}

/// The statuses of so many requests at once.
pub async fn statuses_at_once(tasks: usize, request: impl Fn(usize) -> reqwest::RequestBuilder) -> Vec<u16> {
    at_once(tasks, |index| {
        let request = request(index);
        async move { request.send().await.unwrap().status().as_u16() }
    })
    .await
}

/// How many of these there are.
pub fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|found| **found == status).count()
}

/// The status, the code and the faults by field of an answer.
pub async fn fault_of(response: reqwest::Response) -> (u16, String, Value) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["code"].as_str().unwrap_or("").to_owned(), body["fields"].clone())
}
