//! The command line as its users meet it: these tests start the binary.

mod audit;
mod config;
pub(crate) mod connect;
pub(crate) mod demo;
mod durability;
mod policy;
mod policy_diff;
mod policy_explain;
mod policy_fmt;
mod policy_matrix;
mod policy_test;
pub(crate) mod process;
mod reload;
mod replicas;
mod state;
mod streams;
mod token;
