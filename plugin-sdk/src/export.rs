//! Turns an author's type into a component's exports.
//!
//! The macros run in the author's crate, so that name, version and summary are that crate's. Symbols
//! are exported on wasm alone: their names hold characters that no other linker takes.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Once;
use std::thread::LocalKey;

use crate::bindings;
use crate::secrets::WantedSecret;
use crate::types::{
    Case, Delivery, Event, Intake, Manifest, PluginKind, Proposal, Refusal, Rejection, ReplyReceived,
    SecretNeed, SettingError, Step, Task, TaskError,
};
use crate::{Adapter, Inbox, Policy, log, settings};

type WireInbox = bindings::adapter::exports::switchboard::plugin::adapter::Inbox;

/// What a plugin is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Unique in the marketplace: `[a-z][a-z0-9-]{1,62}`.
    pub name: &'static str,
    /// Semantic version.
    pub version: &'static str,
    /// One sentence, at most 200 characters.
    pub summary: &'static str,
}

impl Identity {
    /// The identity of a crate, whose usual prefix is no part of the plugin's name.
    pub fn of_crate(package: &'static str, version: &'static str, description: &'static str) -> Self {
        Self {
            name: package.strip_prefix("switchboard-plugin-").unwrap_or(package),
            version,
            summary: description,
        }
    }
}

/// A policy that [`export_policy!`](crate::export_policy) has exported.
pub trait ExportedPolicy: Policy {
    /// What it is called.
    fn identity() -> Identity;

    /// Where the configured policy lies between calls.
    fn slot() -> &'static LocalKey<RefCell<Option<Self>>>;
}

/// An adapter that [`export_adapter!`](crate::export_adapter) has exported.
pub trait ExportedAdapter: Adapter {
    /// What it is called.
    fn identity() -> Identity;
}

/// The manifest of a policy.
pub fn policy_manifest<P: ExportedPolicy>() -> Manifest {
    Manifest {
        events: P::EVENTS.to_vec(),
        proposals: P::PROPOSALS.to_vec(),
        needs: P::NEEDS.to_vec(),
        ..manifest::<P::Settings>(P::identity(), PluginKind::Policy)
    }
}

/// The manifest of an adapter.
pub fn adapter_manifest<A: ExportedAdapter>() -> Manifest {
    let need = |wanted: &WantedSecret| SecretNeed {
        name: wanted.name.to_owned(),
        purpose: wanted.purpose.to_owned(),
        uses: wanted.uses,
    };
    Manifest {
        secrets: A::SECRETS.iter().map(need).collect(),
        ..manifest::<A::Settings>(A::identity(), PluginKind::ChannelAdapter)
    }
}

fn manifest<S: schemars::JsonSchema>(identity: Identity, kind: PluginKind) -> Manifest {
    Manifest {
        name: identity.name.to_owned(),
        version: identity.version.to_owned(),
        summary: identity.summary.to_owned(),
        kind,
        settings_schema: settings::schema::<S>().as_value().to_string(),
        events: Vec::new(),
        proposals: Vec::new(),
        needs: Vec::new(),
        secrets: Vec::new(),
    }
}

/// The component around a policy.
pub struct PolicyComponent<P>(PhantomData<P>);

impl<P: ExportedPolicy> bindings::base::exports::switchboard::plugin::plugin::Guest for PolicyComponent<P> {
    fn describe() -> Manifest {
        log_panics();
        policy_manifest::<P>()
    }

    fn configure(json: String) -> Result<(), Vec<SettingError>> {
        log_panics();
        let settings = settings::parse(&json).map_err(|error| vec![error])?;
        let policy = P::configure(settings)?;
        P::slot().set(Some(policy));
        reserve();
        Ok(())
    }
}

impl<P: ExportedPolicy> bindings::policy::exports::switchboard::plugin::policy::Guest for PolicyComponent<P> {
    fn evaluate(event: Event, case: Case) -> Result<Vec<Proposal>, Refusal> {
        P::slot().with_borrow(|policy| match policy {
            Some(policy) => policy.evaluate(&event, &case),
            None => Err(Refusal::Other("the policy was not configured".to_owned())),
        })
    }
}

/// The component around an adapter.
pub struct AdapterComponent<A>(PhantomData<A>);

impl<A: ExportedAdapter> bindings::base::exports::switchboard::plugin::plugin::Guest for AdapterComponent<A> {
    fn describe() -> Manifest {
        log_panics();
        reserve();
        adapter_manifest::<A>()
    }

    fn configure(json: String) -> Result<(), Vec<SettingError>> {
        log_panics();
        let settings = settings::parse(&json).map_err(|error| vec![error])?;
        A::check(&settings)
    }
}

impl<A: ExportedAdapter> bindings::adapter::exports::switchboard::plugin::adapter::Guest
    for AdapterComponent<A>
{
    fn receive(inbox: WireInbox, delivery: Delivery) -> Result<Intake, Rejection> {
        log_panics();
        let inbox = typed::<A>(inbox).map_err(Rejection::Unsupported)?;
        A::receive(&inbox, &delivery)
    }

    fn begin(inbox: WireInbox, task: Task) -> Result<Step, TaskError> {
        log_panics();
        let inbox = typed::<A>(inbox).map_err(TaskError::Unsupported)?;
        A::begin(&inbox, &task)
    }

    fn resume(inbox: WireInbox, state: Vec<u8>, reply: ReplyReceived) -> Result<Step, TaskError> {
        log_panics();
        let inbox = typed::<A>(inbox).map_err(TaskError::Unsupported)?;
        A::resume(&inbox, &state, &reply)
    }
}

fn typed<A: Adapter>(inbox: WireInbox) -> Result<Inbox<A::Settings>, String> {
    let settings = settings::parse(&inbox.settings).map_err(|error| {
        format!("the settings of inbox `{}` do not fit at `{}`: {}", inbox.name, error.pointer, error.message)
    })?;
    Ok(Inbox { name: inbox.name, channel: inbox.channel, settings })
}

/// What an ordinary case and the proposals about it take, several times over.
const RESERVE_BYTES: usize = 256 << 10;

/// Leaves room in the memory that every call starts from: a call that has to grow it pays for that
/// each time, about 15 us where it was measured. The allocator keeps what it was given back.
fn reserve() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(RESERVE_BYTES)));
}

/// A panic ends the call with a trap, which says nothing; the log keeps what it was about.
fn log_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| log::error(panic.to_string()))));
}

/// Exports a type as the policy of this component.
///
/// Name, version and summary are those of the crate (a leading `switchboard-plugin-` is cut off);
/// each can be said otherwise: `export_policy!(MyPolicy, name = "praise", summary = "...")`.
#[macro_export]
macro_rules! export_policy {
    ($policy:ident $(, $field:ident = $value:expr)* $(,)?) => {
        impl $crate::export::ExportedPolicy for $policy {
            fn identity() -> $crate::export::Identity {
                $crate::__switchboard_identity!($($field = $value),*)
            }

            fn slot() -> &'static ::std::thread::LocalKey<::std::cell::RefCell<Option<Self>>> {
                ::std::thread_local! {
                    static SLOT: ::std::cell::RefCell<Option<$policy>> =
                        const { ::std::cell::RefCell::new(None) };
                }
                &SLOT
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::export::PolicyComponent<$policy>;
            $crate::bindings::base::export_base!(
                Component with_types_in $crate::bindings::base
            );
            $crate::bindings::policy::export_policy_only!(
                Component with_types_in $crate::bindings::policy
            );
        };
    };
}

/// Exports a type as the channel adapter of this component.
///
/// Name, version and summary are said as in [`export_policy!`](crate::export_policy).
#[macro_export]
macro_rules! export_adapter {
    ($adapter:ident $(, $field:ident = $value:expr)* $(,)?) => {
        impl $crate::export::ExportedAdapter for $adapter {
            fn identity() -> $crate::export::Identity {
                $crate::__switchboard_identity!($($field = $value),*)
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::export::AdapterComponent<$adapter>;
            $crate::bindings::base::export_base!(
                Component with_types_in $crate::bindings::base
            );
            $crate::bindings::adapter::export_adapter_only!(
                Component with_types_in $crate::bindings::adapter
            );
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __switchboard_identity {
    ($($field:ident = $value:expr),*) => {
        $crate::export::Identity {
            $($field: $value,)*
            ..$crate::export::Identity::of_crate(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                env!("CARGO_PKG_DESCRIPTION"),
            )
        }
    };
}
