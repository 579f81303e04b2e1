//! The rules of the merge, by table and property.
