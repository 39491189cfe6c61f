use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::CallError;

/// A client configuration of its own, so that no provider has to be installed for the process.
///
/// With `roots` exactly those are trusted, otherwise those of the system. A system without any
/// still gets a configuration, one that trusts nobody, and the problem in words.
///
/// # Errors
/// If `roots` are no certificates.
pub fn client_config(roots: &[Vec<u8>]) -> Result<(ClientConfig, Option<String>), CallError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| CallError::unsent(error.to_string()))?;
    if !roots.is_empty() {
        let config = builder.with_root_certificates(store(roots)?).with_no_client_auth();
        return Ok((config, None));
    }
    Ok(match Verifier::new(provider) {
        Ok(verifier) => {
            let verifier = Arc::new(verifier);
            let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
            (builder.with_no_client_auth(), None)
        }
        Err(error) => {
            let config = builder.with_root_certificates(RootCertStore::empty());
            (config.with_no_client_auth(), Some(error.to_string()))
        }
    })
}

fn store(roots: &[Vec<u8>]) -> Result<RootCertStore, CallError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store
            .add(CertificateDer::from_slice(root).into_owned())
            .map_err(|error| CallError::unsent(error.to_string()))?;
    }
    Ok(store)
}
