//! Letters to people: texts from templates, and a client that brings them to the operator's mail
//! server by SMTP.
//!
//! Laws:
//! - few letters are under way at a time, and few wait: more are refused at once ([`MailError::Busy`]);
//! - nothing is kept here: a letter that cannot be delivered is an error for who wanted it;
//! - what goes into a template never becomes a header: headers come from templates and settings.
//!
//! Start reading at [`Mailer::send`].

mod mailer;
mod templates;

pub use mailer::{MailError, MailSettings, Mailer, Security};
pub use templates::{Kind, TemplateError, Templates};
