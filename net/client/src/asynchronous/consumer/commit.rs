//! Stores and asks for offsets of a group at its coordinator. Commits keep the order in which their
//! places were taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use corelog_model::{ErrorCode, NodeId};
use corelog_wire::ApiKey;

use super::super::cluster::Cluster;
use super::super::connection::Connection;
use super::super::member::Who;
use super::turns::{Turn, Turns};
use crate::group::offsets::{self, Stability, all};
use crate::group::{CommittedOffset, MemberIdentity};
use crate::{ClientError, TopicPartition};

/// The way to the offsets of a group. Clones share the order of commits.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    cluster: Cluster,
    group: Arc<str>,
    coordinator: Arc<std::sync::Mutex<Option<NodeId>>>,
    turns: Arc<Turns>,
}

impl Committer {
    pub(crate) fn new(cluster: Cluster, group: &str) -> Self {
        let (coordinator, turns) = (Arc::default(), Arc::default());
        Self { cluster, group: group.into(), coordinator, turns }
    }

    /// Takes a place behind all commits so far, before anything is awaited.
    pub(crate) fn turn(&self) -> Result<Turn, ClientError> {
        self.turns.take().ok_or(ClientError::TooManyCommits)
    }

    /// Stores offsets in the name of a member when its turn has come.
    pub(in crate::asynchronous) async fn commit(
        &self,
        turn: Turn,
        who: &Who,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(), ClientError> {
        let epoch = AtomicI32::new(-1);
        let identity = || {
            let identity = who.identity();
            epoch.store(identity.epoch, Ordering::Relaxed);
            identity
        };
        let result = self.commit_as(turn, identity, offsets).await;
        if let Some(code) = result.as_ref().err().and_then(ClientError::code) {
            who.commit_refused(epoch.load(Ordering::Relaxed), code).await;
        }
        result
    }

    /// Stores offsets in the name of nobody; the coordinator takes it only while the group has no
    /// members.
    pub(crate) async fn commit_from_outside(
        &self,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(), ClientError> {
        let turn = self.turn()?;
        self.commit_as(turn, || MemberIdentity::outside(&self.group), offsets).await
    }

    async fn commit_as(
        &self,
        turn: Turn,
        identity: impl Fn() -> MemberIdentity + Send + Sync,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(), ClientError> {
        if offsets.is_empty() {
            return Ok(());
        }
        turn.come().await;
        let attempt = || async {
            let connection = self.connection().await?;
            let version = connection.version_within(ApiKey::OffsetCommit, i16::MAX)?;
            let metadata = self.cluster.metadata();
            let (request, asked) = offsets::commit(&identity(), offsets, version, &metadata)?;
            let reply = connection.call_in(version, &request).await?;
            all(ApiKey::OffsetCommit, asked.committed(&reply)?).map(drop)
        };
        self.with_retries(attempt).await
    }

    /// What is stored.
    pub(crate) async fn committed(
        &self,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, Option<CommittedOffset>>, ClientError> {
        let attempt = || async {
            let connection = self.connection().await?;
            let version = connection.version_within(ApiKey::OffsetFetch, i16::MAX)?;
            let metadata = self.cluster.metadata();
            // Asked in nobody's name: an answer does not depend on who asks.
            let identity = MemberIdentity::outside(&self.group);
            let (request, asked) =
                offsets::fetch(&identity, partitions, Stability::Stable, version, &metadata)?;
            let reply = connection.call_in(version, &request).await?;
            all(ApiKey::OffsetFetch, asked.fetched(&reply)?)
        };
        self.with_retries(attempt).await
    }

    async fn connection(&self) -> Result<Connection, ClientError> {
        let known = *self.known();
        let node = match known {
            Some(node) => node,
            None => self.cluster.coordinator(Arc::clone(&self.group)).await?,
        };
        let connection = self.cluster.connection(node).await?;
        *self.known() = Some(node);
        Ok(connection)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<NodeId>> {
        self.coordinator.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn with_retries<T, F: Future<Output = Result<T, ClientError>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, ClientError> {
        // The epoch of a member may move while its commit is on its way (KIP-848).
        let may_retry = |error: &ClientError| {
            error.is_retriable() || error.code() == Some(ErrorCode::StaleMemberEpoch)
        };
        let timeout = self.cluster.config().operation_timeout;
        let attempt = || {
            let attempt = attempt();
            async {
                let result = attempt.await;
                if result.is_err() {
                    // It may have moved; looking it up again costs little.
                    *self.known() = None;
                }
                result
            }
        };
        self.cluster.try_anew(timeout, may_retry, attempt).await
    }
}
