//! Requests about where partitions are: in which directories, on which node first, and on their way
//! to which node. All of them need one right on the cluster.

use corelog_wire::frame::EncodedFrame;
use corelog_wire::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    AlterReplicaLogDirsRequest, ApiKey, DescribeLogDirsRequest, DescribeLogDirsResponse,
    ElectLeadersRequest, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    Message, Reader, encode_response,
};

use crate::api::describe_log_dirs::LogDirectory;
use crate::api::{alter_replica_log_dirs, elect_leaders, reassignments};
use crate::authorize::table;
use crate::dispatch::{Context, Dispatcher, RequestError};

impl Dispatcher {
    /// Serves the APIs about where partitions are; `None` for any other.
    pub(crate) async fn place(
        &self,
        api: ApiKey,
        context: Context<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Option<EncodedFrame>, RequestError> {
        let Context { version, correlation_id, .. } = context;
        let image = self.shard().image();
        let access = context.access(&image);
        let frame = match api {
            ApiKey::DescribeLogDirs => {
                let request = DescribeLogDirsRequest::decode(reader, version)?;
                let directory = LogDirectory::of(self.shard());
                let response = match access.check_on_cluster(&table::DESCRIBE_LOG_DIRS) {
                    Ok(()) => directory.respond(&request),
                    Err(code) => {
                        DescribeLogDirsResponse { error_code: code.code(), ..Default::default() }
                    }
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterReplicaLogDirs => {
                let request = AlterReplicaLogDirsRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::ALTER_REPLICA_LOG_DIRS) {
                    Ok(()) => alter_replica_log_dirs::respond(&request, self.shard()),
                    Err(code) => alter_replica_log_dirs::refused(&request, code),
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::ElectLeaders => {
                let request = ElectLeadersRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::ELECT_LEADERS) {
                    Ok(()) => elect_leaders::respond(&request, &image),
                    Err(code) => elect_leaders::refused(&request, code),
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::ListPartitionReassignments => {
                let request = ListPartitionReassignmentsRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::LIST_REASSIGNMENTS) {
                    Ok(()) => reassignments::list(&request, &image),
                    Err(code) => ListPartitionReassignmentsResponse {
                        error_code: code.code(),
                        error_message: Some(code.message().into()),
                        ..Default::default()
                    },
                };
                encode_response(correlation_id, version, &response)?
            }
            ApiKey::AlterPartitionReassignments => {
                let request = AlterPartitionReassignmentsRequest::decode(reader, version)?;
                let response = match access.check_on_cluster(&table::ALTER_REASSIGNMENTS) {
                    Ok(()) => {
                        let asked = reassignments::translate(request);
                        self.decided(asked, reassignments::Pending::respond).await?
                    }
                    Err(code) => AlterPartitionReassignmentsResponse {
                        error_code: code.code(),
                        error_message: Some(code.message().into()),
                        ..Default::default()
                    },
                };
                encode_response(correlation_id, version, &response)?
            }
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }
}
