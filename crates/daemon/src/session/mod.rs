//! Clients: connections, requests, policy, answers (spec/protocol.md sections 2 to 6).

mod answer;
mod builtin;
mod connection;
mod gate;
mod identity;
mod listen;
mod login;
mod node;
mod peer;
mod places;
mod request;
mod server;

pub(crate) use answer::refuse;
pub(crate) use connection::{Connection, Guest, LARGE};
pub(crate) use listen::{bind, bind_unix, serve_tls, serve_unix, tls_config};
pub(crate) use peer::{Door, Peer};
pub(crate) use places::Places;
pub(crate) use request::Request;
pub(crate) use server::Server;
