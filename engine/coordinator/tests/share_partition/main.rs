//! What a partition is for a share group: records are given out, taken back and done with, step by
//! step, and against a model that knows each record by itself.

#![allow(clippy::unwrap_used, reason = "the functions that tests share may panic like tests")]

mod acknowledgement;
mod acquisition;
mod loading;
mod properties;
mod rig;
