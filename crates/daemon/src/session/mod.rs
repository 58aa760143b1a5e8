//! Clients: connections, requests, policy, answers (spec/protocol.md sections 2 to 6).

mod answer;
mod connection;
mod gate;
mod listen;
mod login;
mod request;
mod server;

#[cfg(test)]
pub(crate) use gate::Door;
pub(crate) use gate::Peer;
pub(crate) use listen::{bind, bind_unix, serve_tls, serve_unix, tls_config};
pub(crate) use request::Request;
pub(crate) use server::Server;
