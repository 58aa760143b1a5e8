//! The check of one certificate against one authority.
//!
//! xCAT's authority signs directly: there are no intermediate certificates, and none are followed. Accepted is what is
//! issued and signed by a certificate of the authority's file, valid now, no authority itself, meant for the purpose,
//! and without critical extensions that are not understood.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// What a certificate is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A client proves who it is; the certificate must name this purpose.
    Client,
    /// A server proves who it is; a certificate that names no purpose will do.
    Server,
}

/// Why a certificate, or an authority, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The file holds no certificate.
    #[error("there is no certificate in the authority's file")]
    NoAuthority,
    /// The bytes are no certificate.
    #[error("the certificate cannot be read: {0}")]
    Malformed(String),
    /// It is not valid now.
    #[error("the certificate is valid from {from} to {to}, not now")]
    NotValidNow {
        /// Its first moment.
        from: String,
        /// Its last moment.
        to: String,
    },
    /// Another authority issued it.
    #[error("the certificate was issued by '{0}', not by this authority")]
    UnknownIssuer(String),
    /// Its signature is not the authority's.
    #[error("the certificate's signature is wrong")]
    BadSignature,
    /// It is an authority's certificate.
    #[error("an authority's certificate does not identify a peer")]
    IsAuthority,
    /// It is for something else.
    #[error("the certificate is not meant for this purpose")]
    WrongPurpose,
    /// It has a critical extension that is not understood.
    #[error("the certificate has an unknown critical extension {0}")]
    UnknownCritical(String),
}

/// The certificates of an authority.
#[derive(Clone, Debug)]
pub struct Authority(Vec<CertificateDer<'static>>);

impl Authority {
    /// Reads the certificates of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates =
            certificates.map_err(|error| CertificateError::Malformed(error.to_string()))?;
        if certificates.is_empty() {
            return Err(CertificateError::NoAuthority);
        }
        for certificate in &certificates {
            parse(certificate)?;
        }
        Ok(Self(certificates))
    }

    /// Whether the key whose public half is `public` (a DER `SubjectPublicKeyInfo`) is this authority's.
    pub fn has_key(&self, public: &[u8]) -> bool {
        let is_its = |own: &CertificateDer<'_>| {
            parse(own).is_ok_and(|certificate| certificate.public_key().raw == public)
        };
        self.0.iter().any(is_its)
    }

    /// Checks `certificate` at `now`, in seconds since the Unix epoch.
    pub fn check(
        &self,
        certificate: &[u8],
        purpose: Purpose,
        now: i64,
    ) -> Result<(), CertificateError> {
        let peer = parse(certificate)?;
        check_validity(&peer, now)?;
        self.check_issuer(&peer, now)?;
        check_extensions(&peer, purpose)
    }

    fn check_issuer(&self, peer: &X509Certificate<'_>, now: i64) -> Result<(), CertificateError> {
        let mut error = CertificateError::UnknownIssuer(peer.issuer().to_string());
        for authority in &self.0 {
            let authority = parse(authority)?;
            if authority.subject().as_raw() != peer.issuer().as_raw() || !authority.is_ca() {
                continue;
            }
            let valid = check_validity(&authority, now);
            let signed = peer.verify_signature(Some(authority.public_key()));
            match valid.and(signed.map_err(|_| CertificateError::BadSignature)) {
                Ok(()) => return Ok(()),
                Err(reason) => error = reason,
            }
        }
        Err(error)
    }
}

/// The name in a certificate's subject: the text after `CN=` up to the next `/`.
pub fn common_name(certificate: &[u8]) -> Option<String> {
    let certificate = parse(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    let name = name.split('/').next().unwrap_or_default();
    (!name.is_empty()).then(|| name.to_owned())
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(CertificateError::Malformed("bytes follow it".to_owned())),
        Err(error) => Err(CertificateError::Malformed(error.to_string())),
    }
}

fn check_validity(certificate: &X509Certificate<'_>, now: i64) -> Result<(), CertificateError> {
    let validity = certificate.validity();
    let now = ASN1Time::from_timestamp(now)
        .map_err(|error| CertificateError::Malformed(error.to_string()))?;
    if validity.is_valid_at(now) {
        return Ok(());
    }
    let (from, to) = (validity.not_before.to_string(), validity.not_after.to_string());
    Err(CertificateError::NotValidNow { from, to })
}

fn check_extensions(
    certificate: &X509Certificate<'_>,
    purpose: Purpose,
) -> Result<(), CertificateError> {
    if certificate.is_ca() {
        return Err(CertificateError::IsAuthority);
    }
    let unknown = certificate.extensions().iter().find(|extension| {
        extension.critical
            && matches!(
                extension.parsed_extension(),
                ParsedExtension::UnsupportedExtension { .. }
                    | ParsedExtension::ParseError { .. }
                    | ParsedExtension::Unparsed
                    | ParsedExtension::NameConstraints(_)
            )
    });
    if let Some(extension) = unknown {
        return Err(CertificateError::UnknownCritical(extension.oid.to_id_string()));
    }
    let usage = certificate
        .extended_key_usage()
        .map_err(|error| CertificateError::Malformed(error.to_string()))?
        .map(|extension| extension.value);
    let fits = match (purpose, usage) {
        (Purpose::Client, Some(usage)) => usage.client_auth || usage.any,
        (Purpose::Server, Some(usage)) => usage.server_auth || usage.any,
        (Purpose::Client, None) => false,
        (Purpose::Server, None) => true,
    };
    if fits { Ok(()) } else { Err(CertificateError::WrongPurpose) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyPair, date_time_ymd,
    };

    const NOW: i64 = 1_800_000_000;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(1960, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        params
    }

    fn authority(name: &str) -> (Authority, Issuer<'static, KeyPair>) {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (Authority::from_pem(certificate.pem().as_bytes()).unwrap(), Issuer::new(params, key))
    }

    fn client(issuer: &Issuer<'_, KeyPair>, change: impl Fn(&mut CertificateParams)) -> Vec<u8> {
        let mut params = params("root");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_whose_validity_begins_in_1960_is_accepted_and_names_its_owner() {
        let (authority, issuer) = authority("xCAT CA");
        let certificate = client(&issuer, |_| {});
        assert_eq!(authority.check(&certificate, Purpose::Client, NOW), Ok(()));
        assert_eq!(common_name(&certificate).as_deref(), Some("root"));
    }

    #[test]
    fn each_defect_is_refused_with_its_reason() {
        let (authority, issuer) = authority("xCAT CA");
        let (_, impostor) = super::tests::authority("xCAT CA");
        let (_, stranger) = super::tests::authority("other CA");
        let check =
            |certificate: &[u8]| authority.check(certificate, Purpose::Client, NOW).unwrap_err();

        assert_eq!(check(&client(&impostor, |_| {})), CertificateError::BadSignature);
        assert!(matches!(check(&client(&stranger, |_| {})), CertificateError::UnknownIssuer(_)));
        let expired = client(&issuer, |params| params.not_after = date_time_ymd(1999, 1, 1));
        assert!(matches!(check(&expired), CertificateError::NotValidNow { .. }));
        let early = client(&issuer, |params| params.not_before = date_time_ymd(2039, 1, 1));
        assert!(matches!(check(&early), CertificateError::NotValidNow { .. }));
        let server = client(&issuer, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        assert_eq!(check(&server), CertificateError::WrongPurpose);
        let purposeless = client(&issuer, |params| params.extended_key_usages.clear());
        assert_eq!(check(&purposeless), CertificateError::WrongPurpose);
        let second_authority =
            client(&issuer, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
        assert_eq!(check(&second_authority), CertificateError::IsAuthority);
        let mut broken = client(&issuer, |_| {});
        broken.push(0);
        assert!(matches!(check(&broken), CertificateError::Malformed(_)));
        assert!(matches!(check(b"junk"), CertificateError::Malformed(_)));
    }

    #[test]
    fn a_file_without_certificates_is_no_authority() {
        assert_eq!(Authority::from_pem(b"").unwrap_err(), CertificateError::NoAuthority);
    }
}
