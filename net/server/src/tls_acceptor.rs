//! The TLS settings of a listener, which may change while it listens. Shared by all cores; touched
//! only when a connection opens.

use std::sync::{Arc, Mutex, MutexGuard};

use corelog_security::Principal;
use corelog_security::distinguished_name::subject_of;
use corelog_security::mapping_rules::MappingRules;
use corelog_security::rustls::ServerConfig;
use corelog_security::tls::{ServerTls, TlsError};

/// Accepts TLS connections. Clones share the settings.
#[derive(Debug, Clone)]
pub struct TlsAcceptor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Mutex<Arc<ServerConfig>>,
    rules: MappingRules,
}

impl TlsAcceptor {
    /// Accepts with these settings. `rules` make users out of the subjects of certificates.
    pub fn new(settings: &ServerTls, rules: MappingRules) -> Result<Self, TlsError> {
        let config = Mutex::new(settings.build()?);
        Ok(Self { shared: Arc::new(Shared { config, rules }) })
    }

    /// Uses other settings from the next connection on. If they cannot be used, nothing changes.
    pub fn replace(&self, settings: &ServerTls) -> Result<(), TlsError> {
        *self.lock() = settings.build()?;
        Ok(())
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.lock())
    }

    /// Who shows this certificate; `None` if no rule makes a user of it.
    pub(crate) fn principal_of(&self, certificate: &[u8]) -> Option<Principal> {
        let subject = subject_of(certificate).ok()?;
        self.shared.rules.name_of(&subject).map(Principal::user)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<ServerConfig>> {
        self.shared.config.lock().expect("nobody panics while taking a reference")
    }
}
