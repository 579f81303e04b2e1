//! Version 0.2.0 of the contract: bindings, and conversions between them and the domain.
//!
//! Three worlds are generated instead of the contract's two, so that what both kinds share exists
//! once. Parameters are borrowed: handing a case over copies its texts once, straight into the
//! guest's memory.

mod adapter;
mod case;
mod item;
mod manifest;
mod proposal;
mod words;

pub(crate) use adapter::{
    lower_attributes, lower_delivery, lower_headers, lower_inbox, lower_outbound, lower_pairs, lower_reply,
    raise_algorithm, raise_intake, raise_rejection, raise_step, raise_task_error,
};
pub(crate) use case::{CaseLists, lower_event};
pub(crate) use manifest::{raise_manifest, raise_setting_errors};
pub(crate) use proposal::{raise_proposals, raise_refusal};

/// The version, as it stands in the names of imports and exports.
pub const VERSION: &str = "0.2.0";

/// What both kinds export: `describe` and `configure`.
#[allow(unsafe_code, missing_docs, reason = "generated; the contract documents it")]
pub(crate) mod plugin_world {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package switchboard:host;

            world self-describing {
                import switchboard:plugin/log@0.2.0;
                export switchboard:plugin/plugin@0.2.0;
            }
        ",
        world: "switchboard:host/self-describing",
        ownership: Borrowing { duplicate_if_necessary: true },
        imports: { default: trappable },
    });
}

/// What a policy exports besides.
#[allow(unsafe_code, missing_docs, unused, reason = "generated; the contract documents it")]
pub(crate) mod policy_world {
    // `never-called` is there for the generator alone: it makes invalid code for a record that no
    // function of the world mentions.
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package switchboard:host;

            interface never-called {
                use switchboard:plugin/types@0.2.0.{header};
                mention: func(header: header);
            }

            world policy {
                import never-called;
                export switchboard:plugin/policy@0.2.0;
            }
        ",
        world: "switchboard:host/policy",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// What a channel adapter exports besides.
#[allow(unsafe_code, missing_docs, unused, reason = "generated; the contract documents it")]
pub(crate) mod adapter_world {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package switchboard:host;

            world adapter {
                import switchboard:plugin/secrets@0.2.0;
                export switchboard:plugin/adapter@0.2.0;
            }
        ",
        world: "switchboard:host/adapter",
        ownership: Borrowing { duplicate_if_necessary: true },
        imports: { default: trappable },
    });
}
