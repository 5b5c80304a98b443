//! ShareAcknowledge: what became of records, said without fetching more (KIP-932).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use corelog_cluster::ClusterImage;
use corelog_io::now;
use corelog_model::{ErrorCode, PartitionId};
use corelog_shard::Shard;
use corelog_wire::api::share_acknowledge::{PartitionData, ShareAcknowledgeTopicResponse};
use corelog_wire::{ShareAcknowledgeRequest, ShareAcknowledgeResponse, Text};

use super::share_fetch::{
    Said, acknowledge, check_topic, endpoints, partition_id, refuse_unreadable, said_of,
    session_key,
};
use crate::api::produce::leader_of;
use crate::authorize::{Access, table};
use crate::error::{NamedBy, partition_code};
use crate::share_session::{CLOSES, SessionKey, ShareSessions};

/// A ShareAcknowledge that was read from its frame.
#[derive(Debug)]
pub(crate) struct ShareAcknowledge {
    key: SessionKey,
    epoch: i32,
    said: Said,
}

impl ShareAcknowledge {
    /// Takes over what the request says, so that its frame can go.
    pub(crate) fn parse(request: &ShareAcknowledgeRequest<'_>) -> Result<Self, ErrorCode> {
        let key = session_key(request.group_id.as_ref(), request.member_id.as_ref())?;
        let mut said = Said::new();
        for topic in &request.topics {
            for one in &topic.partitions {
                let id = partition_id(topic.topic_id, one.partition_index);
                said.push((id, said_of(&one.acknowledgement_batches, request.is_renew_ack)));
            }
        }
        Ok(Self { key, epoch: request.share_session_epoch, said })
    }

    /// Serves it, as far as the client may read.
    pub(crate) async fn answer(
        self,
        (shard, image, access): (&Shard, &ClusterImage, Access<'_>),
        sessions: &Rc<RefCell<ShareSessions>>,
        listener: &str,
    ) -> ShareAcknowledgeResponse<'static> {
        let Self { key, epoch, mut said } = self;
        let begun = sessions.borrow_mut().acknowledge(&key, epoch, now());
        if let Err(code) = begun {
            return refused(code);
        }
        let right = &table::SHARE_ACKNOWLEDGE_TOPIC;
        refuse_unreadable(&mut said, |id| check_topic(access, right, image, id));
        let results = acknowledge(shard, &key, said).await;
        if epoch == CLOSES {
            let partitions = sessions.borrow_mut().close(&key);
            shard.share_release((&key.0, &key.1), partitions);
        }
        let lock_ms = shard.share_lock_duration(&key.0).as_millis();
        let (responses, names_leaders) = told(shard, results);
        ShareAcknowledgeResponse {
            acquisition_lock_timeout_ms: i32::try_from(lock_ms).unwrap_or(i32::MAX),
            responses,
            node_endpoints: endpoints(names_leaders, shard, listener),
            ..ShareAcknowledgeResponse::default()
        }
    }
}

/// A ShareAcknowledge that is refused as a whole.
pub(crate) fn refused(code: ErrorCode) -> ShareAcknowledgeResponse<'static> {
    ShareAcknowledgeResponse {
        error_code: code.code(),
        error_message: Some(Text::Borrowed(code.message())),
        ..ShareAcknowledgeResponse::default()
    }
}

fn told(
    shard: &Shard,
    results: BTreeMap<PartitionId, Result<(), ErrorCode>>,
) -> (Vec<ShareAcknowledgeTopicResponse<'static>>, bool) {
    let (mut topics, mut names_leaders) = (Vec::<ShareAcknowledgeTopicResponse<'_>>::new(), false);
    for (id, result) in results {
        let mut data =
            PartitionData { partition_index: id.index.get(), ..PartitionData::default() };
        if let Err(mut code) = result {
            // Another one leads it, or nobody does.
            if let Err(refusal) = shard.partition(id.topic, id.index) {
                code = partition_code(refusal, NamedBy::Id);
                if let Some(leader) = leader_of(refusal) {
                    data.current_leader = leader;
                    names_leaders = true;
                }
            }
            data.error_code = code.code();
            data.error_message = Some(Text::Borrowed(code.message()));
        }
        let topic_id = *id.topic.as_bytes();
        match topics.last_mut().filter(|topic| topic.topic_id == topic_id) {
            Some(topic) => topic.partitions.push(data),
            None => {
                topics.push(ShareAcknowledgeTopicResponse { topic_id, partitions: vec![data] });
            }
        }
    }
    (topics, names_leaders)
}
