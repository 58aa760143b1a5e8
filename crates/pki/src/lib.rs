//! Whom a TLS peer is: certificates of xCAT's private authority, as rustls verifiers for both sides.
//!
//! rustls' own verifier refuses xCAT's certificates, because their validity begins in 1960 and it knows no dates before
//! 1970; so the certificate is checked here and only the handshake signature by rustls. Pure functions over bytes; the
//! time comes from the handshake.

mod authority;
mod verifier;

pub use authority::{Authority, CertificateError, Purpose, common_name};
pub use verifier::{AnyServer, ClientVerifier, ServerVerifier, provider};
