//! Requests about metadata: described from the image, or translated into a change that the controller decides.

use corelog_wire::frame::EncodedFrame;
use corelog_wire::{ApiKey, CreateTopicsRequest, Message, Reader, encode_response};

use crate::api::{Translation, create_topics};
use crate::dispatch::{Context, Dispatcher, RequestError, new_topic_id};

impl Dispatcher {
    /// Serves the APIs that are not about the data of this core.
    pub(crate) async fn start_admin(
        &self,
        api: ApiKey,
        context: Context,
        reader: &mut Reader<'_>,
    ) -> Result<EncodedFrame, RequestError> {
        let Context { version, correlation_id, .. } = context;
        match api {
            ApiKey::CreateTopics => {
                let request = CreateTopicsRequest::decode(reader, version)?;
                let response = match create_topics::translate(request, version, new_topic_id) {
                    Translation::Answer(response) => response,
                    Translation::Ask { change, timeout, pending } => {
                        let ending = self.ask(change, timeout).await?;
                        pending.respond(ending, &self.shard().image(), self.settings())
                    }
                };
                Ok(encode_response(correlation_id, version, &response)?)
            }
            _ => Err(RequestError::Stopping),
        }
    }
}
