//! Texts of letters. Each is a plain file: the subject in the first line, an empty line, the letter.
//! `{server}`, `{link}` and `{hours}` are filled in.

use std::path::{Path, PathBuf};

/// Largest template, in bytes.
const MAX_BYTES: usize = 65_536;

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Confirms an address for a new account.
    Register,
    /// The address for a new account is that of an account already.
    RegisterTaken,
    /// Confirms that a new password is wanted.
    Password,
    /// A new password is wanted, and no account has the address.
    PasswordUnknown,
    /// Confirms an address that is to be added to an account.
    Add,
    /// The address to be added is that of an account already.
    AddTaken,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Register,
        Self::RegisterTaken,
        Self::Password,
        Self::PasswordUnknown,
        Self::Add,
        Self::AddTaken,
    ];

    /// The name of its file, and its text where the operator has no other.
    fn built_in(self) -> (&'static str, &'static str) {
        match self {
            Self::Register => ("register.txt", include_str!("../templates/register.txt")),
            Self::RegisterTaken => (
                "register_taken.txt",
                include_str!("../templates/register_taken.txt"),
            ),
            Self::Password => ("password.txt", include_str!("../templates/password.txt")),
            Self::PasswordUnknown => (
                "password_unknown.txt",
                include_str!("../templates/password_unknown.txt"),
            ),
            Self::Add => ("add.txt", include_str!("../templates/add.txt")),
            Self::AddTaken => ("add_taken.txt", include_str!("../templates/add_taken.txt")),
        }
    }

    /// Whether the letter is worth nothing without its link.
    fn needs_link(self) -> bool {
        matches!(self, Self::Register | Self::Password | Self::Add)
    }
}

/// What is wrong with a template of the operator's.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text will not do.
    #[error("{}: {why}", file.display())]
    Unfit {
        /// Which.
        file: PathBuf,
        /// Why.
        why: &'static str,
    },
}

/// The texts of all letters.
#[derive(Clone, Debug)]
pub struct Templates(Vec<Template>);

#[derive(Clone, Debug)]
struct Template {
    subject: String,
    text: String,
}

impl Templates {
    /// The built-in texts; those of which `folder` has a file of the same name are read from there.
    ///
    /// # Errors
    /// [`TemplateError`], which names the file.
    pub fn load(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let all = Kind::ALL.into_iter().map(|kind| load(kind, folder));
        Ok(Self(all.collect::<Result<_, _>>()?))
    }

    /// Subject and text of a letter.
    pub(crate) fn write(
        &self,
        kind: Kind,
        server: &str,
        link: &str,
        hours: u64,
    ) -> (String, String) {
        // `ALL` stands in the order of the variants.
        let template = &self.0[kind as usize];
        let fields = [
            ("{server}", server),
            ("{hours}", &hours.to_string()),
            // The link comes last: what stands in it is not looked at again.
            ("{link}", link),
        ];
        let fill = |text: &str| {
            let mut filled = text.to_owned();
            for (name, value) in fields {
                filled = filled.replace(name, value);
            }
            filled
        };
        (fill(&template.subject), fill(&template.text))
    }
}

fn load(kind: Kind, folder: Option<&Path>) -> Result<Template, TemplateError> {
    let (name, built_in) = kind.built_in();
    let file = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
    let text = match folder.map(|_| std::fs::read_to_string(&file)) {
        None => built_in.to_owned(),
        Some(Ok(text)) => text,
        Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => built_in.to_owned(),
        Some(Err(source)) => return Err(TemplateError::Unreadable { file, source }),
    };
    let unfit = |why| TemplateError::Unfit {
        file: file.clone(),
        why,
    };
    if text.len() > MAX_BYTES {
        return Err(unfit("it is larger than 64 KiB"));
    }
    if kind.needs_link() && !text.contains("{link}") {
        return Err(unfit("{link} is missing"));
    }
    let (subject, rest) = text
        .split_once('\n')
        .ok_or_else(|| unfit("there is only one line"))?;
    let subject = subject.trim();
    if subject.is_empty() {
        return Err(unfit("the first line, the subject, is empty"));
    }
    Ok(Template {
        subject: subject.to_owned(),
        text: rest.trim_start_matches(['\r', '\n']).to_owned(),
    })
}

#[cfg(test)]
#[path = "templates_test.rs"]
mod tests;
