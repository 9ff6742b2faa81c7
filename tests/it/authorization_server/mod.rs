//! The authorization server from outside, each test named by its number in the checklist.

mod straight_line;
