//! The metrics page of a broker: where it is, and looks at it when the measured part begins and
//! ends. A page that does not answer costs the run nothing but the numbers on it.

use std::net::IpAddr;
use std::time::Duration;

use corelog_client::Endpoint;

use super::Target;
use crate::plan::metrics::Counts;
use crate::syncs::Syncs;

/// How long a look may take: the run goes on meanwhile, but nobody watches it.
const PATIENCE: Duration = Duration::from_secs(1);

/// A page that has answered once.
#[derive(Debug)]
pub(super) struct MetricsPage {
    address: String,
    version: Option<String>,
    first: Option<Counts>,
    last: Option<Counts>,
}

impl MetricsPage {
    /// The page of a target: where the user says, or else where the target's config says. The
    /// error tells why the user's place is none.
    pub(super) fn find(target: &Target, listen: Option<&str>) -> Result<Option<Self>, String> {
        let open = |address: String| {
            let counts = Counts::read_within(&address, PATIENCE)?;
            let version = counts.version().map(str::to_owned);
            Ok::<_, std::io::Error>(Self { address, version, first: None, last: None })
        };
        if let Some(address) = &target.metrics {
            let refuse = |error| format!("the metrics at {address} cannot be read: {error}");
            return open(address.clone()).map(Some).map_err(refuse);
        }
        let address = listen.and_then(|listen| address_of(listen, &target.bootstrap));
        Ok(address.and_then(|address| open(address).ok()))
    }

    /// The version that the page tells.
    pub(super) fn version(&self) -> Option<String> {
        self.version.clone()
    }

    /// Looks when the measured part begins.
    pub(super) fn begin(&mut self) {
        self.first = self.look();
    }

    /// Looks when it ends.
    pub(super) fn end(&mut self) {
        self.last = self.look();
    }

    fn look(&self) -> Option<Counts> {
        Counts::read_within(&self.address, PATIENCE).ok()
    }

    /// How long syncs took between the two looks; none where one of them failed.
    pub(super) fn syncs(&self) -> Option<Syncs> {
        Syncs::between(self.first.as_ref()?, self.last.as_ref()?)
    }
}

/// Where a page can be reached that listens at `listen`, as the config of a broker has it: an
/// address that stands for all of a machine is reached like the broker, and a loopback one only
/// from the broker's own machine.
fn address_of(listen: &str, bootstrap: &[Endpoint]) -> Option<String> {
    let broker = bootstrap.first()?.host();
    let listen: Endpoint = listen.parse().ok()?;
    let is_loopback = |host: &str| {
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    let is_any = listen.host().parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
    if is_any {
        return Some(Endpoint::new(broker, listen.port()).to_string());
    }
    (!is_loopback(listen.host()) || is_loopback(broker)).then(|| listen.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, bootstrap: &str, expected: Option<&str>) {
        let bootstrap = Endpoint::parse_list(bootstrap).unwrap();
        assert_eq!(address_of(listen, &bootstrap).as_deref(), expected);
    }

    #[test]
    fn a_page_is_looked_for_only_where_it_is_the_brokers() {
        check("127.0.0.1:9644", "localhost:9092", Some("127.0.0.1:9644"));
        check("127.0.0.1:9644", "[::1]:9092", Some("127.0.0.1:9644"));
        check("127.0.0.1:9644", "far:9092", None);
        check("0.0.0.0:9644", "far:9092", Some("far:9644"));
        check("[::]:9644", "far:9092,other:9092", Some("far:9644"));
        check("10.0.0.1:9644", "far:9092", Some("10.0.0.1:9644"));
    }

    #[test]
    fn a_place_that_is_off_or_not_known_is_none() {
        check("", "localhost:9092", None);
        check("127.0.0.1:0", "localhost:9092", None);
        assert_eq!(address_of("127.0.0.1:9644", &[]), None);
    }
}
