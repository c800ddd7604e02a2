use axum::extract::State;
use causeway_users::Users;
use causeway_users::to_device::{Messages, Recipient};
use ruma::api::client::to_device::send_event_to_device::v3::{Request, Response};
use ruma::to_device::DeviceIdOrAllDevices;
use serde_json::value::RawValue;

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::{Ruma, Session};

/// `PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}`
pub async fn send(
    State(users): State<Users>,
    session: Session,
    Ruma(request): Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let mut messages = Messages::new();
    for (user, contents) in request.messages {
        if contents.values().any(|content| !is_object(content.json())) {
            return Err(ApiError::bad_json(
                "The content of a message must be an object",
            ));
        }
        let contents = contents.into_iter().map(|(device, content)| {
            let recipient = match device {
                DeviceIdOrAllDevices::DeviceId(id) => Recipient::Device(id),
                DeviceIdOrAllDevices::AllDevices => Recipient::AllDevices,
            };
            (recipient, content.into_json())
        });
        messages.insert(user, contents.collect());
    }
    let event_type = request.event_type.to_string();
    let txn_id = request.txn_id.as_str();
    users
        .send_to_device(&(&session).into(), &event_type, txn_id, &messages)
        .await?;
    Ok(Answer(Response::new()))
}

fn is_object(content: &RawValue) -> bool {
    content.get().trim_start().starts_with('{')
}
