//! The authorization server from outside, each test named by its number in the checklist.

mod asserted;
mod authorization;
mod crosscutting;
mod discovery;
mod operator;
mod pages;
mod provider;
mod refresh;
mod registration;
mod revocation;
mod set_up;
mod straight_line;
mod token;
