//! The authorization server from outside, each test named by its number in the checklist.

mod asserted;
mod authorization;
mod behind_tls;
mod client_assertions;
mod client_documents;
mod crosscutting;
mod discovery;
mod kill;
mod leak;
mod machines;
mod opaque;
mod operator;
mod over_tls;
mod pages;
mod provider;
mod refresh;
mod registration;
mod restarts;
mod revocation;
mod set_up;
mod straight_line;
mod token;
