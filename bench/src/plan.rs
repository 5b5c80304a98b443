//! Planning: what this machine can do for a log, and how much of it a workload needs.
//!
//! What decides is pure: [`quantity`] and [`demand`] read what is asked for, [`profile`] holds what
//! was measured, [`model`] says what a core does at a load, [`size`] how many brokers that takes,
//! [`compare`] how well it was predicted. Drivers measure: [`probe`] the machine, [`calibrate`] a
//! broker on it, [`broker`] starts that broker and ends it.

pub mod broker;
pub mod calibrate;
pub mod compare;
pub mod demand;
pub mod distribution;
pub mod fit;
pub mod metrics;
pub mod model;
pub mod probe;
pub mod profile;
pub mod quantity;
pub mod size;
