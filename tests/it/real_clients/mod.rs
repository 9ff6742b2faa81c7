//! The way from discovery to a tool's answer with clients that others have written, and with a real browser. Each test says
//! so, and does nothing, where what it needs is not installed; `.ci/run` installs it.

mod chromium;
mod conformance;
mod sdks;
mod tour;
