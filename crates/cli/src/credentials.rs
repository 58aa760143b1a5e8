//! The caller's certificates, and TLS as the original client sets it up: the server's certificate is checked, its name is
//! not; without certificates the connection is made unchecked, after a warning (spec/protocol.md section 2.3).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, SupportedProtocolVersion};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    #[error("cannot read {path}")]
    Pem { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is no authority's certificate")]
    Authority { path: PathBuf, source: pki::CertificateError },
    #[error("cannot use the client certificate")]
    Tls(#[from] rustls::Error),
}

/// A TLS configuration, and whether the caller must be warned that nothing is checked.
pub(crate) struct Credentials {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) unchecked: bool,
}

/// Reads `client-cred.pem` and `ca.pem` in `directory`, if both are there.
pub(crate) fn load(
    directory: &Path,
    version: Option<&str>,
) -> Result<Credentials, CredentialError> {
    let (own, authority) = (directory.join("client-cred.pem"), directory.join("ca.pem"));
    let readable = |path: &Path| std::fs::File::open(path).is_ok();
    if !readable(&own) || !readable(&authority) {
        let config = builder(version, Arc::new(pki::AnyServer::default()))?.with_no_client_auth();
        return Ok(Credentials { config: Arc::new(config), unchecked: true });
    }
    let pem = std::fs::read(&authority)
        .map_err(|source| CredentialError::Read { path: authority.clone(), source })?;
    let verifier = pki::Authority::from_pem(&pem)
        .map_err(|source| CredentialError::Authority { path: authority, source })?;
    let unreadable = |source| CredentialError::Pem { path: own.clone(), source };
    let certificates = CertificateDer::pem_file_iter(&own)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_file(&own).map_err(unreadable)?;
    let config = builder(version, Arc::new(pki::ServerVerifier::new(verifier)))?
        .with_client_auth_cert(certificates, key)?;
    Ok(Credentials { config: Arc::new(config), unchecked: false })
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn builder(
    version: Option<&str>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Builder, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(pki::provider())
        .with_protocol_versions(versions(version))?
        .dangerous()
        .with_custom_certificate_verifier(verifier))
}

/// The protocol versions that `XCATSSLVER` allows.
fn versions(wanted: Option<&str>) -> &'static [&'static SupportedProtocolVersion] {
    static NEWEST: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    static OLDER: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    match wanted {
        Some("TLSv13" | "TLSv1_3") => NEWEST,
        Some("TLSv12" | "TLSv1_2") => OLDER,
        _ => rustls::ALL_VERSIONS,
    }
}
