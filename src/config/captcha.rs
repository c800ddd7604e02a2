//! `[captcha]`: riddles for who registers.

use super::reader::Section;
use super::settings::Secret;
use super::values::{self, find_text};

/// `[captcha]`, where there is a site key.
#[derive(Debug, Clone)]
pub struct Captcha {
    /// The key that clients show the riddle with.
    pub site_key: String,
    /// The key that this server asks with.
    pub secret: Secret,
    /// Where it asks.
    pub verify_url: String,
    /// How a page of ours shows the riddle.
    pub widget: CaptchaWidget,
}

/// How a page shows a riddle.
#[derive(Debug, Clone, Copy)]
pub struct CaptchaWidget {
    /// The script that does it.
    pub script_url: &'static str,
    /// The class of the element that it fills.
    pub class: &'static str,
    /// What the page must let it load (content security policy).
    pub policy: &'static str,
}

#[derive(Clone, Copy)]
struct Service {
    name: &'static str,
    verify_url: &'static str,
    widget: CaptchaWidget,
}

/// The services. What their scripts load is what their documents name.
const SERVICES: [Service; 2] = [
    Service {
        name: "recaptcha",
        verify_url: "https://www.recaptcha.net/recaptcha/api/siteverify",
        widget: CaptchaWidget {
            script_url: "https://www.recaptcha.net/recaptcha/api.js",
            class: "g-recaptcha",
            policy: "script-src https://www.recaptcha.net/recaptcha/ \
                     https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/; \
                     frame-src https://www.recaptcha.net/recaptcha/ \
                     https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/; \
                     style-src 'unsafe-inline'",
        },
    },
    Service {
        name: "hcaptcha",
        verify_url: "https://api.hcaptcha.com/siteverify",
        widget: CaptchaWidget {
            script_url: "https://js.hcaptcha.com/1/api.js",
            class: "h-captcha",
            policy: "script-src https://hcaptcha.com https://*.hcaptcha.com; \
                     frame-src https://hcaptcha.com https://*.hcaptcha.com; \
                     style-src https://hcaptcha.com https://*.hcaptcha.com; \
                     connect-src https://hcaptcha.com https://*.hcaptcha.com",
        },
    },
];

pub(super) fn read(s: &mut Section<'_>) -> Option<Captcha> {
    let right = "a text that is not empty";
    let service = find_text(s, "service", "\"recaptcha\" or \"hcaptcha\"", |it| {
        SERVICES.into_iter().find(|service| service.name == it)
    });
    let url = find_text(s, "verify_url", "a URL", values::web_url);
    let site_key = find_text(s, "site_key", right, values::filled);
    let filled = |it: &str| !it.trim().is_empty();
    let secret = values::find_secret(s, "secret", "secret_file", right, filled);
    let default_url = service.as_ref().map(|it| it.verify_url.to_owned());
    let verify_url = url.or(default_url);
    // Without a name it is a stand-in for the first.
    let widget = service.unwrap_or(SERVICES[0]).widget;
    match (site_key, secret, verify_url) {
        (Some(site_key), Some(secret), Some(verify_url)) => Some(Captcha {
            site_key,
            secret,
            verify_url,
            widget,
        }),
        (None, None, None) => None,
        _ => {
            let remedy = "give `service`, `site_key` and `secret`, or none of them";
            s.contradiction("site_key", "these go together", remedy);
            None
        }
    }
}
