//! One node's lane of a producer or consumer: a task with a connection of its own, which sends what
//! it is given in that order and hands back each answer.

use std::sync::Arc;

use corelog_model::NodeId;
use corelog_wire::{ApiKey, Request};
use tokio::sync::mpsc;

use super::cluster::Cluster;
use super::connection::{Connection, Pending};
use crate::{ClientError, Reply};

/// A request as a lane takes it.
#[derive(Debug)]
pub(crate) struct Parcel<R, T> {
    /// The message.
    pub(crate) request: R,
    /// The highest version that can say what it says.
    pub(crate) version_max: i16,
    /// Its external records, in order.
    pub(crate) records: Vec<Arc<Vec<u8>>>,
    /// Whether an answer will come.
    pub(crate) is_answered: bool,
    /// Comes back with the answer.
    pub(crate) tag: T,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Returned<T> {
    /// The node.
    pub(crate) node: NodeId,
    /// What came with the request.
    pub(crate) tag: T,
    /// The reply; none where none was to come and everything was written.
    pub(crate) result: Result<Option<Reply>, ClientError>,
}

/// The way to a node. The task ends when this is dropped and its requests are answered.
#[derive(Debug)]
pub(crate) struct Lane<R, T> {
    parcels: mpsc::Sender<Parcel<R, T>>,
}

impl<R, T> Lane<R, T>
where
    R: Request<'static> + Send + Sync + 'static,
    T: Send + 'static,
{
    /// A lane to a node for at most `open_max` requests at a time.
    pub(crate) fn open(
        cluster: Cluster,
        node: NodeId,
        open_max: usize,
        returned: mpsc::Sender<Returned<T>>,
    ) -> Self {
        let (parcels, receiver) = mpsc::channel(open_max);
        let run = Run { cluster, node, connection: None, returned };
        tokio::spawn(run.run(receiver, open_max));
        Self { parcels }
    }

    /// Hands over a request. Who has more open than was agreed gets an error.
    pub(crate) fn send(&self, parcel: Parcel<R, T>) -> Result<(), ClientError> {
        self.parcels.try_send(parcel).map_err(|_| ClientError::Setting("a lane is overfull"))
    }
}

struct Run<T> {
    cluster: Cluster,
    node: NodeId,
    connection: Option<Connection>,
    returned: mpsc::Sender<Returned<T>>,
}

impl<T: Send + 'static> Run<T> {
    async fn run<R: Request<'static> + Send + Sync + 'static>(
        mut self,
        mut parcels: mpsc::Receiver<Parcel<R, T>>,
        open_max: usize,
    ) {
        let (pending, waiting) = mpsc::channel(open_max);
        let waiter = tokio::spawn(wait(self.node, waiting, self.returned.clone()));
        while let Some(parcel) = parcels.recv().await {
            let (request, version_max) = (parcel.request, parcel.version_max);
            let sent = self.send(&request, version_max, parcel.records, parcel.is_answered).await;
            // Both sides are there as long as this lane is.
            let _ = pending.send((parcel.tag, sent)).await;
        }
        drop(pending);
        let _ = waiter.await;
    }

    async fn send<R: Request<'static>>(
        &mut self,
        request: &R,
        version_max: i16,
        records: Vec<Arc<Vec<u8>>>,
        is_answered: bool,
    ) -> Result<Option<Pending>, ClientError> {
        let endpoint = self.cluster.endpoint(self.node)?;
        let is_usable =
            |connection: &Connection| connection.is_alive() && *connection.peer() == endpoint;
        let connection = match self.connection.take().filter(is_usable) {
            Some(connection) => connection,
            None => Connection::open(&endpoint, self.cluster.config()).await?,
        };
        let connection = &*self.connection.insert(connection);
        let version = connection.version_within(api_of::<R>(), version_max)?;
        if is_answered {
            Ok(Some(connection.send(version, request, records).await?))
        } else {
            connection.notify(version, request, records)?;
            Ok(None)
        }
    }
}

fn api_of<R: Request<'static>>() -> ApiKey {
    R::KEY
}

/// Hands back answers in the order of the requests.
async fn wait<T>(
    node: NodeId,
    mut waiting: mpsc::Receiver<(T, Result<Option<Pending>, ClientError>)>,
    returned: mpsc::Sender<Returned<T>>,
) {
    while let Some((tag, sent)) = waiting.recv().await {
        let result = match sent {
            Ok(Some(mut pending)) => pending.reply().await.map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        // When nobody takes it any more, the producer or consumer is gone.
        let _ = returned.send(Returned { node, tag, result }).await;
    }
}
