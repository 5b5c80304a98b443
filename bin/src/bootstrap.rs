//! Which servers a command talks to, and the connection to their cluster.

use std::time::Duration;

use corelog_client::blocking::Cluster;
use corelog_client::security::ClientSecurity;
use corelog_client::{ClientConfig, Endpoint};

use crate::advice::failure;
use crate::connection::Connection;
use crate::failure::Failure;

/// How long a command tries: somebody is waiting in front of it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// The servers to begin with. Every command that talks to a cluster has this argument.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Bootstrap {
    /// Servers to begin with, separated by commas
    #[arg(
        long,
        visible_alias = "bootstrap-server",
        value_name = "HOST:PORT",
        env = "CORELOG_BOOTSTRAP",
        default_value = "127.0.0.1:9092"
    )]
    pub bootstrap: String,
    /// How to encrypt and log in.
    #[command(flatten)]
    pub connection: Connection,
}

impl Bootstrap {
    /// The servers.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, Failure> {
        Endpoint::parse_list(&self.bootstrap).map_err(|error| failure("cannot connect", &error))
    }

    /// How connections to them are secured.
    pub fn security(&self) -> Result<ClientSecurity, Failure> {
        self.connection.security()
    }

    /// Connects to the first server that answers.
    pub fn connect(&self) -> Result<Cluster, Failure> {
        let connected = Cluster::connect(&self.endpoints()?, self.client_config()?);
        connected.map_err(|error| failure("cannot connect", &error))
    }

    /// The same for a command that runs a tokio runtime.
    pub async fn connect_async(&self) -> Result<corelog_client::Cluster, Failure> {
        let (endpoints, config) = (self.endpoints()?, self.client_config()?);
        let connected = corelog_client::Cluster::connect(&endpoints, config).await;
        connected.map_err(|error| failure("cannot connect", &error))
    }

    fn client_config(&self) -> Result<ClientConfig, Failure> {
        Ok(ClientConfig {
            client_id: "corelog".to_owned(),
            operation_timeout: OPERATION_TIMEOUT,
            security: self.security()?,
            ..ClientConfig::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    fn bootstrap(text: &str) -> Bootstrap {
        Bootstrap { bootstrap: text.to_owned(), connection: Connection::default() }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_a_wrong_command_line() {
        let failure = bootstrap("a:b").connect().unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert_eq!(
            failure.to_string(),
            "cannot connect: \"a:b\" is no list of HOST:PORT: a port is a number from 1 to 65535: \
             write --bootstrap HOST:PORT, several separated by commas"
        );
    }

    #[test]
    fn nobody_listening_is_an_exit_code_of_its_own() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let failure = bootstrap(&address).connect().unwrap_err();
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert!(failure.to_string().contains(&address), "{failure}");
    }
}
