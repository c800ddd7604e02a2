//! Letters with links, by which somebody proves that an e-mail address is theirs. The answers are the
//! same whether or not an account has the address: the letter tells.

use std::sync::Arc;

use axum::extract::State;
use causeway_mail::{Kind, MailError, Mailer};
use causeway_store::Clock;
use causeway_users::Users;
use causeway_users::emails::{EmailPurpose, EmailWish, LINK_LIFETIME_HOURS, Letter};
use http::StatusCode;
use ruma::OwnedSessionId;
use ruma::api::client::account::{
    request_3pid_management_token_via_email, request_password_change_token_via_email,
    request_registration_token_via_email,
};

use super::email_page;
use crate::client::answer::Answer;
use crate::client::error::ApiError;
use crate::client::extract::Ruma;
use crate::config::Settings;

/// What sends letters.
#[derive(Clone)]
struct Desk {
    users: Users,
    mailer: Mailer,
    clock: Clock,
    settings: Arc<Settings>,
}

macro_rules! handler {
    ($(#[$doc:meta])* $name:ident, $purpose:expr, $endpoint:ident) => {
        $(#[$doc])*
        pub async fn $name(
            State(users): State<Users>,
            State(mailer): State<Option<Mailer>>,
            State(clock): State<Clock>,
            State(settings): State<Arc<Settings>>,
            Ruma(request): Ruma<$endpoint::v3::Request>,
        ) -> Result<Answer<$endpoint::v3::Response>, ApiError> {
            let desk = Desk {
                users,
                mailer: mailer.ok_or_else(not_supported)?,
                clock,
                settings,
            };
            let wish = EmailWish {
                address: request.email,
                client_secret: request.client_secret.to_string(),
                send_attempt: request.send_attempt.into(),
                next_link: request.next_link,
            };
            let sid = desk.begin($purpose, wish).await?;
            Ok(Answer($endpoint::v3::Response::new(sid)))
        }
    };
}

handler!(
    /// `POST /_matrix/client/v3/account/3pid/email/requestToken`
    to_add,
    EmailPurpose::Add,
    request_3pid_management_token_via_email
);

handler!(
    /// `POST /_matrix/client/v3/register/email/requestToken`
    to_register,
    EmailPurpose::Register,
    request_registration_token_via_email
);

handler!(
    /// `POST /_matrix/client/v3/account/password/email/requestToken`
    for_password,
    EmailPurpose::Password,
    request_password_change_token_via_email
);

fn not_supported() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "M_THREEPID_MEDIUM_NOT_SUPPORTED",
        "This server sends no letters",
    )
}

impl Desk {
    /// Begins to prove an address and gives the session's id. Returns when the mail server has the
    /// letter.
    async fn begin(
        self,
        purpose: EmailPurpose,
        wish: EmailWish,
    ) -> Result<OwnedSessionId, ApiError> {
        let begun = self.users.begin_email(purpose, wish).await?;
        if let Some(letter) = begun.letter {
            // A client that goes away does not stop its letter halfway.
            let sending = tokio::spawn(async move { self.deliver(letter).await });
            sending.await.map_err(ApiError::internal)??;
        }
        OwnedSessionId::try_from(begun.sid).map_err(ApiError::internal)
    }

    async fn deliver(&self, letter: Letter) -> Result<(), ApiError> {
        let kind = match (letter.purpose, &letter.token) {
            (EmailPurpose::Register, Some(_)) => Kind::Register,
            (EmailPurpose::Register, None) => Kind::RegisterTaken,
            (EmailPurpose::Password, Some(_)) => Kind::Password,
            (EmailPurpose::Password, None) => Kind::PasswordUnknown,
            (EmailPurpose::Add, Some(_)) => Kind::Add,
            (EmailPurpose::Add, None) => Kind::AddTaken,
        };
        let base = self.settings.public_base_url();
        let link = letter.token.as_ref();
        let link = link.map(|token| email_page::link(&base, &letter.sid, token));
        let link = link.unwrap_or_default();
        let (to, now_ms) = (letter.to.as_str(), self.clock.now_ms());
        let sent = self
            .mailer
            .send(kind, to, &link, LINK_LIFETIME_HOURS, now_ms);
        let error: MailError = match sent.await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        self.users.unsend(&letter).await?;
        Err(error.into())
    }
}
