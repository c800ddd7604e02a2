//! Stages and flows: what must be passed, and what the client is told about it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::emails::EmailPurpose;

/// A stage of authentication that this server can check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is proved.
    Dummy,
    /// The user's password.
    Password,
    /// A token that allows to register.
    RegistrationToken,
    /// Documents were agreed to.
    Terms,
    /// An e-mail address.
    Email,
    /// A riddle.
    Captcha,
    /// An identity provider says who it is, on pages of this server and its own.
    Sso,
}

impl Stage {
    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dummy => "m.login.dummy",
            Self::Password => "m.login.password",
            Self::RegistrationToken => "m.login.registration_token",
            Self::Terms => "m.login.terms",
            Self::Email => "m.login.email.identity",
            Self::Captcha => "m.login.recaptcha",
            Self::Sso => "m.login.sso",
        }
    }

    /// The stage of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Dummy,
            Self::Password,
            Self::RegistrationToken,
            Self::Terms,
            Self::Email,
            Self::Captcha,
            Self::Sso,
        ]
        .into_iter()
        .find(|stage| stage.name() == name)
    }
}

/// Flows to choose from, each a list of stages, with the parameters that stages need.
#[derive(Clone, Debug, Default)]
pub struct Flows {
    flows: Vec<Vec<Stage>>,
    params: Map<String, Value>,
    /// For what an address is proved, where that is a stage.
    email: Option<EmailPurpose>,
}

impl Flows {
    /// A single flow.
    pub fn one(stages: impl Into<Vec<Stage>>) -> Self {
        Self {
            flows: vec![stages.into()],
            ..Self::default()
        }
    }

    /// The same, with another flow to choose.
    #[must_use]
    pub fn or(mut self, stages: impl Into<Vec<Stage>>) -> Self {
        self.flows.push(stages.into());
        self
    }

    /// The same; an e-mail address is to be proved for this.
    #[must_use]
    pub fn with_email_for(mut self, purpose: EmailPurpose) -> Self {
        self.email = Some(purpose);
        self
    }

    /// For what an e-mail address is to be proved.
    pub fn email_for(&self) -> Option<EmailPurpose> {
        self.email
    }

    /// The same, with parameters of a stage.
    #[must_use]
    pub fn with_params(mut self, stage: Stage, params: Value) -> Self {
        self.params.insert(stage.name().to_owned(), params);
        self
    }

    /// Whether a stage is part of any flow.
    pub fn contain(&self, stage: Stage) -> bool {
        self.flows.iter().any(|flow| flow.contains(&stage))
    }

    /// Whether one flow has all its stages among `completed`. The order does not matter.
    pub fn are_passed(&self, completed: &[String]) -> bool {
        self.flows.iter().any(|flow| {
            flow.iter()
                .all(|stage| completed.iter().any(|done| done == stage.name()))
        })
    }

    /// The body of the 401 that asks for a stage.
    pub fn challenge(&self, session: &str, completed: Vec<String>) -> Challenge {
        let flows = self.flows.iter().map(|flow| Flow {
            stages: flow.iter().map(|stage| stage.name()).collect(),
        });
        Challenge {
            session: session.to_owned(),
            flows: flows.collect(),
            params: self.params.clone(),
            completed,
            errcode: None,
            error: None,
        }
    }
}

/// The body of a 401 that asks for a stage of authentication.
#[derive(Clone, Debug, Serialize)]
pub struct Challenge {
    /// To be sent with the next stage.
    pub session: String,
    flows: Vec<Flow>,
    params: Map<String, Value>,
    /// Stages passed so far.
    pub completed: Vec<String>,
    /// Why the last stage was not passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errcode: Option<&'static str>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct Flow {
    stages: Vec<&'static str>,
}

impl Challenge {
    /// The same, saying why the last stage was not passed.
    #[must_use]
    pub fn because(mut self, errcode: &'static str, error: &'static str) -> Self {
        self.errcode = Some(errcode);
        self.error = Some(error);
        self
    }
}
