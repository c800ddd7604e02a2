//! `[sso]`: logins by identity providers.

use causeway_sso::{
    ClientAuth, ClientSecret, OpenIdSettings, Protocol, ProviderSettings, Template,
};

use super::reader::Section;
use super::tree::Tree;
use super::values::{self, millis, texts};

/// Most providers; people choose on a page.
const MAX_PROVIDERS: usize = 50;

/// Longest id of a provider, in bytes (client-server API, "SSO client login": 255 at most).
const MAX_ID_BYTES: usize = 64;

/// `[sso]`
#[derive(Debug, Clone)]
pub struct Sso {
    /// Addresses of clients that people are led back to without being asked.
    pub trusted_clients: Vec<String>,
    /// How long somebody may be on the way to a provider and back, in milliseconds.
    pub attempt_lifetime_ms: u64,
    /// The providers.
    pub providers: Vec<ProviderSettings>,
}

/// The keys of a provider, those of both protocols, of OpenID, and of CAS.
const KEYS: [&str; 9] = [
    "id",
    "protocol",
    "name",
    "brand",
    "icon",
    "localpart",
    "display_name",
    "create_accounts",
    "link_existing",
];
const OPENID_KEYS: [&str; 11] = [
    "issuer",
    "client_id",
    "client_secret",
    "client_secret_file",
    "client_auth",
    "scopes",
    "user_info",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "user_info_endpoint",
];
const CAS_KEYS: [&str; 2] = ["server_url", "validate_path"];

pub(super) fn read(s: &mut Section<'_>) -> Sso {
    let right = "a list of addresses such as [\"https://app.example.org/\"]";
    let sso = Sso {
        trusted_clients: texts(s, "trusted_clients", right, client),
        attempt_lifetime_ms: millis(s, "attempt_lifetime_ms", 1_000..=86_400_000),
        providers: Vec::new(),
    };
    let tables = s.find("providers", "tables [[sso.providers]]", |tree| match tree {
        Tree::List(nodes) => Some(nodes.iter().map(|node| node.tree.clone()).collect()),
        _ => None,
    });
    let tables: Vec<Tree> = tables.unwrap_or_default();
    if tables.len() > MAX_PROVIDERS {
        let remedy = format!("keep at most {MAX_PROVIDERS}");
        s.contradiction("providers", "there are too many", &remedy);
    }
    let mut providers: Vec<ProviderSettings> = Vec::with_capacity(tables.len());
    for (number, table) in (1..).zip(&tables) {
        match provider(table) {
            Ok(provider) if providers.iter().any(|other| other.id == provider.id) => {
                let problem = format!("the id {} is given twice", provider.id);
                s.contradiction("providers", &problem, "give each provider its own id");
            }
            Ok(provider) => providers.push(provider),
            Err(right) => {
                let problem = format!("number {number} of [[sso.providers]] does not fit");
                s.contradiction("providers", &problem, &format!("right would be {right}"));
            }
        }
    }
    Sso { providers, ..sso }
}

/// An address of a client, of any scheme.
fn client(text: &str) -> Option<String> {
    reqwest::Url::parse(text).ok()?;
    values::filled(text)
}

/// One provider, or what it ought to have.
fn provider(table: &Tree) -> Result<ProviderSettings, String> {
    let fields = Fields(table);
    let is_cas = match fields.text("protocol")?.as_deref() {
        None | Some("openid") => false,
        Some("cas") => true,
        Some(_) => return Err("protocol = \"openid\" or \"cas\"".to_owned()),
    };
    let own: &[&str] = if is_cas { &CAS_KEYS } else { &OPENID_KEYS };
    let known = |key: &str| KEYS.contains(&key) || own.contains(&key);
    if let Some((key, _)) = table.entries().iter().find(|(key, _)| !known(key)) {
        let keys: Vec<_> = KEYS.iter().chain(own).copied().collect();
        return Err(format!("without `{key}`; there are {}", keys.join(", ")));
    }
    let id = fields.required("id", "a text of letters, digits, `-`, `_`, `.` and `~`")?;
    let letter = |it: u8| it.is_ascii_alphanumeric() || b"-_.~".contains(&it);
    if id.len() > MAX_ID_BYTES || !id.bytes().all(letter) {
        return Err("an `id` of letters, digits, `-`, `_`, `.` and `~`".to_owned());
    }
    let icon = fields.text("icon")?;
    if icon
        .as_ref()
        .is_some_and(|icon| !icon.starts_with("mxc://"))
    {
        return Err("an `icon` such as \"mxc://example.org/abc\"".to_owned());
    }
    let default = if is_cas {
        "{user}"
    } else {
        "{preferred_username}"
    };
    let localpart = fields.template("localpart")?.or(Template::parse(default));
    Ok(ProviderSettings {
        name: fields.text("name")?.unwrap_or_else(|| id.clone()),
        id,
        brand: fields.text("brand")?,
        icon,
        protocol: if is_cas {
            cas(&fields)?
        } else {
            openid(&fields)?
        },
        localpart: localpart.ok_or("a `localpart`")?,
        display_name: fields.template("display_name")?,
        creates_accounts: fields.flag("create_accounts")?.unwrap_or(true),
        links_existing: fields.flag("link_existing")?.unwrap_or(false),
    })
}

fn cas(fields: &Fields<'_>) -> Result<Protocol, String> {
    let path = fields.text("validate_path")?;
    let path = path.unwrap_or_else(|| "/p3/serviceValidate".to_owned());
    if !path.starts_with('/') {
        return Err("a `validate_path` such as \"/serviceValidate\"".to_owned());
    }
    let server_url = fields.url("server_url")?;
    Ok(Protocol::Cas {
        server_url: server_url.ok_or("a `server_url` such as \"https://cas.example.org/cas\"")?,
        validate_path: path,
    })
}

fn openid(fields: &Fields<'_>) -> Result<Protocol, String> {
    // The issuer is compared letter by letter: a slash at its end belongs to it.
    let issuer = fields.required("issuer", "a URL such as \"https://id.example.org\"")?;
    values::web_url(&issuer).ok_or("an `issuer` such as \"https://id.example.org\"")?;
    let endpoints = [
        fields.url("authorization_endpoint")?,
        fields.url("token_endpoint")?,
        fields.url("jwks_uri")?,
    ];
    if endpoints.iter().any(Option::is_some) && !endpoints.iter().all(Option::is_some) {
        return Err(
            "all of `authorization_endpoint`, `token_endpoint` and `jwks_uri`, or none of them"
                .to_owned(),
        );
    }
    let user_info = fields.flag("user_info")?.unwrap_or(false);
    let user_info_endpoint = fields.url("user_info_endpoint")?;
    if user_info && user_info_endpoint.is_none() && endpoints[0].is_some() {
        return Err("a `user_info_endpoint` with `user_info` and the other endpoints".to_owned());
    }
    let [authorization_endpoint, token_endpoint, jwks_uri] = endpoints;
    Ok(Protocol::OpenId(Box::new(OpenIdSettings {
        issuer,
        client_id: fields.required("client_id", "what the provider gave you")?,
        client_secret: fields.secret()?,
        client_auth: match fields.text("client_auth")?.as_deref() {
            None => None,
            Some("basic") => Some(ClientAuth::Basic),
            Some("post") => Some(ClientAuth::Post),
            Some(_) => return Err("client_auth = \"basic\" or \"post\"".to_owned()),
        },
        scopes: fields.scopes()?,
        user_info,
        authorization_endpoint,
        token_endpoint,
        jwks_uri,
        user_info_endpoint,
    })))
}

/// The keys of one table.
struct Fields<'a>(&'a Tree);

impl Fields<'_> {
    fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.0.get(key).map(|node| &node.tree) {
            None => Ok(None),
            Some(Tree::Text(text)) if values::filled(text).is_some() => Ok(Some(text.clone())),
            Some(_) => Err(format!("a text for `{key}`")),
        }
    }

    fn required(&self, key: &str, what: &str) -> Result<String, String> {
        self.text(key)?
            .ok_or_else(|| format!("with `{key}`, {what}"))
    }

    fn url(&self, key: &str) -> Result<Option<String>, String> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) => match values::web_url(&text) {
                Some(url) => Ok(Some(url)),
                None => Err(format!("a URL for `{key}`")),
            },
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, String> {
        match self.0.get(key).map(|node| &node.tree) {
            None => Ok(None),
            Some(Tree::Flag(flag)) => Ok(Some(*flag)),
            Some(_) => Err(format!("true or false for `{key}`")),
        }
    }

    fn template(&self, key: &str) -> Result<Option<Template>, String> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) => match Template::parse(&text) {
                Some(template) => Ok(Some(template)),
                None => Err(format!(
                    "a claim in braces for `{key}`, such as \"{{email}}\""
                )),
            },
        }
    }

    fn scopes(&self) -> Result<Vec<String>, String> {
        let right = || "a list of texts for `scopes`".to_owned();
        let scope = |tree: &Tree| match tree {
            Tree::Text(text) if !text.contains(' ') => values::filled(text),
            _ => None,
        };
        match self.0.get("scopes").map(|node| &node.tree) {
            None => Ok(vec!["openid".to_owned(), "profile".to_owned()]),
            Some(Tree::List(nodes)) => {
                let scopes: Option<Vec<_>> = nodes.iter().map(|node| scope(&node.tree)).collect();
                scopes.ok_or_else(right)
            }
            Some(_) => Err(right()),
        }
    }

    /// The secret: as it stands here, or from the first line of a file.
    fn secret(&self) -> Result<Option<ClientSecret>, String> {
        let secret = match (
            self.text("client_secret")?,
            self.text("client_secret_file")?,
        ) {
            (Some(_), Some(_)) => {
                return Err("one of `client_secret` and `client_secret_file`".to_owned());
            }
            (secret, None) => secret,
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("a file that can be read, not {path}: {error}"))?;
                let line = text.lines().next().unwrap_or_default().trim();
                let line = values::filled(line);
                Some(line.ok_or_else(|| format!("a secret in the first line of {path}"))?)
            }
        };
        Ok(secret.map(ClientSecret::new))
    }
}

#[cfg(test)]
#[path = "sso_test.rs"]
mod sso_test;
