//! HTTP for people and programs: REST with an OpenAPI description, server-sent events, a gateway to
//! blobs, and the page that a manager serves.
//!
//! Start reading at [`router`]. Everything that is sent and taken is defined in `candela_wire::api`;
//! here is how it follows from the farm's state (`view`), how requests become commands (`submit`),
//! and who may ask for what (`guard`).

mod config;
mod desk;
mod extract;
mod forward;
mod guard;
mod history;
mod hub;
pub mod limits;
mod messages;
mod openapi;
mod page;
mod range;
mod rate;
mod refuse;
mod routes;
mod serve;
mod state;
mod submit;
mod uploads;
mod view;

#[cfg(test)]
mod tests;

pub use candela_messages::{MessagesConfig, Sender, SmtpConfig, SmtpTls, WrongMail};
pub use config::{ApiConfig, MessagesPlan};
pub use openapi::openapi;
pub use serve::{ServeError, router, serve};
