//! Reads the configuration again: all of it is checked first, then swapped at once; what is broken changes nothing.

use super::certificate::{Certificate, Renewal};
use crate::client_key;
use crate::failure::Failure;
use crate::forms::Plan;
use crate::output;
use lingate_config::{Config, Listen, ListenAddress};
use lingate_gateway::Gateway;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Reads the configuration again.
pub type Reread = Arc<dyn Fn() -> Result<Plan, Failure> + Send + Sync>;

/// What a reload needs.
pub(crate) struct Reload {
    reread: Reread,
    gateway: Weak<Gateway>,
    /// What only a restart changes: the listeners and the data folder.
    fixed: Fixed,
    folder: PathBuf,
    certificates: Vec<Arc<Certificate>>,
    /// One reload at a time.
    turn: Mutex<()>,
}

struct Fixed {
    listen: Vec<Listen>,
    admin: Option<Listen>,
    data_dir: PathBuf,
}

impl Reload {
    pub(super) fn new(
        reread: Reread,
        gateway: &Arc<Gateway>,
        config: &Config,
        folder: PathBuf,
        certificates: Vec<Arc<Certificate>>,
    ) -> Arc<Self> {
        let fixed = Fixed {
            listen: config.listen.clone(),
            admin: config.admin.listen.clone(),
            data_dir: config.data_dir.clone(),
        };
        let gateway = Arc::downgrade(gateway);
        Arc::new(Self { reread, gateway, fixed, folder, certificates, turn: Mutex::new(()) })
    }

    /// Does it. Blocks on the configuration's files.
    ///
    /// # Errors
    /// What is wrong; nothing was changed then. It is logged too.
    pub(crate) fn run(&self) -> Result<(), String> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.swap();
        match &result {
            Ok(()) => tracing::info!("the configuration was reloaded"),
            Err(why) => tracing::error!("the configuration was not reloaded, the old one stays: {why}"),
        }
        result
    }

    fn swap(&self) -> Result<(), String> {
        let plan = (self.reread)().map_err(|failure| failure.to_string())?;
        for warning in &plan.warnings {
            tracing::warn!(key = warning.key, "{}", warning.message);
        }
        let mut config = plan.config;
        let renewals = self.renewals(&config)?;
        self.keep_fixed(&mut config);
        config.check().map_err(|problems| Failure::checks("", problems).to_string())?;
        let key = client_key::ensure(&mut config, &self.folder).map_err(|failure| failure.to_string())?;
        let gateway = self.gateway.upgrade().ok_or("shutting down")?;
        gateway.reload(config)?;
        for (certificate, renewal) in renewals {
            certificate.renew(renewal);
        }
        if let Some(key) = key {
            output::complain(&client_key::announcement(&key));
        }
        Ok(())
    }

    /// Reads the files of every TLS listener, by the new configuration's names.
    fn renewals(&self, config: &Config) -> Result<Vec<(&Arc<Certificate>, Renewal)>, String> {
        let old = self.fixed.listen.iter().chain(&self.fixed.admin);
        let new: Vec<&Listen> = config.listen.iter().chain(&config.admin.listen).collect();
        let files = |address: &ListenAddress| {
            let new = new.iter().find(|listen| listen.address == *address).and_then(|listen| listen.tls.as_ref());
            new.or_else(|| old.clone().find(|listen| listen.address == *address)?.tls.as_ref())
        };
        let mut renewals = Vec::new();
        for certificate in &self.certificates {
            if let Some(files) = files(certificate.address()) {
                renewals.push((certificate, Certificate::read(files)?));
            }
        }
        Ok(renewals)
    }

    /// Listeners stay as they are, also in the configuration: who needs a key depends on them.
    fn keep_fixed(&self, config: &mut Config) {
        let addresses = |list: &[Listen]| list.iter().map(|listen| listen.address.clone()).collect::<Vec<_>>();
        if addresses(&config.listen) != addresses(&self.fixed.listen)
            || config.admin.listen.as_ref().map(|listen| &listen.address)
                != self.fixed.admin.as_ref().map(|listen| &listen.address)
            || config.data_dir != self.fixed.data_dir
        {
            tracing::warn!("changed listeners and data folders take effect at the next start");
        }
        config.listen.clone_from(&self.fixed.listen);
        config.admin.listen.clone_from(&self.fixed.admin);
        config.data_dir.clone_from(&self.fixed.data_dir);
    }
}
