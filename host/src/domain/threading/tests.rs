//! Threading, by table and property.
