//! Random steps in a room.

use serde_json::{Value, json};

use super::{Nid, Room, user};

/// One random step.
#[derive(Debug, Clone)]
pub struct Step {
    pub what: u8,
    pub sender: usize,
    pub target: usize,
    pub value: i64,
    /// Which events it follows, counted from the newest back.
    pub prev: Vec<usize>,
}

impl Room {
    /// Does the step, if the rules allow it.
    pub fn step(&mut self, step: &Step) -> Option<Nid> {
        let count = self.events.len();
        // Never before the join rules: those are the room's common trunk.
        let mut prev: Vec<Nid> = step
            .prev
            .iter()
            .map(|back| count - 1 - (back % (count - 3)))
            .collect();
        prev.sort_unstable();
        prev.dedup();
        let sender = step.sender;
        let sender_id = user(sender);
        let target = user(step.target);
        let member = |membership: &str| json!({ "membership": membership });
        let (event_type, state_key, content) = match step.what {
            0..=2 => ("m.room.member", sender_id.as_str(), member("join")),
            3 => ("m.room.member", sender_id.as_str(), member("leave")),
            4 => ("m.room.member", target.as_str(), member("leave")),
            5 | 6 => ("m.room.member", target.as_str(), member("ban")),
            7 => ("m.room.member", target.as_str(), member("invite")),
            8 => (
                "m.room.topic",
                "",
                json!({ "topic": step.value.to_string() }),
            ),
            9 => ("m.room.name", "", json!({ "name": step.value.to_string() })),
            10 => {
                let rules = ["public", "invite", "knock"];
                let rule = rules[step.value.unsigned_abs() as usize % 3];
                ("m.room.join_rules", "", json!({ "join_rule": rule }))
            }
            11..=14 => {
                let at = self.states[*prev.last().unwrap()].clone();
                // A resolution may leave a room without them.
                let levels = self.entry(&at, "m.room.power_levels", "")?;
                let mut content: Value = levels.content_as().unwrap();
                let creator = target == user(0) && self.version.room_id_is_create_hash();
                if step.what == 14 || creator {
                    content["state_default"] = (step.value.unsigned_abs() % 60).into();
                } else {
                    content["users"][target.as_str()] = step.value.into();
                }
                ("m.room.power_levels", "", content)
            }
            _ => {
                return self
                    .add(&prev, sender, "m.room.message", None, json!({"body": "x"}))
                    .ok();
            }
        };
        let state_key = state_key.to_owned();
        self.add(&prev, sender, event_type, Some(&state_key), content)
            .ok()
    }
}
