//! The bundled plugins as WebAssembly, from delivery to queue. What each knows of its format is tested
//! beside it; here is what holds only through the whole.

mod cloudevents;
mod compile;
mod email;
mod escalate_on_silence;
mod feed;
mod keyword_router;
mod reach_priority;
