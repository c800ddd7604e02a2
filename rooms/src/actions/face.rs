//! Names and pictures in member events.

use std::collections::HashMap;

use causeway_store::StoreError;
use causeway_store::rooms::{Face, list_faces};
use ruma::{OwnedUserId, UserId};
use serde_json::json;

use super::draft::Content;
use crate::Rooms;

impl Rooms {
    /// The profiles of users of this server.
    pub(crate) async fn faces<'a>(
        &self,
        users: impl IntoIterator<Item = &'a OwnedUserId>,
    ) -> Result<HashMap<String, Face>, StoreError> {
        let users: Vec<&str> = users
            .into_iter()
            .filter(|user| self.is_local(user))
            .map(|user| user.as_str())
            .collect();
        let faces = list_faces(self.store(), &users).await?;
        Ok(faces
            .into_iter()
            .map(|face| (face.user_id.clone(), face))
            .collect())
    }

    /// The profile of one user; empty if the user has none, or is of another server.
    pub(crate) async fn face(&self, user: &UserId) -> Result<Face, StoreError> {
        let mut faces = self.faces([&user.to_owned()]).await?;
        Ok(faces.remove(user.as_str()).unwrap_or_default())
    }
}

/// The content of a member event: the membership, and who it is.
pub(crate) fn member_content(membership: &str, face: Option<&Face>) -> Content {
    let mut content = Content::new();
    content.insert("membership".to_owned(), json!(membership));
    if let Some(face) = face {
        add_face(&mut content, face);
    }
    content
}

/// Says who it is, where the content does not say something else.
pub(crate) fn add_face(content: &mut Content, face: &Face) {
    let fields = [
        ("displayname", &face.display_name),
        ("avatar_url", &face.avatar_url),
    ];
    for (field, value) in fields {
        if let Some(value) = value
            && !content.contains_key(field)
        {
            content.insert(field.to_owned(), json!(value));
        }
    }
}
