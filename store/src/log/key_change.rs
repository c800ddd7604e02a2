//! Changes of devices and their keys, as the log is asked to write them.

use ruma::{OwnedDeviceId, OwnedUserId};

/// Some devices of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These.
    These(Vec<OwnedDeviceId>),
    /// All, but perhaps one.
    AllBut(Option<OwnedDeviceId>),
}

impl Which {
    /// Whether a device is among them.
    pub fn contains(&self, device: &ruma::DeviceId) -> bool {
        match self {
            Self::These(devices) => devices.iter().any(|one| one == device),
            Self::AllBut(kept) => kept.as_deref() != Some(device),
        }
    }

    /// As two parameters of a query: the devices, or the one to keep.
    pub(super) fn as_parameters(&self) -> (Option<Vec<&str>>, Option<&str>) {
        match self {
            Self::These(devices) => (Some(devices.iter().map(|one| one.as_str()).collect()), None),
            Self::AllBut(kept) => (None, kept.as_ref().map(|one| one.as_str())),
        }
    }
}

/// A change of keys.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// A device has identity keys now, or others. Nothing happens if the device is gone.
    Device {
        /// Whose.
        user: OwnedUserId,
        /// Which.
        device: OwnedDeviceId,
        /// A JSON object.
        keys: String,
    },
    /// A user has cross-signing keys now, or others.
    CrossSigning {
        /// Whose.
        user: OwnedUserId,
        /// At most one of each usage.
        keys: Vec<CrossSigningKey>,
        /// Usages whose keys go without being replaced, perhaps.
        dropped: Vec<Usage>,
        /// Whether the user had no master key: it is a conflict if there is one.
        is_first: bool,
    },
    /// Somebody signed keys.
    Signatures {
        /// Who.
        signer: OwnedUserId,
        /// Signatures of their own keys, which all may see.
        own: Vec<KeySignature>,
        /// Signatures of others' keys, which only the signer may see.
        others: Vec<KeySignature>,
    },
    /// A user has a dehydrated device, in place of the one they had.
    Dehydrated(Box<DehydratedDevice>),
}

impl KeyChange {
    /// Whether only the user whose keys they are can see the change: a user-signing key by itself.
    pub(super) fn is_private(&self) -> bool {
        match self {
            Self::CrossSigning { keys, dropped, .. } => {
                let mut usages = keys.iter().map(|key| &key.usage).chain(dropped);
                usages.all(|usage| *usage == Usage::UserSigning)
            }
            _ => false,
        }
    }

    /// How many log entries the change makes.
    pub(super) fn entries(&self) -> usize {
        match self {
            Self::Signatures { own, others, .. } => {
                usize::from(!own.is_empty()) + usize::from(!others.is_empty())
            }
            Self::Device { .. } | Self::CrossSigning { .. } | Self::Dehydrated(_) => 1,
        }
    }
}

/// What a cross-signing key is for, by its number in `cross_signing_keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Usage {
    /// Signs the two others.
    Master = 1,
    /// Signs the user's devices.
    SelfSigning = 2,
    /// Signs other users' master keys.
    UserSigning = 3,
}

/// A row of `cross_signing_keys`.
#[derive(Debug, Clone)]
pub struct CrossSigningKey {
    /// What it is for.
    pub usage: Usage,
    /// The public key.
    pub key_id: String,
    /// The object as it was uploaded, as JSON.
    pub keys: String,
}

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedKey {
    /// A device, by its id.
    Device(String),
    /// A cross-signing key, by its public key.
    CrossSigning(String),
}

impl SignedKey {
    pub(super) fn as_row(&self) -> (i16, &str) {
        match self {
            Self::Device(id) => (1, id),
            Self::CrossSigning(key) => (2, key),
        }
    }
}

/// A row of `key_signatures`.
#[derive(Debug, Clone)]
pub struct KeySignature {
    /// Whose key was signed.
    pub target_user: OwnedUserId,
    /// Which.
    pub target: SignedKey,
    /// The key it was signed with, such as `ed25519:<public key>`.
    pub signer_key: String,
    /// The signature, in base64.
    pub signature: String,
}

/// A one-time key or fallback key.
#[derive(Debug, Clone)]
pub struct PreKey {
    /// Such as `signed_curve25519`.
    pub algorithm: String,
    /// What follows the algorithm in the key's name.
    pub key_id: String,
    /// The key, as JSON.
    pub keys: String,
    /// SHA-256 of the key without its signatures.
    pub fingerprint: [u8; 32],
}

/// A device that only receives (MSC3814).
#[derive(Debug, Clone)]
pub struct DehydratedDevice {
    /// Whose.
    pub user: OwnedUserId,
    /// Its id.
    pub device: OwnedDeviceId,
    /// What it is called.
    pub display_name: Option<String>,
    /// What a client needs to take it up again, as JSON.
    pub device_data: String,
    /// Its identity keys, as JSON.
    pub keys: String,
    /// Its one-time keys.
    pub one_time_keys: Vec<PreKey>,
    /// Its fallback keys, one of each algorithm.
    pub fallback_keys: Vec<PreKey>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
}
