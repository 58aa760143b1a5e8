//! The authority's check in the shape that rustls asks for.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError as TlsCertificateError, DigitallySignedStruct, DistinguishedName, Error,
    OtherError, SignatureScheme,
};

use crate::{Authority, CertificateError, Purpose};

/// The cryptography that all our TLS uses.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Accepts clients without a certificate and those whose certificate is the authority's.
#[derive(Debug)]
pub struct ClientVerifier {
    authority: Authority,
    provider: Arc<CryptoProvider>,
}

impl ClientVerifier {
    /// A verifier for clients of `authority`.
    pub fn new(authority: Authority) -> Self {
        Self { authority, provider: provider() }
    }
}

/// Accepts servers whose certificate is the authority's, whatever name they are called by: like the original client.
#[derive(Debug)]
pub struct ServerVerifier {
    authority: Authority,
    provider: Arc<CryptoProvider>,
}

impl ServerVerifier {
    /// A verifier for servers of `authority`.
    pub fn new(authority: Authority) -> Self {
        Self { authority, provider: provider() }
    }
}

/// Accepts every server: for a user who has no certificates yet, after a warning.
#[derive(Debug)]
pub struct AnyServer(Arc<CryptoProvider>);

impl Default for AnyServer {
    fn default() -> Self {
        Self(provider())
    }
}

macro_rules! handshake_signatures {
    (|$self:ident| $provider:expr) => {
        fn verify_tls12_signature(
            &$self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(
                message,
                certificate,
                signed,
                &$provider.signature_verification_algorithms,
            )
        }

        fn verify_tls13_signature(
            &$self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(
                message,
                certificate,
                signed,
                &$provider.signature_verification_algorithms,
            )
        }

        fn supported_verify_schemes(&$self) -> Vec<SignatureScheme> {
            $provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        check(&self.authority, certificate, Purpose::Client, now)?;
        Ok(ClientCertVerified::assertion())
    }

    handshake_signatures!(|self| self.provider);
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        check(&self.authority, certificate, Purpose::Server, now)?;
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!(|self| self.provider);
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!(|self| self.0);
}

fn check(
    authority: &Authority,
    certificate: &CertificateDer<'_>,
    purpose: Purpose,
    now: UnixTime,
) -> Result<(), Error> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    authority.check(certificate, purpose, now).map_err(|error| {
        Error::InvalidCertificate(match error {
            CertificateError::Malformed(_) => TlsCertificateError::BadEncoding,
            CertificateError::UnknownIssuer(_) => TlsCertificateError::UnknownIssuer,
            CertificateError::BadSignature => TlsCertificateError::BadSignature,
            CertificateError::WrongPurpose => TlsCertificateError::InvalidPurpose,
            other => TlsCertificateError::Other(OtherError(Arc::new(other))),
        })
    })
}
