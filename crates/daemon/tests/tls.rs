//! TLS: who is recognized, who is refused, and what an anonymous peer may ask.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use support::TestDaemon;

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_authority_identifies_root() {
    let daemon = TestDaemon::start().await;
    let said = daemon.xcat_tls(&daemon.credentials(), &["lsdef", "-t", "osimage"]).await;
    assert_eq!((said.status, said.out.lines().count()), (0, 2), "{}{}", said.out, said.err);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_only_what_the_policy_allows_is_answered() {
    let daemon = TestDaemon::start().await;
    let nowhere = daemon.dir.path().join("nowhere");
    let denied = daemon.xcat_tls(&nowhere, &["nodels"]).await;
    assert_eq!((denied.status, &*denied.err), (1, "Error: Permission denied for request\n"));
    assert!(denied.out.starts_with("warning: there are no client certificates"), "{}", denied.out);
    let allowed = daemon.xcat_tls(&nowhere, &["lsxcatd", "-v"]).await;
    assert_eq!(allowed.status, 0);
    daemon.stop().await;
}

type Change = fn(&mut CertificateParams);

/// Writes a credential that `change` has spoilt; signed by the daemon's authority or by a stranger.
fn credential(
    daemon: &TestDaemon,
    by_stranger: bool,
    change: impl Fn(&mut CertificateParams),
) -> std::path::PathBuf {
    let ca = daemon.config.state.join("pki/ca");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let authority = read(&ca.join("ca-cert.pem"));
    let key = KeyPair::from_pem(&read(&ca.join("private/ca-key.pem"))).unwrap();
    let issuer = if by_stranger {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "xCAT CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Issuer::new(params, KeyPair::generate().unwrap())
    } else {
        Issuer::from_ca_cert_pem(&authority, key).unwrap()
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "root");
    params.not_before = date_time_ymd(1960, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let own = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&own, &issuer).unwrap().pem();
    let directory = daemon.dir.path().join("credential");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("client-cred.pem"), certificate + &own.serialize_pem()).unwrap();
    std::fs::write(directory.join("ca.pem"), authority).unwrap();
    directory
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_from_1960_are_accepted_and_bad_ones_are_refused() {
    let daemon = TestDaemon::start().await;
    let good = credential(&daemon, false, |_| ());
    assert_eq!(daemon.xcat_tls(&good, &["nodels"]).await.status, 0);
    let spoilt: [(bool, Change); 4] = [
        (true, |_| ()),
        (false, |params| params.not_after = date_time_ymd(1999, 1, 1)),
        (false, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        (false, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
    ];
    for (by_stranger, change) in spoilt {
        let bad = credential(&daemon, by_stranger, change);
        let refused = daemon.xcat_tls(&bad, &["nodels"]).await;
        assert_ne!(refused.status, 0, "{}", refused.out);
        assert!(
            refused.err.contains("Connection failure") || refused.err.contains("prematurely"),
            "{}",
            refused.err
        );
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_authority_is_not_trusted() {
    let (daemon, other) = (TestDaemon::start().await, TestDaemon::start().await);
    let refused = daemon.xcat_tls(&other.credentials(), &["nodels"]).await;
    assert_ne!(refused.status, 0);
    assert!(refused.err.contains("Connection failure"), "{}", refused.err);
    daemon.stop().await;
    other.stop().await;
}
