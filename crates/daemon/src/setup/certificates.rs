//! The authority of this management node and the certificates that it issues: made at the first start, checked at every
//! later one, and issued anew when they are missing or no longer valid. The key of the authority is never replaced while it
//! is there: nodes and clients hold its certificate.
//!
//! ```text
//! key    certificate  what becomes of it
//! there  there        kept, or the start refused when they do not fit or cannot be read
//! there  lost         signed again with the key: what it issued, and what nodes and clients hold, stays valid
//! lost   there        the start is refused: only a backup helps, or to remove both
//! lost   lost         made; when nodes and clients may know another one, that is said (ADR 0102)
//! ```
//!
//! Keys are ECDSA P-256. Certificates begin a day ago, because clocks differ, and are valid for twenty years, as xCAT's.

use std::path::{Path, PathBuf};

use base::{ErrorKind, Failure, Timestamp, chain};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::setup::files::{self, FileError};
use crate::setup::start::Past;

const DAY: i64 = 24 * 60 * 60;
const VALID_YEARS: i32 = 20;
/// A certificate that ends sooner than this is issued anew.
const MARGIN: i64 = 30 * DAY;

/// Why there are no usable certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot issue a certificate")]
    Issue(#[from] rcgen::Error),
    #[error("the authority in {path} cannot be used: {reason}")]
    Authority { path: PathBuf, reason: String },
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        let failure = Self::new(ErrorKind::Conflict, chain(&error));
        match error {
            SetupError::Authority { path, .. } => {
                let path = path.display();
                failure.hint(format!("restore it from a backup, or remove {path} to get a new one, which old clients will not know"))
            }
            SetupError::File(_) | SetupError::Issue(_) => failure,
        }
    }
}

/// Where the certificates are, below the state directory.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    root: PathBuf,
}

impl Places {
    pub(crate) fn new(state: &Path) -> Self {
        Self { root: state.join("pki") }
    }

    /// `/etc/xcat/ca`: the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.root.join("ca")
    }

    /// `/etc/xcat/cert`: the server's certificate.
    pub(crate) fn server(&self) -> PathBuf {
        self.root.join("cert")
    }

    /// `/root/.xcat`: the certificate of the local root.
    pub(crate) fn client(&self) -> PathBuf {
        self.root.join("client")
    }
}

/// Certificates that were checked and can be served with.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// The authority, in PEM.
    pub(crate) authority: String,
    /// The server's certificate followed by its key, in PEM.
    pub(crate) server: String,
    /// How we came to the authority.
    pub(crate) origin: Origin,
}

/// How a start came to its authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was there.
    Kept,
    /// Its certificate was lost and has been signed again with its key.
    SignedAgain,
    /// There was none.
    Made,
}

/// What an administrator should know about the authority.
pub(crate) fn notice(places: &Places, origin: Origin, past: Past) -> Option<String> {
    let authority = places.authority();
    match (origin, past) {
        // Nobody holds a certificate yet; one without a key means that a first start was cut short.
        (Origin::Kept, _) | (Origin::SignedAgain | Origin::Made, Past::New) => None,
        (Origin::SignedAgain, Past::Known) => Some(format!(
            "{}/ca-cert.pem was lost and has been signed again with the key of the authority: what it issued stays valid, and nodes and clients may keep the one they have",
            authority.display()
        )),
        (Origin::Made, Past::Known) => Some(format!(
            "there was no certificate authority in {}, and a new one was made: nodes and clients must get the new ca-cert.pem, nodes by booting again, clients by a copy of {}; a backup of {} would have kept the old one",
            authority.display(),
            places.client().display(),
            places.root.display()
        )),
    }
}

/// Makes what is missing and returns what is in place.
pub(crate) fn ensure(
    places: &Places,
    names: &[String],
    now: Timestamp,
) -> Result<Certificates, SetupError> {
    for directory in [places.root.clone(), places.client(), places.authority().join("private")] {
        files::directory(&directory, 0o700)?;
    }
    files::directory(&places.authority(), 0o755)?;
    files::directory(&places.server(), 0o755)?;
    let (authority, issuer, origin) = authority(places, now)?;
    let server = credential(&places.server(), "server", &authority, pki::Purpose::Server, now)?;
    let server = match server {
        Some(server) => server,
        None => issue_server(places, names, &issuer, now)?,
    };
    let client = credential(&places.client(), "client", &authority, pki::Purpose::Client, now)?;
    if client.is_none() {
        let (certificate, key) =
            issue("root", &[], &[ExtendedKeyUsagePurpose::ClientAuth], &issuer, now)?;
        let path = places.client().join("client-cred.pem");
        files::write(&path, format!("{certificate}{key}").as_bytes(), 0o600)?;
    }
    for directory in [places.server(), places.client()] {
        files::ensure(&directory.join("ca.pem"), authority.as_bytes(), 0o644)?;
    }
    Ok(Certificates { authority, server, origin })
}

/// Removes the certificates of the server and of root, so that [`ensure`] issues new ones. The authority stays: nodes and
/// clients know it.
pub(crate) fn forget(places: &Places) -> Result<(), SetupError> {
    files::remove(&places.server().join("server-cred.pem"))?;
    files::remove(&places.client().join("client-cred.pem"))?;
    Ok(())
}

type Signer = Issuer<'static, KeyPair>;

/// Reads the authority, and makes what is lost of it if that can be.
fn authority(places: &Places, now: Timestamp) -> Result<(String, Signer, Origin), SetupError> {
    let certificate_path = places.authority().join("ca-cert.pem");
    let key_path = places.authority().join("private/ca-key.pem");
    let found = (files::read_filled(&certificate_path)?, files::read_filled(&key_path)?);
    let unusable = |reason: String| SetupError::Authority { path: places.authority(), reason };
    let parsed = |key: &str| KeyPair::from_pem(key).map_err(|error| unusable(error.to_string()));
    let (key, origin) = match found {
        (Some(certificate), Some(key)) => {
            let issuer = whole(&certificate, parsed(&key)?).map_err(unusable)?;
            return Ok((certificate, issuer, Origin::Kept));
        }
        (Some(_), None) => return Err(unusable("its key is missing".to_owned())),
        (None, Some(key)) => (parsed(&key)?, Origin::SignedAgain),
        (None, None) => (KeyPair::generate()?, Origin::Made),
    };
    if origin == Origin::Made {
        // The key is written first: it is what cannot be had again.
        files::write(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
    }
    let (certificate, issuer) = self_signed(key, now)?;
    files::write(&certificate_path, certificate.as_bytes(), 0o644)?;
    Ok((certificate, issuer, origin))
}

/// The authority of a certificate and a key, or why they are none.
fn whole(certificate: &str, key: KeyPair) -> Result<Signer, String> {
    let own =
        pki::Authority::from_pem(certificate.as_bytes()).map_err(|error| error.to_string())?;
    if !own.has_key(&key.subject_public_key_info()) {
        return Err("its key belongs to another certificate".to_owned());
    }
    Issuer::from_ca_cert_pem(certificate, key).map_err(|error| error.to_string())
}

fn self_signed(key: KeyPair, now: Timestamp) -> Result<(String, Signer), SetupError> {
    let mut params = params("xCAT CA", now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?.pem();
    Ok((certificate, Issuer::new(params, key)))
}

fn issue_server(
    places: &Places,
    names: &[String],
    issuer: &Signer,
    now: Timestamp,
) -> Result<String, SetupError> {
    let usages = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let name = names.first().map_or("xcatmn", String::as_str);
    let (certificate, key) = issue(name, names, &usages, issuer, now)?;
    let directory = places.server();
    let both = format!("{certificate}{key}");
    files::write(&directory.join("server-key.pem"), key.as_bytes(), 0o600)?;
    files::write(&directory.join("server-cert.pem"), certificate.as_bytes(), 0o644)?;
    files::write(&directory.join("server-cred.pem"), both.as_bytes(), 0o600)?;
    Ok(both)
}

/// Issues a certificate; returns it and its key in PEM.
fn issue(
    name: &str,
    alternatives: &[String],
    usages: &[ExtendedKeyUsagePurpose],
    issuer: &Signer,
    now: Timestamp,
) -> Result<(String, String), SetupError> {
    let mut params = params(name, now);
    params.subject_alt_names = CertificateParams::new(alternatives.to_vec())?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = usages.to_vec();
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn params(name: &str, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let start = jiff::Timestamp::from_second(now.unix_seconds() - DAY).unwrap_or_default();
    let date = start.to_zoned(jiff::tz::TimeZone::UTC).date();
    let month = u8::try_from(date.month()).unwrap_or(1);
    let day = u8::try_from(date.day()).unwrap_or(1).min(28);
    params.not_before = rcgen::date_time_ymd(date.year().into(), month, day);
    params.not_after = rcgen::date_time_ymd(i32::from(date.year()) + VALID_YEARS, month, day);
    params
}

/// The credential `NAME-cred.pem`, if it is there, of this authority, and valid for a while yet.
fn credential(
    directory: &Path,
    name: &str,
    authority: &str,
    purpose: pki::Purpose,
    now: Timestamp,
) -> Result<Option<String>, SetupError> {
    let Some(text) = files::read(&directory.join(format!("{name}-cred.pem")))? else {
        return Ok(None);
    };
    let issuer = pki::Authority::from_pem(authority.as_bytes());
    let certificate = CertificateDer::from_pem_slice(text.as_bytes());
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(text.as_bytes());
    let usable = match (issuer, certificate, key) {
        (Ok(issuer), Ok(certificate), Ok(_)) => [now.unix_seconds(), now.unix_seconds() + MARGIN]
            .iter()
            .all(|now| issuer.check(&certificate, purpose, *now).is_ok()),
        _ => false,
    };
    if !usable {
        tracing::warn!(name, directory = %directory.display(), "issuing a certificate anew: the old one cannot be used any more");
    }
    Ok(usable.then_some(text))
}

/// The name in the server's certificate.
pub(crate) fn server_name(certificates: &Certificates) -> Option<String> {
    let certificate = CertificateDer::from_pem_slice(certificates.server.as_bytes()).ok()?;
    pki::common_name(&certificate)
}

#[cfg(test)]
mod tests {
    use rustls::client::danger::ServerCertVerifier;
    use rustls::server::danger::ClientCertVerifier;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);

    fn names() -> Vec<String> {
        vec!["mn".to_owned(), "mn.cluster".to_owned()]
    }

    fn bytes(path: &Path) -> Vec<u8> {
        std::fs::read(path).unwrap()
    }

    #[test]
    fn certificates_are_made_once_and_identify_root_and_the_server() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::new(dir.path());
        let first = ensure(&places, &names(), NOW).unwrap();
        let second = ensure(&places, &["other".to_owned()], NOW).unwrap();
        assert_eq!((&first.authority, &first.server), (&second.authority, &second.server));
        assert_eq!(server_name(&first).as_deref(), Some("mn"));
        let client = bytes(&places.client().join("client-cred.pem"));
        let client = CertificateDer::from_pem_slice(&client).unwrap();
        assert_eq!(pki::common_name(&client).as_deref(), Some("root"));
        let authority = pki::Authority::from_pem(first.authority.as_bytes()).unwrap();
        authority.check(&client, pki::Purpose::Client, NOW.unix_seconds()).unwrap();
        assert!(authority.check(&client, pki::Purpose::Server, NOW.unix_seconds()).is_err());
    }

    #[test]
    fn what_is_lost_or_expired_is_issued_anew_by_the_same_authority() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::new(dir.path());
        let first = ensure(&places, &names(), NOW).unwrap();
        std::fs::write(places.client().join("client-cred.pem"), "junk").unwrap();
        let later = Timestamp::from_unix_millis(NOW.unix_millis() + 15 * 365 * DAY * 1000);
        let second = ensure(&places, &names(), later).unwrap();
        assert_eq!((&first.authority, &first.server), (&second.authority, &second.server));
        assert_ne!(bytes(&places.client().join("client-cred.pem")), b"junk");
        let end = Timestamp::from_unix_millis(NOW.unix_millis() + 20 * 365 * DAY * 1000);
        assert_ne!(ensure(&places, &names(), end).unwrap().server, first.server);
    }

    #[test]
    fn what_is_forgotten_is_issued_anew_by_the_same_authority() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::new(dir.path());
        let first = ensure(&places, &names(), NOW).unwrap();
        forget(&places).unwrap();
        forget(&places).unwrap();
        let second = ensure(&places, &names(), NOW).unwrap();
        assert_eq!(first.authority, second.authority);
        assert_ne!(first.server, second.server);
    }

    /// Whether both verifiers of a handshake accept the credentials that are in place, by the authority in `pem`.
    fn verified_by(places: &Places, pem: &str) -> bool {
        let der = |path: PathBuf| CertificateDer::from_pem_slice(&bytes(&path)).unwrap();
        let now = rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            NOW.unix_seconds().cast_unsigned(),
        ));
        let authority = || pki::Authority::from_pem(pem.as_bytes()).unwrap();
        let server = der(places.server().join("server-cred.pem"));
        let name = "mn".try_into().unwrap();
        let server =
            pki::ServerVerifier::new(authority()).verify_server_cert(&server, &[], &name, &[], now);
        let client = der(places.client().join("client-cred.pem"));
        let client = pki::ClientVerifier::new(authority()).verify_client_cert(&client, &[], now);
        server.is_ok() && client.is_ok()
    }

    #[test]
    fn a_lost_certificate_of_the_authority_is_signed_again_and_all_sides_still_trust_each_other() {
        for remains in [None, Some("")] {
            let dir = tempfile::tempdir().unwrap();
            let places = Places::new(dir.path());
            let certificate = places.authority().join("ca-cert.pem");
            let key = || bytes(&places.authority().join("private/ca-key.pem"));
            let (first, old_key) = (ensure(&places, &names(), NOW).unwrap(), key());
            std::fs::remove_file(&certificate).unwrap();
            if let Some(text) = remains {
                std::fs::write(&certificate, text).unwrap();
            }
            let second = ensure(&places, &names(), NOW).unwrap();
            assert_eq!((second.origin, key()), (Origin::SignedAgain, old_key));
            assert_eq!(second.server, first.server, "nothing has to be issued anew");
            assert!(verified_by(&places, &second.authority), "the old credentials");
            forget(&places).unwrap();
            let third = ensure(&places, &names(), NOW).unwrap();
            assert_eq!((third.origin, &third.authority), (Origin::Kept, &second.authority));
            assert!(verified_by(&places, &first.authority), "whoever holds the lost certificate");
        }
    }

    #[test]
    fn an_authority_that_is_gone_is_made_and_said_when_somebody_may_know_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::new(dir.path());
        let first = ensure(&places, &names(), NOW).unwrap();
        std::fs::remove_dir_all(&places.root).unwrap();
        let second = ensure(&places, &names(), NOW).unwrap();
        assert_eq!((first.origin, second.origin), (Origin::Made, Origin::Made));
        assert!(verified_by(&places, &second.authority));
        assert!(!verified_by(&places, &first.authority));
        for (origin, past, words) in [
            (Origin::Kept, Past::New, None),
            (Origin::Kept, Past::Known, None),
            (Origin::Made, Past::New, None),
            (Origin::SignedAgain, Past::New, None),
            (Origin::SignedAgain, Past::Known, Some(["ca-cert.pem was lost", "stays valid"])),
            (Origin::Made, Past::Known, Some(["must get the new ca-cert.pem", "/pki would have"])),
        ] {
            let told = notice(&places, origin, past);
            let is_told = |words: [&str; 2]| {
                told.as_ref().is_some_and(|told| words.iter().all(|word| told.contains(word)))
            };
            assert!(words.map_or(told.is_none(), is_told), "{origin:?} {past:?}: {told:?}");
        }
    }

    #[test]
    fn a_damaged_authority_is_reported_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::new(dir.path());
        ensure(&places, &names(), NOW).unwrap();
        std::fs::write(places.authority().join("private/ca-key.pem"), "junk").unwrap();
        let failure = Failure::from(ensure(&places, &names(), NOW).unwrap_err());
        assert!(failure.message.contains("cannot be used") && failure.hint.is_some());
        let other = KeyPair::generate().unwrap().serialize_pem();
        std::fs::write(places.authority().join("private/ca-key.pem"), other).unwrap();
        let failure = Failure::from(ensure(&places, &names(), NOW).unwrap_err());
        assert!(failure.message.contains("another certificate"), "{failure}");
        let certificate = bytes(&places.authority().join("ca-cert.pem"));
        std::fs::remove_file(places.authority().join("private/ca-key.pem")).unwrap();
        let failure = Failure::from(ensure(&places, &names(), NOW).unwrap_err());
        assert!(failure.message.contains("its key is missing"), "{failure}");
        assert_eq!(bytes(&places.authority().join("ca-cert.pem")), certificate);
    }
}
