//! Waiting for something without holding up what is under way.

use std::pin::pin;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

/// Waits for `wanted` and goes on with what is under way meanwhile; what of that ended comes with it.
///
/// What is under way may hold what `wanted` waits for, a connection to the repository say: if it were not gone on
/// with, both would wait for each other.
pub(super) async fn while_driving<T, F: Future>(
    under_way: &mut FuturesUnordered<F>,
    wanted: impl Future<Output = T>,
) -> (T, Vec<F::Output>) {
    let mut wanted = pin!(wanted);
    let mut ended = Vec::new();
    loop {
        tokio::select! {
            found = &mut wanted => return (found, ended),
            Some(it) = under_way.next(), if !under_way.is_empty() => ended.push(it),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn what_is_wanted_may_be_held_by_what_is_under_way() {
        let connection = Mutex::new(());
        let mut under_way = FuturesUnordered::new();
        under_way.push(async {
            let _held = connection.lock().await;
            tokio::task::yield_now().await;
            7
        });
        // It holds the connection now, and goes on only when it is driven.
        assert!(under_way.next().now_or_never().is_none());
        let (_held, ended) = while_driving(&mut under_way, connection.lock()).await;
        assert_eq!(ended, [7]);
    }
}
