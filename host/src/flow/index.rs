//! Texts are indexed for the search, apart from the commits that bring them.

use super::{Flow, FlowError};
pub use crate::store::Indexing;

/// Indexes some texts, if enough wait.
pub async fn index_some(flow: &Flow) -> Result<Indexing, FlowError> {
    Ok(flow.store.index_some().await?)
}
