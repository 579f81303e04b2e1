//! Reads an instance's memories and globals through the functions that the snapshot added to it.

use std::collections::HashMap;

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, TypedFunc, WasmList};
use wasmtime_wizer::ComponentInstanceState;

use crate::plugin::state::CallState;

/// An instance being read. The trait has no way to report an error, so the first one is kept here
/// and the zeros that stand in for what could not be read are never used.
pub(super) struct StateReader {
    store: Store<CallState>,
    instance: Instance,
    /// Memories are asked for twice; reading them changes them, so the first answer is kept.
    memories: HashMap<String, Vec<u8>>,
    error: Option<String>,
}

impl StateReader {
    pub(super) fn new(store: Store<CallState>, instance: Instance) -> Self {
        Self { store, instance, memories: HashMap::new(), error: None }
    }

    /// What went wrong first.
    pub(super) fn finish(self) -> Option<String> {
        self.error
    }

    fn func<R>(&mut self, instance: &str, func: &str) -> wasmtime::Result<TypedFunc<(), (R,)>>
    where
        (R,): ComponentNamedList + Lift,
    {
        let missing = || wasmtime::format_err!("`{instance}` has no `{func}`");
        let (_, exports) = self.instance.get_export(&mut self.store, None, instance).ok_or_else(missing)?;
        let (_, export) =
            self.instance.get_export(&mut self.store, Some(&exports), func).ok_or_else(missing)?;
        self.instance.get_typed_func(&mut self.store, export)
    }

    fn number<R>(&mut self, instance: &str, func: &str) -> R
    where
        R: Default + 'static,
        (R,): ComponentNamedList + Lift,
    {
        let read = self.func::<R>(instance, func).and_then(|func| func.call(&mut self.store, ()));
        match read {
            Ok((number,)) => number,
            Err(error) => {
                self.fail(func, &error);
                R::default()
            }
        }
    }

    fn memory(&mut self, instance: &str, func: &str) -> wasmtime::Result<Vec<u8>> {
        let (list,) = self.func::<WasmList<u8>>(instance, func)?.call(&mut self.store, ())?;
        Ok(list.as_le_slice(&self.store).to_vec())
    }

    fn fail(&mut self, func: &str, error: &wasmtime::Error) {
        self.error.get_or_insert_with(|| format!("reading `{func}` failed: {error:#}"));
    }
}

impl ComponentInstanceState for StateReader {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        if !self.memories.contains_key(func) {
            let bytes = self.memory(instance, func).unwrap_or_else(|error| {
                self.fail(func, &error);
                Vec::new()
            });
            self.memories.insert(func.to_owned(), bytes);
        }
        contents(self.memories.get(func).map(Vec::as_slice).unwrap_or_default());
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.number(instance, func)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.number(instance, func)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.number::<f32>(instance, func).to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.number::<f64>(instance, func).to_bits()
    }
}
