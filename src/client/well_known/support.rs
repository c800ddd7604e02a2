use std::sync::Arc;

use axum::extract::State;
use ruma::UserId;
use ruma::api::client::discovery::discover_support::{Contact, ContactRole, Request, Response};

use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;
use crate::config::{Settings, SupportContact};

/// `GET /.well-known/matrix/support`: whom to ask about this server.
pub async fn support(
    State(settings): State<Arc<Settings>>,
    _: Ruma<Request>,
) -> Result<Answer<Response>, ApiError> {
    let contacts: Vec<Contact> = settings
        .well_known
        .support_contacts
        .iter()
        .filter_map(contact)
        .collect();
    let page = settings.well_known.support_page.clone();
    if contacts.is_empty() && page.is_none() {
        return Err(ApiError::not_found("This server names no contacts"));
    }
    let mut response = Response::with_contacts(contacts);
    response.support_page = page;
    Ok(Answer(response))
}

/// A contact with at least one address; one without is none.
fn contact(contact: &SupportContact) -> Option<Contact> {
    let role = ContactRole::from(contact.role.as_str());
    let matrix_id = contact
        .matrix_id
        .as_deref()
        .and_then(|id| UserId::parse(id).ok());
    match (&contact.email_address, matrix_id) {
        (Some(email), matrix_id) => {
            let mut contact = Contact::with_email_address(role, email.clone());
            contact.matrix_id = matrix_id;
            Some(contact)
        }
        (None, Some(matrix_id)) => Some(Contact::with_matrix_id(role, matrix_id)),
        (None, None) => None,
    }
}
