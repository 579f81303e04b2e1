//! Items, one at a time.

use super::call::Call;
use super::output::Written;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use crate::domain::item::StoredItem;
use crate::flow::access;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/v1/items/{id}",
            permission::CONVERSATIONS_READ,
            "Shows an item in its latest revision",
            show,
        )
        .taking_room_later(),
    ]
}

async fn show(call: Call, (): ()) -> Result<Written<StoredItem>, Problem> {
    let id = call.id("id")?;
    let listed = access::item_listed(call.flow(), call.principal()?, id).await?;
    let Some(cut) = listed.cut else { return Written::write(listed).await };
    let _room = call.room_for(cut.bytes).await?;
    Written::write(access::item(call.flow(), call.principal()?, id).await?).await
}
